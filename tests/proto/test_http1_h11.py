"""Where h11 and we do not understand the same, nobody is served.

No such bytes are known, so h11 is given others here than we have checked.
"""

import h11
import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import Recovery, RemoteProtocolError
from serverkit_proto.http1_h11 import H11Connection

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def fed_with(monkeypatch: pytest.MonkeyPatch, before: bytes) -> H11Connection:
    """Return a connection whose h11 has received something we have not."""

    def new_reader(_: H11Connection) -> h11.Connection:
        reader = h11.Connection(h11.SERVER, 100_000)
        if before:
            reader.receive_data(before)
        return reader

    monkeypatch.setattr(H11Connection, "_new_reader", new_reader)
    return H11Connection(ProtoConfig(http1="h11"))


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (b"X", "understood differently"),
        (b"\r\n", "no request line"),
        (b"GET / HTTP/1.1\r\nX: ", "understood differently"),
        (b"GET / HTTP/1.1\r\nHost: b\r\nX: ", "multiple Host"),
    ],
)
def test_another_head(monkeypatch: pytest.MonkeyPatch, before: bytes, why: str) -> None:
    """Another method, other fields, or none at all: refused, with h11's words."""
    connection = fed_with(monkeypatch, before)
    connection.receive_data(GET)
    with pytest.raises(RemoteProtocolError, match=why) as caught:
        connection.next_event()
    assert caught.value.code == "SERVERKIT_PARSE_H11_REJECTED"
    assert (caught.value.status, caught.value.recovery) == (400, Recovery.ANSWER)
    assert not connection.keep_alive
    assert connection.next_event() is None


def test_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is complete for us must be complete for h11."""
    connection = fed_with(monkeypatch, b"")
    monkeypatch.setattr(h11.Connection, "next_event", lambda _: h11.NEED_DATA)
    connection.receive_data(GET)
    with pytest.raises(RemoteProtocolError, match="no request"):
        connection.next_event()


@pytest.mark.parametrize(
    ("head", "extra", "body"),
    [
        (POST, b"x", b"abc"),
        (POST, b"xyz", b"a"),
        (CHUNKED, b"1\r\nx\r\n", b"3\r\nabc\r\n"),
        (CHUNKED, b"0\r\n\r\n", b"3\r\nabc\r\n"),
        (CHUNKED, b"x", b"3\r\nabc\r\n"),
    ],
)
def test_another_body(head: bytes, extra: bytes, body: bytes) -> None:
    """More of it, another end, or no chunk: refused."""
    connection = H11Connection(ProtoConfig(http1="h11"))
    connection.receive_data(head)
    assert connection.next_event() is not None
    connection._h11.receive_data(extra)
    connection.receive_data(body)
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next_event()
    assert caught.value.code == "SERVERKIT_PARSE_H11_REJECTED"
