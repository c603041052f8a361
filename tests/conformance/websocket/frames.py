"""Frames as a client writes and reads them, put together and taken apart by hand.

Source: RFC 6455 section 5.2.
"""

from collections.abc import Iterator
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x5a\xc3\x01\xfe"


class Frame(NamedTuple):
    """One frame that the server has sent."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = KEY,
    length_octets: int | None = None,
    said: int | None = None,
) -> bytes:
    """Make a frame as a client sends it, or one that no client may send.

    Args:
        opcode: four bits.
        payload: before masking.
        fin: it is the last of its message.
        rsv: the reserved bits, as a number from 0 to 7.
        key: masks the payload; None: the frame is not masked.
        length_octets: how many octets the length has behind the first: 0, 2 or 8; None: as few
            as can be.
        said: the length in the header, if another than that of the payload.
    """
    size = len(payload) if said is None else said
    if length_octets is None:
        length_octets = 0 if size < 126 else 2 if size < 65_536 else 8
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    second = {0: size, 2: 126, 8: 127}[length_octets] | (0 if key is None else 0x80)
    length = size.to_bytes(length_octets) if length_octets else b""
    masked = payload if key is None else key + mask(payload, key)
    return bytes((first, second)) + length + masked


def mask(payload: bytes, key: bytes) -> bytes:
    """Put the mask on a payload, or take it off."""
    size = len(payload)
    repeated = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)


def fragments(opcode: int, *payloads: bytes, rsv: int = 0) -> list[bytes]:
    """Make the frames of a message that is sent in so many pieces."""
    last = len(payloads) - 1
    return [
        frame(
            CONTINUATION if number else opcode,
            payload,
            fin=number == last,
            rsv=0 if number else rsv,
        )
        for number, payload in enumerate(payloads)
    ]


def cut(payload: bytes, size: int) -> list[bytes]:
    """Cut octets into pieces of that size."""
    return [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Make a close frame; without a code it is empty."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason)


def closed(code: int | None = 1000, reason: bytes = b"") -> Frame:
    """Return a close frame of the server."""
    return Frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason)


def take(received: bytearray) -> Frame | None:
    """Take the first frame from octets of the server, once it is complete; check its form."""
    if len(received) < 2:
        return None
    first, second = received[0], received[1]
    assert second < 0x80, "a server must not mask (5.1)"
    start, size = 2, second
    if second > 125:
        start = 4 if second == 126 else 10
        if len(received) < start:
            return None
        size = int.from_bytes(received[2:start])
        assert size > (125 if second == 126 else 65_535), "a length takes the fewest octets (5.2)"
    if len(received) < start + size:
        return None
    found = Frame(first & 15, bytes(received[start : start + size]), first > 127, first >> 4 & 7)
    del received[: start + size]
    if found.opcode >= CLOSE:
        assert found.fin, "a control frame is not fragmented (5.5)"
        assert size <= 125, "a control frame has at most 125 octets (5.5)"
    return found


def taken(received: bytearray) -> Iterator[Frame]:
    """Take all frames that are complete."""
    while (found := take(received)) is not None:
        yield found
