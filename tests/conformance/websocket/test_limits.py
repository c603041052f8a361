"""RFC 6455 sections 5.4 and 10.4: large messages, many fragments, many messages, in any pieces."""

import pytest

from tests.conformance.websocket.frames import BINARY, TEXT, Frame, closed, cut, fragments, frame
from tests.conformance.websocket.serving import Connect, answer
from tests.conformance.websocket.test_framing import codes

KIB, MIB = 1_024, 1_048_576


def comes_back(
    connect: Connect,
    octets: bytes,
    expected: Frame,
    *,
    at_a_time: int | None = None,
    extensions: str | None = None,
) -> None:
    """Send octets of one message, and see that the message comes back whole."""
    with connect(extensions) as client:
        sender = client.send_meanwhile(octets, at_a_time=at_a_time)
        found = client.read()
        sender.join()
        # Not `==` alone: nobody wants to see the difference of so many octets.
        assert (found.opcode, found.fin, len(found.payload)) == (
            expected.opcode,
            True,
            len(expected.payload),
        )
        assert found.payload == expected.payload
        client.send(frame(8, b"\x03\xe8"))
        assert client.read_to_end() == [closed()]


@pytest.mark.parametrize("size", [256 * KIB, 4 * MIB, 16 * MIB])
def test_a_large_text_comes_back(connect: Connect, size: int) -> None:
    """Up to the limit, which is its own size."""
    comes_back(connect, frame(TEXT, b"*" * size), Frame(TEXT, b"*" * size))


@pytest.mark.parametrize("size", [MIB, 8 * MIB, 16 * MIB])
def test_large_binary_data_comes_back(connect_any: Connect, size: int) -> None:
    """The same for octets of any value."""
    payload = bytes(range(256)) * (size // 256)
    comes_back(connect_any, frame(BINARY, payload), Frame(BINARY, payload))


@pytest.mark.parametrize(
    ("opcode", "size"), [(TEXT, 64), (BINARY, 64), (TEXT, 4 * KIB), (BINARY, 256 * KIB)]
)
def test_a_large_message_comes_in_fragments(connect: Connect, opcode: int, size: int) -> None:
    """4 MiB are 65,536 fragments of 64 octets (5.4)."""
    payload = "0123456789é€𐍈ab".encode() * (4 * MIB // 20)
    octets = b"".join(fragments(opcode, *cut(payload, size)))
    comes_back(connect, octets, Frame(opcode, payload))


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("at_a_time", [64, 997])
def test_a_large_frame_comes_in_small_pieces(connect: Connect, opcode: int, at_a_time: int) -> None:
    """1 MiB in pieces of TCP."""
    payload = b"*" * MIB
    comes_back(connect, frame(opcode, payload), Frame(opcode, payload), at_a_time=at_a_time)


@pytest.mark.parametrize("size", [0, 16, 64, 256, 1_024, 4_096])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_thousand_messages_come_back_one_by_one(connect: Connect, opcode: int, size: int) -> None:
    """The next message is sent when the last one is back."""
    octets, expected = frame(opcode, b"*" * size), Frame(opcode, b"*" * size)
    with connect() as client:
        for _ in range(1_000):
            client.send(octets)
            assert client.read() == expected


@pytest.mark.parametrize("size", [0, 64, 4_096, 65_536])
def test_a_thousand_messages_come_back_all_at_once(connect_any: Connect, size: int) -> None:
    """Nothing is lost or changes places when the queue is full and the client reads slowly."""
    payloads = [b"%06d" % number + b"*" * size for number in range(1_000)]
    with connect_any() as client:
        sender = client.send_meanwhile(b"".join(frame(TEXT, payload) for payload in payloads))
        for payload in payloads:
            assert client.read() == Frame(TEXT, payload)
        sender.join()


def test_one_octet_more_than_the_limit_is_refused(connect: Connect) -> None:
    """1009 says that a message is too big to process (7.4.1), in one frame or in several."""
    over = 16 * MIB + 1
    assert codes(answer(connect, frame(BINARY, b"", said=over))) == [1009]
    first, second = fragments(BINARY, b"a" * (8 * MIB), b"a" * (8 * MIB + 1))
    assert codes(answer(connect, first, second[:14])) == [1009]


def test_the_largest_number_of_fragments(connect: Connect) -> None:
    """100,000 frames make a message; one more is too many, were they empty or not."""
    comes_back(connect, b"".join(fragments(BINARY, *[b""] * 99_999, b"a")), Frame(BINARY, b"a"))
    assert codes(answer(connect, *fragments(BINARY, *[b""] * 100_001)[:100_001])) == [1009]
