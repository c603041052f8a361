"""RFC 6455 sections 5.6 and 8.1: texts are UTF-8, and what is not is found at once."""

import codecs

import pytest

from tests.conformance.websocket.frames import (
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
from tests.conformance.websocket.utf8 import CUT_SHORT, INVALID, VALID, first_wrong

BROKEN = [octets for octets in INVALID if first_wrong(octets) is not None]


def test_the_tables_say_what_python_says() -> None:
    """What is listed as valid or invalid is."""
    for octets in VALID:
        assert octets.decode()
        assert first_wrong(octets) is None
    for octets in (*INVALID, *CUT_SHORT):
        with pytest.raises(UnicodeDecodeError):
            octets.decode()
    for octets in BROKEN:
        wrong = first_wrong(octets) or 0
        codecs.getincrementaldecoder("utf-8")().decode(octets[:wrong])


def test_every_valid_text_comes_back(connect_any: Connect) -> None:
    """Any sequence of Unicode scalar values is a text (5.6); whole, in one breath."""
    with connect_any() as client:
        client.send(b"".join(frame(TEXT, octets) for octets in VALID))
        for octets in VALID:
            assert client.read() == Frame(TEXT, octets)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_valid_text_may_be_cut_within_characters(connect: Connect, size: int) -> None:
    """A fragment need not end where a character ends (5.6)."""
    with connect() as client:
        for octets in VALID:
            client.send(b"".join(fragments(TEXT, *cut(octets, size))))
            assert client.read() == Frame(TEXT, octets)


def test_a_valid_text_may_come_octet_by_octet(connect: Connect) -> None:
    """Nor need a piece of TCP."""
    with connect() as client:
        for octets in VALID:
            client.send(frame(TEXT, octets), at_a_time=1)
            assert client.read() == Frame(TEXT, octets)


def test_control_frames_may_come_within_a_character(connect: Connect) -> None:
    """What has come of a character is kept over pings."""
    with connect() as client:
        for octets in VALID:
            *pieces, last = fragments(TEXT, *cut(octets, 1), b"")
            for piece in pieces:
                client.send(piece + frame(PING))
                assert client.read() == Frame(PONG)
            client.send(last)
            assert client.read() == Frame(TEXT, octets)


@pytest.mark.parametrize("octets", [*INVALID, *CUT_SHORT], ids=bytes.hex)
def test_an_invalid_text_is_refused(connect: Connect, octets: bytes) -> None:
    """A text that is not UTF-8 fails the connection with 1007 (8.1)."""
    assert codes(answer(connect, frame(TEXT, octets))) == [1007]


@pytest.mark.parametrize("octets", BROKEN, ids=bytes.hex)
def test_an_invalid_fragment_is_refused_before_the_rest(connect: Connect, octets: bytes) -> None:
    """Fragments up to the first wrong octet are taken; that one, and no other, ends it (8.1)."""
    wrong = first_wrong(octets)
    assert wrong is not None
    with connect() as client:
        client.send(frame(TEXT, b"", fin=False))
        for piece in cut(octets[:wrong], 1):
            client.send(frame(CONTINUATION, piece, fin=False))
        client.send(frame(PING))
        assert client.read() == Frame(PONG)
        client.send(frame(CONTINUATION, octets[wrong : wrong + 1], fin=False))
        assert codes(client.read_to_end()) == [1007]


@pytest.mark.parametrize("before", [0, 1, 1_000, 70_000])
@pytest.mark.parametrize("octets", [*BROKEN[:2], BROKEN[-1], b"\xff", b"\xc0"], ids=bytes.hex)
def test_an_invalid_frame_is_refused_before_its_end(
    connect_any: Connect, octets: bytes, before: int
) -> None:
    """Nobody waits for the rest of a frame that is wrong already (8.1)."""
    wrong = first_wrong(octets)
    assert wrong is not None
    begun = frame(TEXT, b"a" * before + octets + b"b" * 100_000)
    header = len(frame(TEXT, b"", length_octets=8))
    with connect_any() as client:
        client.send(begun[: header + before])
        client.send(begun[header + before : header + before + wrong], at_a_time=1)
        client.send(begun[header + before + wrong : header + before + wrong + 1])
        assert codes(client.read_to_end()) == [1007]


@pytest.mark.parametrize("octets", CUT_SHORT, ids=bytes.hex)
def test_a_character_that_is_cut_short_is_refused_at_the_end(
    connect: Connect, octets: bytes
) -> None:
    """A text may not end within a character, in whatever fragment the message ends (8.1)."""
    with connect() as client:
        client.send(frame(TEXT, octets, fin=False) + frame(PING))
        assert client.read() == Frame(PONG)
        client.send(frame(CONTINUATION, b"", fin=True))
        assert codes(client.read_to_end()) == [1007]


@pytest.mark.parametrize("octets", INVALID[::4], ids=bytes.hex)
def test_what_is_not_utf8_may_be_binary(connect: Connect, octets: bytes) -> None:
    """Only texts are UTF-8 (5.6)."""
    assert answer_and_close(connect, frame(2, octets)) == [Frame(2, octets), closed()]
