"""RFC 6455 sections 4.2, 4.4, 9.1 and 11.3: the opening handshake."""

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import new_connection
from serverkit_proto.errors import LocalProtocolError, Recovery, RemoteProtocolError
from serverkit_proto.events import RequestReceived
from serverkit_proto.websocket_deflate import Extension
from serverkit_proto.websocket_handshake import is_websocket_upgrade, read_extensions
from tests.conformance.rfc6455.asking import (
    ACCEPT,
    KEY,
    accepted,
    asked,
    refused,
    understood,
    written,
)


@pytest.fixture(params=[True, False], ids=["whole", "octets"])
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether the request comes at once."""
    return bool(request.param)


def test_the_example_is_understood(whole: bool) -> None:  # noqa: FBT001  a fixture
    """A handshake as in section 1.3 is accepted with the proof that is given there (4.2.2)."""
    handshake = understood(asked(("Sec-WebSocket-Protocol", "chat, superchat"), whole=whole))
    assert handshake.accept == ACCEPT
    assert handshake.subprotocols == ("chat", "superchat")
    assert handshake.deflate is None


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "get", "QUERY"])
def test_the_method_is_get(method: str) -> None:
    """Another method is refused (4.2.1 item 1)."""
    error = refused(asked(line=f"{method} /chat HTTP/1.1"))
    assert (error.status, error.code) == (400, "SERVERKIT_WEBSOCKET_BAD_METHOD")
    assert error.recovery is Recovery.ANSWER


def test_the_version_of_http_is_1_1() -> None:
    """A request of HTTP/1.0 is none for a WebSocket (4.2.1 item 1)."""
    request = asked(line="GET /chat HTTP/1.0")
    assert not request.upgrade
    assert not is_websocket_upgrade(request)


def test_there_is_a_host() -> None:
    """A handshake without a Host is refused as any request is (4.2.1 item 2)."""
    connection = new_connection(ProtoConfig())
    connection.receive_data(written(host=None))
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next_event()
    assert caught.value.code == "SERVERKIT_PARSE_MISSING_HOST"


@pytest.mark.parametrize(
    "value", ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "a,,websocket"]
)
def test_upgrade_lists_websocket(value: str) -> None:
    """The keyword is found in any case and place (4.2.1 item 3)."""
    assert understood(asked(upgrade=value)).accept == ACCEPT


@pytest.mark.parametrize("value", ["h2c", "websockets", "web socket", "websocket/13", "", None])
def test_no_other_upgrade_is_ours(value: str | None) -> None:
    """What only looks alike is a plain request (4.2.1 item 3)."""
    assert not is_websocket_upgrade(asked(upgrade=value))


@pytest.mark.parametrize(
    "value", ["Upgrade", "upgrade", "keep-alive, Upgrade", "UPGRADE,keep-alive", "a ,\tuPgRaDe"]
)
def test_connection_has_the_option_upgrade(value: str) -> None:
    """The token is found in any case and place (4.2.1 item 4)."""
    assert understood(asked(connection=value)).accept == ACCEPT


def test_connection_may_have_several_lines() -> None:
    """All lines of Connection and Upgrade are taken together (4.2.1 items 3 and 4)."""
    request = asked(
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), connection="a", upgrade="b"
    )
    assert understood(request).accept == ACCEPT


@pytest.mark.parametrize("value", ["keep-alive", "Upgraded", "not-upgrade", "up grade", None])
def test_without_that_option_nothing_is_upgraded(value: str | None) -> None:
    """What only looks alike is a plain request (4.2.1 item 4)."""
    request = asked(connection=value)
    assert not request.upgrade
    assert not is_websocket_upgrade(request)


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25j",  # 15 bytes
        "dGhlIHNhbXBsZSBub25jZWU=",  # 17 bytes
        "dGhlIHNhbXBsZSBub25j*Q==",
        "dGhlIHNhbXBsZSBub25j Q==",
        "dGhlIHNhbXBsZSBub25-ZQ==",
        f"{KEY}, {KEY}",
    ],
)
def test_the_key_is_16_bytes_in_base64(key: str | None) -> None:
    """A key that is missing or anything else is refused (4.2.1 item 5)."""
    error = refused(asked(sec_websocket_key=key))
    assert (error.status, error.code) == (400, "SERVERKIT_WEBSOCKET_BAD_KEY")


def test_there_is_one_key() -> None:
    """A second key is refused (11.3.1)."""
    assert refused(asked(("Sec-WebSocket-Key", KEY))).code == "SERVERKIT_WEBSOCKET_BAD_KEY"


@pytest.mark.parametrize("version", ["0", "8", "7", "14", "013", "13, 8", "+13", "1 3", "", None])
def test_another_version_is_told_which_one_there_is(version: str | None) -> None:
    """The answer is 426 with the version that is spoken here (4.2.1 item 6, 4.2.2, 4.4)."""
    error = refused(asked(sec_websocket_version=version))
    assert (error.status, error.code) == (426, "SERVERKIT_WEBSOCKET_BAD_VERSION")
    assert dict(error.fields) == {
        b"sec-websocket-version": b"13",
        b"upgrade": b"websocket",
        b"connection": b"Upgrade, close",
    }


def test_there_is_one_version() -> None:
    """A second version is refused (11.3.5)."""
    assert refused(asked(("Sec-WebSocket-Version", "13"))).status == 426


def test_the_version_is_told_before_anything_else_is_judged() -> None:
    """An old client has no key, and must be told the version to ask for (4.4)."""
    assert refused(asked(sec_websocket_version="0", sec_websocket_key=None)).status == 426


@pytest.mark.parametrize("field", [("Content-Length", "1"), ("Transfer-Encoding", "chunked")])
def test_there_is_no_body(field: tuple[str, str]) -> None:
    """A handshake that declares a body is refused: where frames begin would be unclear."""
    error = refused(asked(field))
    assert (error.status, error.code) == (400, "SERVERKIT_WEBSOCKET_BODY")


def test_an_empty_body_is_none() -> None:
    """A length of zero is harmless."""
    assert understood(asked(("Content-Length", "0"))).accept == ACCEPT


def test_fields_not_known_are_ignored() -> None:
    """Cookies, an origin and anything else do not disturb (4.2.1 items 7 and 10)."""
    request = asked(("Origin", "http://example.com"), ("Cookie", "a=b"), ("X-What", "ever"))
    assert understood(request).accept == ACCEPT


# Subprotocols.


@pytest.mark.parametrize(
    ("values", "offered"),
    [
        (["chat"], ("chat",)),
        (["chat,superchat"], ("chat", "superchat")),
        (["chat", "Chat"], ("chat", "Chat")),
        ([" a ,\tb , , c "], ("a", "b", "c")),
        (["v10.stomp, graphql-ws!#$%&'*+-.^_`|~"], ("v10.stomp", "graphql-ws!#$%&'*+-.^_`|~")),
    ],
)
def test_subprotocols_are_listed_in_order(values: list[str], offered: tuple[str, ...]) -> None:
    """Several lines are one list; case counts (11.3.4)."""
    request = asked(*(("Sec-WebSocket-Protocol", value) for value in values))
    assert understood(request).subprotocols == offered


@pytest.mark.parametrize("value", ["a b", 'a, "b"', "a/b", "a;b", "a=1", "\xe9", "a, a", "", ","])
def test_subprotocols_are_different_tokens(value: str) -> None:
    """What breaks the grammar of the field is refused (4.2.1, 4.1 item 10)."""
    error = refused(asked(("Sec-WebSocket-Protocol", value)))
    assert (error.status, error.code) == (400, "SERVERKIT_WEBSOCKET_BAD_SUBPROTOCOL")


def test_the_subprotocol_is_one_of_those_offered() -> None:
    """The chosen one is in the answer, and only one that was offered can be chosen (4.2.2)."""
    handshake = understood(asked(("Sec-WebSocket-Protocol", "chat, superchat")))
    assert (b"sec-websocket-protocol", b"superchat") in accepted(
        handshake, subprotocol="superchat"
    ).fields
    for other in ("Chat", "chat, superchat", "", "other"):
        with pytest.raises(LocalProtocolError) as caught:
            accepted(handshake, subprotocol=other)
        assert caught.value.code == "SERVERKIT_APP_BAD_SUBPROTOCOL"


def test_no_subprotocol_is_no_field() -> None:
    """If none is chosen the field is left out (4.2.2)."""
    handshake = understood(asked(("Sec-WebSocket-Protocol", "chat")))
    assert b"sec-websocket-protocol" not in dict(accepted(handshake).fields)


# Extensions.


@pytest.mark.parametrize(
    ("value", "extensions"),
    [
        ("foo", [("foo", [])]),
        ("foo, bar; baz=2", [("foo", []), ("bar", [("baz", "2")])]),
        ("foo; a; b = c ;d", [("foo", [("a", None), ("b", "c"), ("d", None)])]),
        ('foo; a="b"', [("foo", [("a", "b")])]),
        ('foo; a="\\b\\c"; d', [("foo", [("a", "bc"), ("d", None)])]),
        (" ,foo ,, bar,", [("foo", []), ("bar", [])]),
    ],
)
def test_extensions_are_read(
    value: str, extensions: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    """Values may be tokens or quoted; unknown extensions do not disturb (9.1)."""
    request = asked(("Sec-WebSocket-Extensions", value))
    assert read_extensions(request.headers) == tuple(
        Extension(name, tuple(parameters)) for name, parameters in extensions
    )
    assert understood(request).deflate is None


@pytest.mark.parametrize(
    "value",
    [
        *("", ",", ";", "foo;", "foo bar", "foo; a=", "foo; a==b", "foo; =b", "foo/1", "foo; a b"),
        *('foo; a="b', 'foo; a=b"', 'foo; a="b c"', 'foo; a=""', 'foo; a="\\"', "foo; a=\xe9", "@"),
    ],
)
def test_extensions_that_break_the_grammar_are_refused(value: str) -> None:
    """A recipient that cannot read the field must not go on (9.1, 4.2.1)."""
    error = refused(asked(("Sec-WebSocket-Extensions", value)))
    assert (error.status, error.code) == (400, "SERVERKIT_WEBSOCKET_BAD_EXTENSION")


def test_no_extension_is_accepted_that_was_not_offered() -> None:
    """Without an offer the answer has no such field (4.2.2, 9.1)."""
    for more in ([], [("Sec-WebSocket-Extensions", "x-webkit-deflate-frame")]):
        head = accepted(understood(asked(*more)))
        assert b"sec-websocket-extensions" not in dict(head.fields)


# The answer.


def test_the_answer_switches_protocols() -> None:
    """It is 101 with Upgrade, Connection and the proof, in this order (4.2.2 step 5)."""
    block = accepted(understood(asked())).block
    assert block == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"upgrade: websocket\r\n"
        b"connection: Upgrade\r\n"
        b"sec-websocket-accept: " + ACCEPT + b"\r\n\r\n"
    )


def test_what_follows_the_handshake_are_frames() -> None:
    """Bytes that came with the request, or come later, are not read as HTTP (4.2.2)."""
    connection = new_connection(ProtoConfig())
    connection.receive_data(written() + b"GET / HTTP/1.1\r\n")
    request = connection.next_event()
    assert isinstance(request, RequestReceived)
    head = accepted(understood(request))
    assert connection.switch_protocols(head) == b"GET / HTTP/1.1\r\n"
    assert b"".join(connection.data_to_send()) == head.block
    connection.receive_data(b"Host: a\r\n\r\n")
    assert connection.next_event() is None
    assert connection.buffered == 0
    assert not connection.keep_alive
