"""A message that comes in pieces."""

import codecs

from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket_deflate import Inflater
from serverkit_proto.websocket_masking import unmask

MAX_RECENT = 1_024
"""So many pieces are kept apart. A piece of one byte costs fifty; a message is not to be that
much larger than the limit on its size."""


def not_utf8() -> WebSocketError:
    """Make the error for a text message that is no text (RFC 6455 section 8.1)."""
    return WebSocketError(1007, "a text message is not UTF-8")


class Pieces[T: (str, bytes)]:
    """The pieces of a message, in order.

    Owner: one WebSocket.
    """

    __slots__ = ("_empty", "_joined", "_recent")

    def __init__(self, empty: T) -> None:
        self._empty: T = empty
        self._joined: list[T] = []
        self._recent: list[T] = []

    def append(self, piece: T) -> None:
        """Add one at the end."""
        self._recent.append(piece)
        if len(self._recent) >= MAX_RECENT:
            self._joined.append(self._empty.join(self._recent))
            self._recent.clear()

    def take(self) -> T:
        """Give the whole, and begin anew."""
        whole: T = self._empty.join(self._joined + self._recent)
        self._joined.clear()
        self._recent.clear()
        return whole


class PartialFrame:
    """A data frame that is a whole message, while it comes.

    Owner: one WebSocket.

    Args:
        left: Size of the payload in bytes, at least 1.
        mask: The key of the frame.
        text: It is a text, not binary.
        inflater: None for a message that is not deflated.

    Attributes:
        left: So much of the payload is still to come.
    """

    __slots__ = ("_binary", "_inflater", "_mask", "_rest", "_text", "left")

    def __init__(self, left: int, mask: bytes, *, text: bool, inflater: Inflater | None) -> None:
        self.left = left
        self._mask = mask
        self._inflater = inflater
        self._text = Pieces("") if text else None
        self._binary = Pieces(b"")
        self._rest = b""  # a character of which a part has come

    def feed(self, data: bytes | bytearray | memoryview) -> str | bytes | None:
        """Take more of the payload.

        Returns:
            The message, when all of it is here.

        Raises:
            WebSocketError: It is too large (1009), or is not UTF-8 or cannot be inflated (1007).
        """
        piece = unmask(data, self._mask)
        self.left -= len(piece)
        end = not self.left
        turn = len(piece) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        if self._inflater is not None:
            piece = self._inflater.inflate(piece, end=end)
        if self._text is None:
            self._binary.append(piece)
            return self._binary.take() if end else None
        if self._rest:
            piece = self._rest + piece
        try:
            text, used = codecs.utf_8_decode(piece, "strict", end)
        except UnicodeDecodeError:
            raise not_utf8() from None
        self._rest = piece[used:]
        self._text.append(text)
        return self._text.take() if end else None
