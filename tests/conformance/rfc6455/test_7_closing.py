"""RFC 6455 section 7: what may be said at the end, and failing a connection."""

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, Recovery, WebSocketError
from serverkit_proto.websocket import CloseReceived, WebSocket
from tests.conformance.rfc6455.conftest import Read
from tests.proto.framing import close_frame, frame, sent_close, unframed

REGISTERED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
PRIVATE = [3000, 3999, 4000, 4999]


@pytest.mark.parametrize("code", [*REGISTERED, *PRIVATE])
def test_codes_that_mean_something(read: Read, code: int) -> None:
    """Registered codes and those of the open ranges are given as they came (7.4.1, 7.4.2)."""
    heard = read(close_frame(code, b"why"))
    assert heard.closed == (code, "why")
    assert sent_close(heard.sent) == (code, b"why")


@pytest.mark.parametrize(
    "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
def test_codes_that_must_not_be_sent_fail_the_connection(read: Read, code: int) -> None:
    """Codes reserved for telling, unused or undefined end in 1002 (7.4.1, 7.4.2)."""
    heard = read(close_frame(code, b"why"))
    assert heard.failed == 1002
    assert heard.events == []
    closed = sent_close(heard.sent)
    assert closed is not None
    assert closed[0] == 1002


@pytest.mark.parametrize("code", [*REGISTERED, *PRIVATE])
def test_codes_we_may_send(code: int) -> None:
    """The frame has code and reason as given (7.4.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close(code, "why")
    assert sent_close(b"".join(websocket.data_to_send())) == (code, b"why")


@pytest.mark.parametrize(
    "code", [-1, 0, 999, 1004, 1005, 1006, 1015, 5000, 65_536, True, None, "1000"]
)
def test_codes_we_must_not_send(code: object) -> None:
    """They are refused, and the WebSocket is as it was (7.4.1, 7.4.2)."""
    websocket = WebSocket(ProtoConfig(), None)
    with pytest.raises(LocalProtocolError) as caught:
        websocket.close(code)  # type: ignore[arg-type]  # on purpose
    assert caught.value.code == "SERVERKIT_APP_BAD_CLOSE_CODE"
    assert not websocket.close_sent
    assert websocket.data_to_send() == []
    websocket.send_message("on")


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("x" * 123, b"x" * 123),
        ("x" * 124, b"x" * 123),
        ("\u00e9" * 62, "\u00e9".encode() * 61),
        ("x\U0001d11e" + "\U0001d11e" * 40, b"x" + "\U0001d11e".encode() * 30),
        ("\ud800", b"?"),
    ],
)
def test_a_long_reason_is_cut_at_a_character(reason: str, sent: bytes) -> None:
    """The frame stays within 125 bytes and its reason stays UTF-8 (5.5, 7.1.6)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.close(1000, reason)
    assert sent_close(b"".join(websocket.data_to_send())) == (1000, sent)


@pytest.mark.parametrize("reason", [b"\xff", b"abc\xc3", b"\xed\xa0\x80", b"x" * 121 + b"\xc3("])
def test_a_reason_is_utf8(read: Read, reason: bytes) -> None:
    """A reason that is not ends in 1007 (7.1.6, 8.1)."""
    heard = read(close_frame(1000, reason))
    assert heard.failed == 1007
    assert heard.events == []
    assert sent_close(heard.sent) == (1007, b"the reason of a close frame is not UTF-8")


def test_failing_stops_all_reading(read: Read) -> None:
    """The error is raised once, the peer is told once, nothing more is read (7.1.7)."""
    heard = read(frame(b"a") + frame(b"", 3) + frame(b"late") + close_frame(1000))
    assert heard.messages == ["a"]
    assert len(heard.events) == 1
    assert heard.failed == 1002
    (closing,) = unframed(heard.sent)
    assert closing[0] == 0x88


def test_what_the_error_says() -> None:
    """It has code, reason and what can still be done: nothing but to close (7.1.7)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.receive_data(frame(b"\xff"))
    with pytest.raises(WebSocketError) as caught:
        websocket.next_event()
    error = caught.value
    assert (error.close_code, error.reason) == (1007, "a text message is not UTF-8")
    assert error.code == "SERVERKIT_WEBSOCKET_INVALID_DATA"
    assert error.recovery is Recovery.CLOSE
    assert websocket.close_sent
    assert not websocket.close_received
    assert sent_close(b"".join(websocket.data_to_send())) == (1007, error.reason.encode())
    assert websocket.buffered == 0


def test_a_normal_end(read: Read) -> None:
    """Messages, then the close frames of both: that is a clean close (7.1.4)."""
    heard = read(frame(b"a") + frame(b"b") + close_frame(1000, b"done"))
    assert heard.messages == ["a", "b"]
    assert heard.events[-1] == CloseReceived(1000, "done")
