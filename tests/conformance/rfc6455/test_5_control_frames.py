"""RFC 6455 section 5.5: close, ping and pong."""

from collections.abc import Callable

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, WebSocketError
from serverkit_proto.websocket import CloseReceived, MessageReceived, PongReceived, WebSocket
from tests.conformance.rfc6455.conftest import Read
from tests.proto.framing import (
    CLOSE,
    PING,
    PONG,
    Heard,
    close_frame,
    frame,
    listen,
    sent_close,
    unframed,
)


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\xff\x00\x80", b"x" * 125])
def test_a_ping_is_answered_with_the_same(read: Read, payload: bytes) -> None:
    """The pong has the data of the ping, which need not be text (5.5.2, 5.5.3)."""
    heard = read(frame(payload, PING))
    assert unframed(heard.sent) == [(0x8A, payload)]
    assert heard.events == []


def test_each_of_several_pings_is_answered(read: Read) -> None:
    """Ten pings have ten pongs, in their order (5.5.2)."""
    pings = [b"payload-%d" % count for count in range(10)]
    heard = read(b"".join(frame(payload, PING) for payload in pings))
    assert unframed(heard.sent) == [(0x8A, payload) for payload in pings]


def test_a_flood_of_pings_is_answered_for_the_latest(fast: bool) -> None:  # noqa: FBT001
    """What waits is bounded: of many pings the most recent ones are answered (5.5.3)."""
    websocket = WebSocket(ProtoConfig(), None, _fast=fast)
    for count in range(10_000):
        websocket.receive_data(frame(b"%d" % count, PING))
        assert websocket.next_event() is None
    pongs = [payload for _, payload in unframed(b"".join(websocket.data_to_send()))]
    assert pongs == [b"%d" % count for count in range(10_000 - 64, 10_000)]


def test_a_pong_that_nobody_asked_for_is_told_and_not_answered(read: Read) -> None:
    """It is a sign of life and nothing more (5.5.3)."""
    heard = read(frame(b"alive", PONG))
    assert heard.events == [PongReceived(b"alive")]
    assert heard.sent == b""


def test_our_ping() -> None:
    """It has the data it is given, at most 125 bytes (5.5, 5.5.2)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.ping()
    websocket.ping(b"x" * 125)
    with pytest.raises(LocalProtocolError, match="at most 125 bytes, not 126"):
        websocket.ping(b"x" * 126)
    sent = b"".join(websocket.data_to_send())
    assert unframed(sent) == [(0x89, b""), (0x89, b"x" * 125)]


def test_a_ping_is_answered_while_we_close(read: Read) -> None:
    """Only the peer's close frame ends the duty to answer (5.5.2)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close()
    websocket.receive_data(frame(b"still", PING))
    assert websocket.next_event() is None
    assert unframed(b"".join(websocket.data_to_send())) == [(0x88, b"\x03\xe8"), (0x8A, b"still")]


def test_a_ping_before_the_close_frame_is_answered_before_it(read: Read) -> None:
    """The pong leaves before our close frame, after which nothing is expected (5.5.2)."""
    heard = read(frame(b"p", PING) + close_frame(1000) + frame(b"q", PING))
    assert unframed(heard.sent) == [(0x8A, b"p"), (0x88, b"\x03\xe8")]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going"), (3000, "\u00e9" * 61), (4999, "x" * 123)]
)
def test_a_close_frame_is_answered_with_its_code(read: Read, code: int, reason: str) -> None:
    """The answer is a close frame with the same code, and the last frame (5.5.1)."""
    heard = read(frame(b"a") + close_frame(code, reason.encode()))
    assert heard.closed == (code, reason)
    assert sent_close(heard.sent) == (code, reason.encode())


def test_a_close_frame_without_code_is_answered_without(read: Read) -> None:
    """The application is told 1005; on the wire there is no code (5.5.1, 7.1.5)."""
    heard = read(close_frame(None))
    assert heard.closed == (1005, "")
    assert unframed(heard.sent) == [(0x88, b"")]


def test_nothing_is_read_after_a_close_frame(read: Read) -> None:
    """Whatever follows is ignored, wrong or right (5.5.1, 1.4)."""
    rest = frame(b"late") + frame(b"", PING) + frame(b"", 7, key=None) + close_frame(1001)
    heard = read(close_frame(1000) + rest)
    assert heard.events == [CloseReceived(1000, "")]
    assert heard.error is None
    assert unframed(heard.sent) == [(0x88, b"\x03\xe8")]


def test_no_data_follows_our_close_frame() -> None:
    """After it neither messages nor pings nor another one can be sent (5.5.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close(1001, "bye")
    assert websocket.close_sent
    sends: list[Callable[[], None]] = [
        lambda: websocket.send_message("x"),
        lambda: websocket.send_message(b"x"),
        websocket.ping,
        websocket.close,
    ]
    for send in sends:
        with pytest.raises(LocalProtocolError, match="cannot be sent now"):
            send()
    assert unframed(b"".join(websocket.data_to_send())) == [(0x88, b"\x03\xe9bye")]


def test_the_answer_to_our_close_frame_ends_it() -> None:
    """It is not answered again; messages that came before it are given (5.5.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close(1001)
    websocket.data_to_send()
    heard = Heard()
    websocket.receive_data(frame(b"under way") + close_frame(1001))
    listen(websocket, heard)
    assert heard.events == [MessageReceived("under way"), CloseReceived(1001, "")]
    assert websocket.close_received
    assert heard.sent == b""
    assert websocket.data_to_send() == []


def test_both_close_at_once() -> None:
    """Two close frames that cross are both final; neither is answered (5.5.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.receive_data(close_frame(3000, b"theirs"))  # has come and is not read yet
    websocket.close(1001, "ours")
    assert websocket.next_event() == CloseReceived(3000, "theirs")
    assert unframed(b"".join(websocket.data_to_send())) == [(0x88, b"\x03\xe9ours")]
    assert websocket.next_event() is None


def test_an_error_after_our_close_frame_sends_nothing() -> None:
    """There is one close frame only (5.5.1, 7.1.7)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close()
    websocket.data_to_send()
    websocket.receive_data(frame(b"", 7))
    with pytest.raises(WebSocketError):
        websocket.next_event()
    assert websocket.data_to_send() == []


@pytest.mark.parametrize("payload", [b"\x03", b"\x00", b"\xff"])
def test_a_body_of_one_byte_is_none(read: Read, payload: bytes) -> None:
    """A body begins with a code of two bytes (5.5.1)."""
    heard = read(frame(payload, CLOSE))
    assert heard.failed == 1002
    assert heard.events == []
