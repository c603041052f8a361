"""Frames as clients send them, and a WebSocket that is driven with them."""

import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import (
    CloseReceived,
    MessageReceived,
    WebSocket,
    WebSocketEvent,
)
from serverkit_proto.websocket_deflate import DeflateParameters

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x37\xfa\x21\x3d"
DEFLATE = DeflateParameters(server_max_window_bits=12, client_max_window_bits=12)
CONFIG = ProtoConfig()


def frame(
    payload: bytes = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = KEY,
    length: int | None = None,
    width: int | None = None,
) -> bytes:
    """Return a frame.

    Args:
        payload: Before it is masked.
        opcode: Four bits.
        fin: The last of its message.
        rsv: The reserved bits, 4 for RSV1.
        key: None for a frame that is not masked.
        length: What the header says instead of the payload's length.
        width: How many bytes after the second say it: 0, 2 or 8; by default as few as can.
    """
    if length is None:
        length = len(payload)
    if width is None:
        width = 0 if length < 126 else 2 if length < 65_536 else 8
    second = {0: length, 2: 126, 8: 127}[width] | (0 if key is None else 0x80)
    header = bytes((fin << 7 | rsv << 4 | opcode, second))
    header += length.to_bytes(8)[8 - width :]
    return header + (payload if key is None else key + masked(payload, key))


def masked(payload: bytes, key: bytes) -> bytes:
    """Put the mask on a payload, or take it off, byte by byte as the RFC says it."""
    if not any(key):
        return payload
    return bytes(byte ^ key[position % 4] for position, byte in enumerate(payload))


def close_frame(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return frame(b"" if code is None else code.to_bytes(2) + reason, CLOSE)


def deflated(data: bytes, *, bits: int = 12, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Deflate a message on its own."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -bits)
    return (stream.compress(data) + stream.flush(mode))[:-4]


@dataclass
class Heard:
    """What a WebSocket made of what it was fed."""

    events: list[WebSocketEvent] = field(default_factory=list)
    error: WebSocketError | None = None
    sent: bytes = b""

    @property
    def messages(self) -> list[str | bytes]:
        """The messages."""
        return [event.data for event in self.events if isinstance(event, MessageReceived)]

    @property
    def failed(self) -> int | None:
        """The close code of the error."""
        return None if self.error is None else self.error.close_code

    @property
    def closed(self) -> tuple[int, str]:
        """What the peer's close frame said."""
        assert self.error is None
        event = self.events[-1]
        assert isinstance(event, CloseReceived)
        return event.code, event.reason


def hear(
    pieces: Iterable[bytes],
    deflate: DeflateParameters | None = None,
    config: ProtoConfig = CONFIG,
    *,
    fast: bool = True,
) -> tuple[Heard, WebSocket]:
    """Feed the pieces, take what there is after each; go on after an error, as if it were none."""
    websocket = WebSocket(config, deflate, _fast=fast)
    heard = Heard()
    for piece in pieces:
        websocket.receive_data(piece)
        listen(websocket, heard)
    return heard, websocket


def listen(websocket: WebSocket, heard: Heard) -> None:
    """Take all events that are there, and what is to be sent."""
    try:
        while (event := websocket.next_event()) is not None:
            heard.events.append(event)
    except WebSocketError as error:
        assert heard.error is None
        heard.error = error
    heard.sent += b"".join(websocket.data_to_send())


def unframed(data: bytes) -> list[tuple[int, bytes]]:
    """Take frames of a server apart: the first byte and the payload of each."""
    frames = []
    while data:
        first, length = data[0], data[1]
        width = {126: 2, 127: 8}.get(length, 0)
        if width:
            length = int.from_bytes(data[2 : 2 + width])
        end = 2 + width + length
        assert len(data) >= end
        frames.append((first, data[2 + width : end]))
        data = data[end:]
    return frames


def sent_close(data: bytes) -> tuple[int, bytes] | None:
    """Return code and reason of the one close frame among those a server sent."""
    closes = [payload for first, payload in unframed(data) if first & 0x0F == CLOSE]
    if not closes:
        return None
    (payload,) = closes
    return (int.from_bytes(payload[:2]), payload[2:]) if payload else (1005, b"")


def split(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut bytes at positions, given in any order."""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)]
