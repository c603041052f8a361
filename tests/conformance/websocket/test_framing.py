"""RFC 6455 section 5.2: messages of one frame, of any size, in any pieces of TCP."""

import pytest

from tests.conformance.websocket.frames import BINARY, TEXT, Frame, closed, frame
from tests.conformance.websocket.serving import Connect, answer, answer_and_close

SIZES = (0, 1, 125, 126, 127, 128, 65_535, 65_536)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_any_size_comes_back(connect_any: Connect, opcode: int, size: int) -> None:
    """Lengths of 7, 16 and 64 bits say where a frame ends (5.2)."""
    payload = b"*" * size if opcode == TEXT else b"\xfe" * size
    expected = [Frame(opcode, payload), closed()]
    assert answer_and_close(connect_any, frame(opcode, payload)) == expected


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_comes_in_pieces_of_997_octets(connect: Connect, opcode: int) -> None:
    """TCP may cut a frame anywhere."""
    payload = b"*" * 65_536
    octets = frame(opcode, payload)
    expected = [Frame(opcode, payload), closed()]
    assert answer_and_close(connect, octets, at_a_time=997) == expected


@pytest.mark.parametrize("size", [0, 1, 125, 126, 2_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_comes_octet_by_octet(connect_any: Connect, opcode: int, size: int) -> None:
    """TCP may cut a header, too."""
    payload = b"*" * size
    octets = frame(opcode, payload)
    expected = [Frame(opcode, payload), closed()]
    assert answer_and_close(connect_any, octets, at_a_time=1) == expected


def test_a_length_of_64_bits_comes_octet_by_octet(connect: Connect) -> None:
    """The same for the longest header, with a payload that comes after it at once."""
    octets = frame(BINARY, b"\x80" * 65_536)
    with connect() as client:
        client.send(octets[:20], at_a_time=1)
        client.send(octets[20:])
        assert client.read() == Frame(BINARY, b"\x80" * 65_536)


@pytest.mark.parametrize("size", [0, 1, 5, 126, 65_536])
def test_a_key_of_zeros_masks_as_any_other(connect: Connect, size: int) -> None:
    """Every key is a key (5.3)."""
    payload = b"a" * size
    octets = frame(TEXT, payload, key=b"\x00\x00\x00\x00")
    assert answer_and_close(connect, octets) == [Frame(TEXT, payload), closed()]


@pytest.mark.parametrize("size", range(10))
def test_the_key_begins_with_each_frame(connect: Connect, size: int) -> None:
    """Octet i is masked with octet i modulo 4 of its own frame's key (5.3)."""
    payload = bytes(range(0x41, 0x41 + size))
    octets = [frame(TEXT, payload, key=bytes((n, n + 1, 3 * n, 255 - n))) for n in range(5)]
    expected = [*[Frame(TEXT, payload)] * 5, closed()]
    assert answer_and_close(connect, *octets, frames=5) == expected


@pytest.mark.parametrize("size", [0, 5, 126, 65_536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_is_not_masked_is_refused(connect: Connect, opcode: int, size: int) -> None:
    """A server closes on a frame that is not masked, from its header on (5.1)."""
    with connect() as client:
        client.send(frame(opcode, b"a" * size, key=None)[:14])
        end = client.read()
        assert (end.opcode, end.payload[:2]) == closed(1002)[:2]


@pytest.mark.parametrize(
    ("size", "length_octets"), [(0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65_535, 8)]
)
def test_a_length_takes_the_fewest_octets(connect: Connect, size: int, length_octets: int) -> None:
    """The minimal number of octets must be used (5.2)."""
    octets = frame(BINARY, b"a" * size, length_octets=length_octets)
    assert codes(answer(connect, octets[:200])) == [1002]


@pytest.mark.parametrize("said", [1 << 63, (1 << 64) - 1])
def test_the_highest_bit_of_a_length_is_zero(connect: Connect, said: int) -> None:
    """The most significant bit of 64 must be 0 (5.2); as it is too large, 1009 says so as well."""
    octets = frame(BINARY, b"a", length_octets=8, said=said)
    assert codes(answer(connect, octets)) in ([1002], [1009])


@pytest.mark.parametrize("said", [16_777_217, (1 << 32) + 1, (1 << 63) - 1])
def test_what_is_said_to_be_too_large_is_refused_at_once(connect: Connect, said: int) -> None:
    """Nobody waits for octets that will not be taken (7.4.1, 10.4)."""
    octets = frame(BINARY, b"a" * 100, length_octets=8, said=said)
    assert codes(answer(connect, octets)) == [1009]


def codes(frames: list[Frame]) -> list[int]:
    """Return the codes of close frames; nothing else may be there."""
    assert all(found.opcode == 8 for found in frames), frames
    return [int.from_bytes(found.payload[:2]) for found in frames]
