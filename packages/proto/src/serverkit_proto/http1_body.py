"""The chunked transfer coding (RFC 9112 section 7.1), without leniency."""

import enum
import re

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import RemoteProtocolError, refuse
from serverkit_proto.headers import FORBIDDEN_TRAILERS, TOKEN_CHARACTERS
from serverkit_proto.http1_head import LONE_LINE_END, read_fields

MAX_EXTENSIONS_SIZE = 4_096
"""Most bytes of chunk extensions in one message."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[^\r\n]*)?\r\n").match
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}(?![0-9A-Fa-f])").match
# Bad white space (RFC 9110 section 5.6.3) is read within extensions, but not after the size,
# where readers disagree. Possessive quantifiers: no input makes this back-track.
_EXTENSIONS = re.compile(
    rb"(?:;[ \t]*+[%(token)b]++[ \t]*+"
    rb"(?:=[ \t]*+(?:[%(token)b]++|\"(?:[\t !#-\[\]-~]|\\[\t -~])*+\")[ \t]*+)?+)++"
    % {b"token": TOKEN_CHARACTERS}
).fullmatch

type Trailers = tuple[tuple[bytes, bytes], ...]


class _State(enum.Enum):
    SIZE = enum.auto()
    """A line with the size of a chunk comes next."""
    DATA = enum.auto()
    DATA_END = enum.auto()
    """The CRLF after the data of a chunk comes next."""
    TRAILERS = enum.auto()
    COMPLETE = enum.auto()


class ChunkedDecoder:
    """Takes the content of one message out of its chunks.

    Owner: the connection whose message it is.

    Attributes:
        complete: The last chunk and the trailer section are read.
        trailers: The trailer fields, once complete.
        error: What is wrong with the bytes after those decoded. Kept, not raised, so that the
            content before it is not lost; decode must not be called again.
    """

    __slots__ = (
        "_config",
        "_extensions_left",
        "_remaining",
        "_searched",
        "_state",
        "error",
        "trailers",
    )

    def __init__(self, config: ProtoConfig) -> None:
        self._config = config
        self._extensions_left = MAX_EXTENSIONS_SIZE
        self._remaining = 0  # bytes of the current chunk still to come
        self._searched = 0  # bytes of the trailer section that hold no end of it
        self._state = _State.SIZE
        self.error: RemoteProtocolError | None = None
        self.trailers: Trailers = ()

    @property
    def complete(self) -> bool:
        """Whether the message is at its end."""
        return self._state is _State.COMPLETE

    def decode(self, buffer: bytes | bytearray, position: int) -> tuple[bytes, int]:
        """Take what can be taken from the buffer.

        Args:
            buffer: What has been received.
            position: Where in it the undecoded bytes begin.

        Returns:
            The content, and the position after what was decoded.
        """
        content: list[bytes] = []
        try:
            while position < len(buffer):
                before = position
                match self._state:
                    case _State.SIZE:
                        position = self._read_size(buffer, position)
                    case _State.DATA:
                        end = min(position + self._remaining, len(buffer))
                        content.append(bytes(buffer[position:end]))
                        self._remaining -= end - position
                        position = end
                        if not self._remaining:
                            self._state = _State.DATA_END
                    case _State.DATA_END:
                        position = self._read_data_end(buffer, position)
                    case _State.TRAILERS:
                        position = self._read_trailers(buffer, position)
                    case _State.COMPLETE:
                        break
                if position == before:  # no step can be made without more bytes
                    break
        except RemoteProtocolError as error:
            self.error = error
        return content[0] if len(content) == 1 else b"".join(content), position

    def _read_size(self, buffer: bytes | bytearray, position: int) -> int:
        line = _SIZE_LINE(buffer, position)
        if line is None:
            self._check_unfinished_size(buffer, position)
            return position
        size, extensions = line.groups()
        if extensions:
            self._extensions_left -= len(extensions)
            if self._extensions_left < 0:
                raise refuse("CHUNK_EXTENSIONS_TOO_LARGE")
            if _EXTENSIONS(extensions) is None:
                raise refuse("BAD_CHUNK_EXTENSION")
        self._remaining = int(size, 16)
        self._state = _State.DATA if self._remaining else _State.TRAILERS
        return line.end()

    def _check_unfinished_size(self, buffer: bytes | bytearray, position: int) -> None:
        """Refuse a line that no further byte can make a good one."""
        digits = _SIZE(buffer, position)
        if digits is None:
            raise refuse("BAD_CHUNK_SIZE")
        if buffer[digits.end() : digits.end() + 1] not in (b"", b";", b"\r", b"\n"):
            raise refuse("BAD_CHUNK_SIZE")
        if buffer.find(b"\n", position) >= 0:  # behind a CR it would have been a good line
            raise refuse("BARE_LINE_END")
        if len(buffer) - digits.end() > self._extensions_left + 1:
            raise refuse("CHUNK_EXTENSIONS_TOO_LARGE")

    def _read_data_end(self, buffer: bytes | bytearray, position: int) -> int:
        end = buffer[position : position + 2]
        if end == b"\r\n":
            self._state = _State.SIZE
            return position + 2
        if end not in (b"", b"\r"):
            raise refuse("BAD_CHUNK_END")
        return position

    def _read_trailers(self, buffer: bytes | bytearray, position: int) -> int:
        if buffer.startswith(b"\r\n", position):
            self._state = _State.COMPLETE
            return position + 2
        limit = position + self._config.max_header_size
        end = buffer.find(b"\r\n\r\n", position + max(self._searched - 3, 0), limit)
        if end < 0:
            if LONE_LINE_END(buffer, max(position + self._searched - 1, position), limit):
                raise refuse("BARE_LINE_END")
            if len(buffer) >= limit:
                raise refuse("TRAILERS_TOO_LARGE")
            self._searched = len(buffer) - position
            return position
        self.trailers = read_trailers(bytes(buffer[position:end]), self._config)
        self._state = _State.COMPLETE
        return end + 4


def read_trailers(section: bytes, config: ProtoConfig) -> Trailers:
    """Parse a trailer section (without its empty line).

    Raises:
        RemoteProtocolError: It is malformed, too large, or has a forbidden field.
    """
    try:
        pairs = read_fields(b"\r\n" + section, 0, config.max_headers)
    except RemoteProtocolError as error:
        if error.code == "SERVERKIT_PARSE_BARE_LINE_END":
            raise
        raise refuse("TRAILERS_TOO_LARGE" if error.status == 431 else "BAD_TRAILER") from None
    trailers = tuple((name.lower(), value) for name, value in pairs)
    if not FORBIDDEN_TRAILERS.isdisjoint(dict(trailers)):
        raise refuse("FORBIDDEN_TRAILER")
    return trailers
