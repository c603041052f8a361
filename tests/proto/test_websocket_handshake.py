"""The answer to a handshake: what the application may add, and what it may not."""

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.response import ResponseHeads
from serverkit_proto.websocket_deflate import DeflateParameters
from serverkit_proto.websocket_handshake import Handshake, accept_head, accept_key
from tests.proto.driving import OK, drive, head, ready, sent

HANDSHAKE = Handshake(
    accept=accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
    subprotocols=("chat", "Super"),
    deflate=DeflateParameters(answer=b"permessage-deflate; server_max_window_bits=12"),
)
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


def accept(
    *fields: tuple[bytes, bytes], subprotocol: str | None = None, heads: ResponseHeads | None = None
) -> list[bytes]:
    """Return the lines of the answer."""
    head = accept_head(heads or ResponseHeads(), HANDSHAKE, subprotocol=subprotocol, fields=fields)
    assert head.status == 101
    lines = head.block.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines[1:] == [b"%b: %b" % field for field in head.fields]
    return lines


def test_the_whole_answer() -> None:
    """Ours first, then what every response has, then what the application adds."""
    heads = ResponseHeads(server=b"serverkit")
    heads.set_date(b"Sun, 06 Nov 1994 08:49:37 GMT")
    assert accept(
        (b"X-One", b" 1 "), (b"set-cookie", b"a"), (b"set-cookie", b"b"), heads=heads
    ) == [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        b"sec-websocket-extensions: permessage-deflate; server_max_window_bits=12",
        b"date: Sun, 06 Nov 1994 08:49:37 GMT",
        b"server: serverkit",
        b"x-one: 1",
        b"set-cookie: a",
        b"set-cookie: b",
    ]


def test_its_own_server_and_date_stay() -> None:
    """The application's fields take the place of ours."""
    heads = ResponseHeads(server=b"serverkit")
    heads.set_date(b"Sun, 06 Nov 1994 08:49:37 GMT")
    lines = accept((b"Server", b"mine"), (b"date", b"today"), heads=heads)
    assert lines[-2:] == [b"server: mine", b"date: today"]
    assert len(lines) == 7


def test_the_subprotocol_as_a_field() -> None:
    """It may be given as a field instead, and must be one of those offered then as well."""
    assert b"sec-websocket-protocol: Super" in accept((b"Sec-WebSocket-Protocol", b"Super"))
    with pytest.raises(LocalProtocolError) as caught:
        accept((b"Sec-WebSocket-Protocol", b"other"))
    assert caught.value.code == "SERVERKIT_APP_BAD_SUBPROTOCOL"
    assert "chat, Super" in str(caught.value)


def test_the_subprotocol_twice() -> None:
    """One choice is enough."""
    with pytest.raises(LocalProtocolError) as caught:
        accept((b"Sec-WebSocket-Protocol", b"chat"), subprotocol="chat")
    assert caught.value.code == "SERVERKIT_APP_BAD_HEADER"
    with pytest.raises(LocalProtocolError) as caught:
        accept((b"Sec-WebSocket-Protocol", b"chat"), (b"sec-websocket-protocol", b"chat"))
    assert caught.value.code == "SERVERKIT_APP_BAD_HEADER"


def test_what_was_offered_is_named() -> None:
    """The error helps: it says what could have been chosen, even if that is nothing."""
    none = Handshake(accept=b"", subprotocols=(), deflate=None)
    with pytest.raises(LocalProtocolError, match=r"'chat' is not .* offered: none"):
        accept_head(ResponseHeads(), none, subprotocol="chat", fields=())


@pytest.mark.parametrize(
    "name",
    [
        *(b"Sec-WebSocket-Accept", b"sec-websocket-extensions", b"Upgrade", b"Connection"),
        *(b"Content-Length", b"Transfer-Encoding", b"keep-alive", b"proxy-connection", b"Trailer"),
    ],
)
@pytest.mark.parametrize("deflate", [True, False])
def test_fields_that_are_not_the_applications(name: bytes, deflate: bool) -> None:  # noqa: FBT001
    """What belongs to the handshake or frames a message is refused."""
    handshake = Handshake(
        accept=b"", subprotocols=(), deflate=HANDSHAKE.deflate if deflate else None
    )
    with pytest.raises(LocalProtocolError) as caught:
        accept_head(ResponseHeads(), handshake, subprotocol=None, fields=[(name, b"1")])
    assert caught.value.code == "SERVERKIT_APP_BAD_HEADER"
    assert name.lower().decode() in str(caught.value)


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ((b"a b", b""), "SERVERKIT_APP_BAD_HEADER_NAME"),
        ((b"a", b"x\r\ny: z"), "SERVERKIT_APP_BAD_HEADER_VALUE"),
        (("a", "b"), "SERVERKIT_APP_BAD_HEADER"),
        ((b"a",), "SERVERKIT_APP_BAD_HEADER"),
    ],
)
def test_fields_are_checked_as_those_of_responses(field: object, code: str) -> None:
    """There is one grammar for all fields."""
    with pytest.raises(LocalProtocolError) as caught:
        accept(field)  # type: ignore[arg-type]  # on purpose
    assert caught.value.code == code


# The connection.


def test_a_refused_version_is_an_offer_to_upgrade() -> None:
    """A 426 has Upgrade, and so names it among the options of the connection."""
    connection = ready(UPGRADE)
    response = head(426, (b"upgrade", b"websocket"), (b"content-length", b"0"))
    connection.send_response(response, b"", close=True)
    assert sent(connection).endswith(
        b"upgrade: websocket\r\ncontent-length: 0\r\nconnection: upgrade, close\r\n\r\n"
    )


@pytest.mark.parametrize("engine", ["fast", "h11"])
def test_upgrade_is_seen_by_each_engine(engine: str) -> None:
    """The option is found with the head in one piece, in many, and after a plain request."""
    config = ProtoConfig(http1=engine)  # type: ignore[arg-type]  # one of the two
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for pieces in ([plain + UPGRADE], [plain + UPGRADE[:30], UPGRADE[30:]]):
        outcome, _ = drive(pieces, config)
        assert [message.request.upgrade for message in outcome.messages] == [False, True]


@pytest.mark.parametrize("engine", ["fast", "h11"])
def test_protocols_are_switched_by_each_engine(engine: str) -> None:
    """What came after the head is given back, and nothing is read any more."""
    config = ProtoConfig(http1=engine)  # type: ignore[arg-type]  # one of the two
    connection = ready(UPGRADE + b"\x81\x80abcd", config)
    head = ResponseHeads().switching(((b"upgrade", b"x"),))
    assert connection.switch_protocols(head) == b"\x81\x80abcd"
    assert sent(connection) == b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"
    assert connection.response_complete
    assert not connection.keep_alive
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.next_event() is None
    with pytest.raises(LocalProtocolError):
        connection.send_response(OK, b"ok")
    with pytest.raises(LocalProtocolError):
        connection.switch_protocols(head)


def test_protocols_are_not_switched_within_a_body() -> None:
    """Where the next protocol begins is known when the request is complete only."""
    connection = ready(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
    with pytest.raises(LocalProtocolError, match="a switch of protocols cannot be sent now"):
        connection.switch_protocols(ResponseHeads().switching(()))
    assert sent(connection) == b""
