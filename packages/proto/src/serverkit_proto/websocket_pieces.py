"""A message that comes in pieces."""

import codecs

from serverkit_proto.errors import WebSocketError

MAX_RECENT = 1_024
"""So many pieces are kept apart. A piece of one byte costs fifty; a message is not to be that
much larger than the limit on its size."""


def not_utf8() -> WebSocketError:
    """Make the error for a text message that is no text (RFC 6455 section 8.1)."""
    return WebSocketError(1007, "a text message is not UTF-8")


def ends_in_surrogate(data: bytes) -> bool:
    """Tell whether the last two bytes are the beginning of a surrogate, which no UTF-8 has.

    CPython waits for the third byte before it says so.
    """
    return data[-2:-1] == b"\xed" and data[-1] >= 0xA0


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
        if piece:
            self._recent.append(piece)
            if len(self._recent) >= MAX_RECENT:
                self._joined.append(self._empty.join(self._recent))
                self._recent.clear()

    def take(self) -> T:
        """Give the whole, and begin anew."""
        whole: T = self._empty.join(self._joined + self._recent)
        self._joined = []
        self._recent.clear()
        return whole


class TextPieces(Pieces[str]):
    """The pieces of a text that comes as bytes."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        super().__init__("")
        self._rest = b""  # a character of which a part has come

    def add(self, data: bytes, *, end: bool) -> str | None:
        """Take more; give the whole when it ends.

        Raises:
            WebSocketError: It is not UTF-8, whatever may follow (1007).
        """
        if self._rest:
            data = self._rest + data
        try:
            text, used = codecs.utf_8_decode(data, "strict", end)
        except UnicodeDecodeError:
            raise not_utf8() from None
        if used == len(data):
            self._rest = b""
        else:
            self._rest = data[used:]
            if ends_in_surrogate(self._rest):
                raise not_utf8()
        self.append(text)
        return self.take() if end else None


class BinaryPieces(Pieces[bytes]):
    """The pieces of a binary message."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(b"")

    def add(self, data: bytes, *, end: bool) -> bytes | None:
        """Take more; give the whole when it ends."""
        self.append(data)
        return self.take() if end else None
