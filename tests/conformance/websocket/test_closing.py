"""RFC 6455 sections 5.5.1 and 7: how a WebSocket is closed, and which codes say so."""

import pytest

from tests.conformance.websocket.frames import (
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Frame,
    close,
    closed,
    fragments,
    frame,
)
from tests.conformance.websocket.serving import Connect, answer
from tests.conformance.websocket.test_framing import codes

VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)
OWN_CODES = (3000, 3999, 4000, 4999)
INVALID_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)


@pytest.mark.parametrize("code", [*VALID_CODES, *OWN_CODES])
def test_a_close_is_answered_with_its_code(connect_any: Connect, code: int) -> None:
    """The answer typically echoes the code (5.5.1); then the server closes the connection first."""
    assert answer(connect_any, close(code)) == [closed(code)]


@pytest.mark.parametrize("code", INVALID_CODES)
def test_a_code_that_must_not_be_sent_is_refused(connect: Connect, code: int) -> None:
    """Reserved and undefined codes are never on the wire (7.4)."""
    assert codes(answer(connect, close(code))) == [1002]
    assert codes(answer(connect, close(code, b"with a reason"))) == [1002]


def test_a_close_without_a_code_is_answered_without_one(connect_any: Connect) -> None:
    """A close frame may be empty (5.5.1)."""
    assert answer(connect_any, close(None)) == [closed(None)]


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"*" * 123, "Grüße €".encode()])
def test_a_reason_is_sent_back(connect: Connect, reason: bytes, at_a_time: int | None) -> None:
    """A reason has at most 123 octets of UTF-8 (5.5.1)."""
    answered = answer(connect, close(1000, reason), at_a_time=at_a_time)
    assert codes(answered) == [1000]
    assert answered[0].payload[2:] in (b"", reason)


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xe8" + b"*" * 124, b"\x03\xe8" + b"*" * 200])
def test_a_malformed_close_is_refused(connect: Connect, payload: bytes) -> None:
    """A payload is empty or begins with two octets, and has at most 125 (5.5.1, 5.5)."""
    assert codes(answer(connect, frame(CLOSE, payload))) == [1002]


@pytest.mark.parametrize("reason", [b"\xff", b"Hello \xed\xa0\x80", b"\xce\xba\xe1\xbd", b"\xc0"])
def test_a_reason_that_is_not_utf8_is_refused(connect: Connect, reason: bytes) -> None:
    """A reason is UTF-8 (5.5.1)."""
    assert codes(answer(connect, close(1000, reason))) == [1007]


@pytest.mark.parametrize(
    "later",
    [
        frame(TEXT, b"never"),
        frame(PING),
        close(1001),
        frame(CONTINUATION, b"fragment2"),
        frame(3, b"reserved", rsv=7),
        frame(TEXT, b"\xff"),
        frame(TEXT, b"a" * 32_768),
        b"\x00" * 32_768,
    ],
    ids=["text", "ping", "close", "continuation", "reserved", "not UTF-8", "large", "no frames"],
)
def test_nothing_is_answered_behind_a_close(connect: Connect, later: bytes) -> None:
    """After a close frame any further data is ignored (5.5.1); the connection ends cleanly."""
    with connect() as client:
        client.send(close() + later)
        assert client.read_to_end() == [closed()]


@pytest.mark.parametrize("code", [1000, 1001, 4000, None])
def test_a_message_that_was_begun_is_no_reason_not_to_close(
    connect: Connect, code: int | None
) -> None:
    """A close frame may come between fragments (5.4, 5.5.1)."""
    first, second = fragments(TEXT, b"fragment1", b"fragment2")
    assert answer(connect, first, close(code)) == [closed(code)]
    assert answer(connect, first, close(code), second) == [closed(code)]
    assert answer(connect, first, frame(PING), close(code))[-1] == closed(code)


def test_a_message_before_a_close_is_answered_before_it(connect_any: Connect) -> None:
    """A large message is sent in full, and then the close frame (5.5.1)."""
    with connect_any() as client:
        client.send(frame(TEXT, b"a" * 262_144))
        assert client.read() == Frame(TEXT, b"a" * 262_144)
        client.send(close())
        assert client.read_to_end() == [closed()]


def test_the_server_closes_the_connection_and_waits_for_no_one(connect: Connect) -> None:
    """The server closes the TCP connection first (7.1.1), of many clients at once as well."""
    clients = [connect() for _ in range(50)]
    for client in clients:
        client.send(close(4000 + 7))
    for client in clients:
        with client:
            assert client.read_to_end() == [closed(4007)]
