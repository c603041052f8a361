"""permessage-deflate: what is agreed on, and the inflating and deflating (RFC 7692)."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from serverkit_proto.errors import WebSocketError

NAME = "permessage-deflate"
WINDOW_BITS = 12
"""Our windows have at most 4 KiB, so that a connection costs 32 KiB to deflate, not 256."""
MEMORY_LEVEL = 5
LEVEL = 4
"""A third less time than zlib's default of 6, for 6 % more bytes: docs/decisions/0021."""
STEP = 262_144
"""So many bytes are inflated at once, so that the limit is noticed in time."""
MAX_STREAMS = 100
"""So many times a message may say that its deflated data ends, and go on: each costs as much time
as a frame, and takes two bytes."""
SMALLEST_DEFLATED = 64
"""Messages of fewer bytes are sent as they are: deflating them gains nothing."""

_TAIL = b"\x00\x00\xff\xff"
_BITS = re.compile(r"[89]|1[0-5]").fullmatch


class Extension(NamedTuple):
    """An extension that a client offers, with its parameters."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflateParameters:
    """What client and server have agreed on.

    Attributes:
        server_no_context_takeover: We begin each message with an empty window.
        client_no_context_takeover: The client does.
        server_max_window_bits: Size of our window, as a power of two: 9 to 15.
        client_max_window_bits: Size of the client's window: 8 to 15.
        answer: The value of our Sec-WebSocket-Extensions.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    answer: bytes = b"permessage-deflate"


def negotiate(offers: Iterable[Extension]) -> DeflateParameters | None:
    """Accept the first offer of permessage-deflate that can be honoured.

    Returns:
        None when there is none.

    Source: RFC 7692 sections 5.1 and 7.1.
    """
    for offer in offers:
        if offer.name == NAME:
            parameters = _accept(offer)
            if parameters is not None:
                return parameters
    return None


def _accept(offer: Extension) -> DeflateParameters | None:
    """Accept one offer, or decline it: for what is unknown, repeated, malformed or too small."""
    given = dict(offer.parameters)
    if len(given) != len(offer.parameters):
        return None
    server_alone = client_alone = hinted = False
    server_bits, client_bits = WINDOW_BITS, 15
    for name, value in given.items():
        match name:
            case "server_no_context_takeover" if value is None:
                server_alone = True
            case "client_no_context_takeover" if value is None:
                client_alone = True
            # zlib cannot deflate with a window of 8 bits without its own header.
            case "server_max_window_bits" if value is not None and _BITS(value) and value != "8":
                server_bits = min(int(value), WINDOW_BITS)
            case "client_max_window_bits" if value is None or _BITS(value):
                client_bits = min(int(value or 15), WINDOW_BITS)
                hinted = True
            case _:
                return None
    answer = [NAME]
    if server_alone:
        answer.append("server_no_context_takeover")
    if client_alone:
        answer.append("client_no_context_takeover")
    answer.append(f"server_max_window_bits={server_bits}")
    if hinted:
        answer.append(f"client_max_window_bits={client_bits}")
    return DeflateParameters(
        server_no_context_takeover=server_alone,
        client_no_context_takeover=client_alone,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
        answer="; ".join(answer).encode("ascii"),
    )


class Deflater:
    """Deflates the messages we send.

    Owner: one WebSocket.
    """

    __slots__ = ("_alone", "_bits", "_stream")

    def __init__(self, parameters: DeflateParameters) -> None:
        self._bits = -parameters.server_max_window_bits
        self._alone = parameters.server_no_context_takeover
        self._stream: zlib._Compress | None = None

    def deflate(self, data: bytes) -> bytes:
        """Deflate a message.

        Source: RFC 7692 section 7.2.1.
        """
        stream = self._stream
        if stream is None:
            stream = zlib.compressobj(LEVEL, zlib.DEFLATED, self._bits, MEMORY_LEVEL)
            if not self._alone:
                self._stream = stream
        return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Inflater:
    """Inflates the messages we receive, up to a limit.

    Owner: one WebSocket.
    """

    __slots__ = ("_alone", "_bits", "_limit", "_size", "_stream", "_streams")

    def __init__(self, parameters: DeflateParameters, limit: int) -> None:
        # Not 8: zlib's own deflating with 8 bits uses a window of 9.
        self._bits = -max(parameters.client_max_window_bits, 9)
        self._alone = parameters.client_no_context_takeover
        self._limit = limit
        self._size = 0  # of the message, as far as it is inflated
        self._stream: zlib._Decompress | None = None
        self._streams = 0  # so many of the message have ended

    def inflate(self, data: bytes, *, end: bool) -> bytes:
        """Inflate a piece of a message.

        Args:
            data: May be empty.
            end: It is the last of the message.

        Raises:
            WebSocketError: The message is too large (1009), or it is not deflated (1007).

        Source: RFC 7692 section 7.2.2.
        """
        pieces: list[bytes] = []
        try:
            self._inflate_into(pieces, data)
            if end:
                self._inflate_into(pieces, _TAIL)
                self._size = self._streams = 0
                if self._alone:
                    self._stream = None
        except zlib.error:
            raise WebSocketError(1007, "a message cannot be inflated") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _inflate_into(self, pieces: list[bytes], data: bytes) -> None:
        while True:
            stream = self._stream
            if stream is None:
                stream = self._stream = zlib.decompressobj(self._bits)
            piece = stream.decompress(data, STEP)
            if piece:
                self._size += len(piece)
                if self._size > self._limit:
                    raise WebSocketError(1009, "a message is too large")
                pieces.append(piece)
            if stream.eof:
                # A block said to be the last one, which the next message or the tail follows
                # (RFC 7692 section 7.2.3.4).
                self._stream = None
                self._streams += 1
                if self._streams > MAX_STREAMS:
                    raise WebSocketError(1007, "the deflated data of a message ends too often")
                data = stream.unused_data
            else:
                data = stream.unconsumed_tail
            if not data:
                return
