"""RFC 6455 section 5.5: pings, pongs, and what every control frame must be."""

import pytest

from tests.conformance.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    fragments,
    frame,
)
from tests.conformance.websocket.serving import Connect, answer, answer_and_close
from tests.conformance.websocket.test_framing import codes

HELLO = Frame(TEXT, b"Hello")


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize(
    "payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125]
)
def test_a_ping_is_answered_with_what_it_carries(
    connect_any: Connect, payload: bytes, at_a_time: int | None
) -> None:
    """A pong has the application data of its ping (5.5.3)."""
    expected = [Frame(PONG, payload), closed()]
    assert answer_and_close(connect_any, frame(PING, payload), at_a_time=at_a_time) == expected


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("size", [126, 127, 65_536])
def test_a_control_frame_has_at_most_125_octets(connect: Connect, opcode: int, size: int) -> None:
    """A longer one fails the connection, from its header on (5.5)."""
    assert codes(answer(connect, frame(opcode, b"a" * size)[:14])) == [1002]


@pytest.mark.parametrize("opcode", [PING, PONG, 8])
def test_a_control_frame_is_not_fragmented(connect: Connect, opcode: int) -> None:
    """FIN must be set (5.5)."""
    octets = frame(opcode, b"", fin=False), frame(CONTINUATION)
    assert codes(answer(connect, *octets)) == [1002]


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
def test_a_pong_that_nobody_asked_for_is_ignored(connect: Connect, payload: bytes) -> None:
    """It may be a heartbeat (5.5.3)."""
    expected = [Frame(PONG, b"ping payload"), HELLO, closed()]
    octets = frame(PONG, payload), frame(PING, b"ping payload"), frame(TEXT, b"Hello")
    assert sorted(answer_and_close(connect, *octets, frames=2)) == sorted(expected)


@pytest.mark.parametrize("at_a_time", [None, 1])
def test_ten_pings_get_ten_pongs_in_order(connect_any: Connect, at_a_time: int | None) -> None:
    """Only pings that have been overtaken need no answer; these are few (5.5.3)."""
    pings = [frame(PING, b"payload-%d" % number) for number in range(10)]
    expected = [Frame(PONG, b"payload-%d" % number) for number in range(10)]
    answered = answer_and_close(connect_any, *pings, frames=10, at_a_time=at_a_time)
    assert answered == [*expected, closed()]


def test_a_flood_of_pings_is_answered_with_the_latest(connect: Connect) -> None:
    """Of many pings in one breath at least the last is answered; nothing else comes (5.5.3)."""
    pings = [frame(PING, b"%d" % number) for number in range(20_000)]
    with connect() as client:
        sender = client.send_meanwhile(b"".join(pings) + frame(TEXT, b"Hello"))
        frames = [client.read()]
        while frames[-1] != HELLO:
            frames.append(client.read())
        client.send(close())
        frames += client.read_to_end()
        sender.join()
    numbers = [int(found.payload) for found in frames if found.opcode == PONG]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 19_999
    assert [found for found in frames if found.opcode != PONG] == [HELLO, closed()]


@pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, 8, PING, PONG])
def test_a_reserved_bit_without_an_extension_is_refused(
    connect: Connect, opcode: int, rsv: int
) -> None:
    """RSV1, 2 and 3 must be 0 unless an extension says what they mean (5.2)."""
    assert codes(answer(connect, frame(opcode, b"", rsv=rsv))) == [1002]


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"payload"])
def test_a_reserved_opcode_is_refused(connect: Connect, opcode: int, payload: bytes) -> None:
    """An unknown opcode fails the connection (5.2)."""
    assert codes(answer(connect, frame(opcode, payload))) == [1002]


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize(
    "wrong",
    [
        frame(TEXT, b"wrong", rsv=2),
        frame(TEXT, b"wrong", rsv=4),
        frame(3),
        frame(4, b"reserved"),
        frame(11),
        frame(12, b"reserved"),
        frame(CONTINUATION, b"continues nothing"),
        frame(PING, b"a" * 126),
        frame(TEXT, b"\xff"),
        frame(TEXT, b"not masked", key=None),
    ],
    ids=[
        *("RSV2", "RSV1", "opcode 3", "opcode 4", "opcode 11", "opcode 12"),
        *("continuation", "long ping", "not UTF-8", "not masked"),
    ],
)
def test_what_was_right_before_an_error_is_answered_first(
    connect_any: Connect, wrong: bytes, at_a_time: int | None
) -> None:
    """A message that is complete reaches the application, and its answer leaves, in one read too.

    What comes behind the error is not looked at (7.1.7).
    """
    octets = frame(TEXT, b"Hello"), wrong, frame(PING), frame(TEXT, b"never")
    first, *others = answer(connect_any, *octets, at_a_time=at_a_time)
    assert first == HELLO
    assert len(codes(others)) == 1


@pytest.mark.parametrize("at_a_time", [None, 1])
def test_pings_within_a_message_are_answered_before_it(
    connect: Connect, at_a_time: int | None
) -> None:
    """Control frames may be injected in the middle of a fragmented message (5.4)."""
    first, second = fragments(TEXT, b"Hel", b"lo")
    octets = first, frame(PING, b"between"), second
    expected = [Frame(PONG, b"between"), HELLO, closed()]
    assert answer_and_close(connect, *octets, frames=2, at_a_time=at_a_time) == expected
