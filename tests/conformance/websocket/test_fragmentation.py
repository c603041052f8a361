"""RFC 6455 section 5.4: messages in fragments, with control frames between them, in all orders."""

import itertools

import pytest

from tests.conformance.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    closed,
    cut,
    fragments,
    frame,
)
from tests.conformance.websocket.serving import Connect, answer, answer_and_close
from tests.conformance.websocket.test_framing import codes

WHOLE = Frame(TEXT, b"fragment1fragment2")
FIRST, LAST = fragments(TEXT, b"fragment1", b"fragment2")


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    "payloads",
    [
        (b"fragment1", b"fragment2"),
        (b"", b""),
        (b"", b"", b""),
        (b"", b"middle", b""),
        (b"first", b"", b""),
        (b"", b"", b"last"),
        (b"a",) * 100,
        (b"a" * 125, b"b" * 126, b"c" * 127),
    ],
)
def test_fragments_are_put_together(
    connect_any: Connect, opcode: int, payloads: tuple[bytes, ...], at_a_time: int | None
) -> None:
    """A message is what its fragments are, one after the other (5.4)."""
    octets = fragments(opcode, *payloads)
    expected = [Frame(opcode, b"".join(payloads)), closed()]
    assert answer_and_close(connect_any, *octets, at_a_time=at_a_time) == expected


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize(
    "where",
    [*itertools.product([0, 1], repeat=6)][1::4],
    ids=lambda where: "".join(map(str, where)),
)
def test_pings_between_fragments_are_answered_at_once(
    connect: Connect, where: tuple[int, ...], at_a_time: int | None
) -> None:
    """A ping wherever it may be gets its pong before the message of which it is in the middle."""
    octets: list[bytes] = []
    pongs = []
    for number, (pinged, piece) in enumerate(
        zip(where, fragments(TEXT, *[b"ab"] * 6), strict=True)
    ):
        if pinged:
            octets.append(frame(PING, b"%d" % number))
            pongs.append(Frame(PONG, b"%d" % number))
        octets.append(piece)
    answered = answer_and_close(connect, *octets, frames=sum(where) + 1, at_a_time=at_a_time)
    assert answered == [*pongs, Frame(TEXT, b"ab" * 6), closed()]


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("payload", [b"", b"nothing to continue"])
def test_a_continuation_of_nothing_is_refused(
    connect: Connect, payload: bytes, at_a_time: int | None, *, fin: bool
) -> None:
    """A continuation frame needs a message that has begun (5.4)."""
    octets = frame(CONTINUATION, payload, fin=fin), frame(TEXT, b"never")
    assert codes(answer(connect, *octets, at_a_time=at_a_time)) == [1002]


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_behind_a_complete_message_is_refused(
    connect: Connect, at_a_time: int | None, *, fin: bool
) -> None:
    """A message that was complete is not continued (5.4); it has been answered."""
    octets = FIRST, LAST, frame(CONTINUATION, b"fragment3", fin=fin), frame(TEXT, b"never")
    first, *others = answer(connect, *octets, at_a_time=at_a_time)
    assert first == WHOLE
    assert codes(others) == [1002]


@pytest.mark.parametrize("at_a_time", [None, 1])
@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize(("begun", "other"), [*itertools.product([TEXT, BINARY], repeat=2)])
def test_a_message_within_another_is_refused(
    connect: Connect, begun: int, other: int, at_a_time: int | None, *, fin: bool
) -> None:
    """Fragments of one message are not interleaved with those of another (5.4)."""
    octets = frame(begun, b"fragment1", fin=False), frame(other, b"fragment2", fin=fin)
    assert codes(answer(connect, *octets, at_a_time=at_a_time)) == [1002]


def test_control_frames_come_through_between_slow_fragments(connect: Connect) -> None:
    """Nothing waits for the rest of a message (5.4)."""
    with connect() as client:
        for number in range(5):
            client.send(fragments(TEXT, *[b"%d" % number] * 2)[0])
            for ping in range(2):
                client.send(frame(PING, b"%d" % ping))
                assert client.read() == Frame(PONG, b"%d" % ping)
            client.send(frame(CONTINUATION, b"", fin=True))
            assert client.read() == Frame(TEXT, b"%d" % number)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1, 64, 1_300, 4_096])
def test_a_message_is_fragmented_by_its_sender(connect: Connect, opcode: int, size: int) -> None:
    """What a library cuts by itself is one message all the same."""
    payload = b"*" * (65_536 if size > 1 else 4_096)
    octets = fragments(opcode, *cut(payload, size))
    assert answer_and_close(connect, *octets) == [Frame(opcode, payload), closed()]
