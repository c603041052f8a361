"""One WebSocket after its handshake: bytes in, events out; messages in, bytes out."""

from collections import deque
from typing import NamedTuple

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, WebSocketError
from serverkit_proto.websocket_deflate import (
    SMALLEST_DEFLATED,
    DeflateParameters,
    Deflater,
    Inflater,
)
from serverkit_proto.websocket_states import TRANSITIONS, Action, Event, State
from serverkit_proto.websocket_wsproto import Close, DataPiece, FrameReader, Ping

LARGE = 65_536
"""From this size in bytes on, a payload is handed on as it is instead of being joined."""
MAX_PONGS = 64
"""So many pongs wait to be sent; beyond that only the latest pings are answered."""
MAX_REASON_SIZE = 123
"""Largest reason of a close frame in bytes."""
MAX_CONTROL_SIZE = 125
MAX_PIECES = 1_024
"""So many pieces of a message are kept apart, before they are put together."""

_MASKED = 0x80
_FORBIDDEN_CODES = frozenset({1004, 1005, 1006, 1015})
_NO_CODE = 1005
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_RSV1 = 0x40
_OPEN = State.OPEN


class MessageReceived(NamedTuple):
    """A whole message."""

    data: str | bytes
    """Text or binary, as the peer sent it."""


class PongReceived(NamedTuple):
    """The answer to a ping, or one that nobody asked for."""

    payload: bytes


class CloseReceived(NamedTuple):
    """The peer closes. The last event."""

    code: int
    """1005 if the peer gave none."""
    reason: str


type WebSocketEvent = MessageReceived | PongReceived | CloseReceived


class WebSocket:
    """The server's side of a WebSocket.

    The order of steps is always: receive_data, next_event until it gives None, data_to_send.

    Args:
        config: Its limits.
        deflate: What the handshake has agreed on.

    Threads: one owner at a time.

    Source: RFC 6455 sections 5 to 7, RFC 7692 section 7.
    """

    def __init__(self, config: ProtoConfig, deflate: DeflateParameters | None) -> None:
        inflater = None
        self._deflater = None
        if deflate is not None:
            inflater = Inflater(deflate, config.websocket_max_message_size)
            self._deflater = Deflater(deflate)
        self._reader = FrameReader(config, inflater)
        self._state = State.OPEN
        self._buffer = b""
        self._frame_left = 0  # bytes of a frame that is read by wsproto in pieces
        self._pieces: list[str | bytes] = []
        self._out: list[bytes] = []
        self._pongs: deque[bytes] = deque(maxlen=MAX_PONGS)

    # What comes in.

    def receive_data(self, data: bytes) -> None:
        """Take what was read. Only buffers it; how much may wait is the caller's to bound."""
        if self._state is State.OPEN or self._state is State.CLOSING:
            self._buffer += data

    def next_event(self) -> WebSocketEvent | None:
        """Give what came next.

        Pings are answered on the way. A close frame has been answered when its event is given.

        Returns:
            None when more data is needed, or nothing is read any more.

        Raises:
            WebSocketError: The peer broke the protocol. The close frame that tells it is queued;
                nothing is read any more.
        """
        try:
            return self._next_event()
        except WebSocketError as error:
            raise self._fail(error) from None

    def _next_event(self) -> WebSocketEvent | None:
        while self._buffer:
            if not self._frame_left:
                self._frame_left = self._frame_size()
                if not self._frame_left:
                    return None
            data = self._buffer[: self._frame_left]
            self._buffer = self._buffer[len(data) :]
            self._frame_left -= len(data)
            frame = self._reader.read(data)
            if frame is None:
                continue
            if isinstance(frame, DataPiece):
                self._pieces.append(frame.data)
                if frame.end:
                    pieces, self._pieces = self._pieces, []
                    texts = [piece for piece in pieces if isinstance(piece, str)]
                    if texts:
                        return MessageReceived("".join(texts))
                    return MessageReceived(
                        b"".join([piece for piece in pieces if isinstance(piece, bytes)])
                    )
            elif isinstance(frame, Ping):
                self._pongs.append(frame.payload)
            elif isinstance(frame, Close):
                return self._receive_close(frame)
            else:
                return PongReceived(frame.payload)
        return None

    def _frame_size(self) -> int:
        """Give the size of the frame that the buffer begins with; 0 if it cannot be told yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return 0
        length = buffer[1] & 0x7F
        extra = 2 if length == 126 else 8 if length == 127 else 0
        header = 2 + extra + (4 if buffer[1] & _MASKED else 0)
        if len(buffer) < header:
            return 0
        if extra:
            length = int.from_bytes(buffer[2 : 2 + extra])
        return header + length

    # What goes out.

    def send_message(self, data: str | bytes) -> None:
        """Send a message.

        Raises:
            LocalProtocolError: It cannot be encoded in UTF-8, or the WebSocket is not open.
        """
        if self._state is not _OPEN:
            raise self._misuse(Action.MESSAGE)
        first = _BINARY
        if isinstance(data, str):
            first = _TEXT
            try:
                data = data.encode()
            except UnicodeEncodeError as error:
                raise LocalProtocolError(
                    f"a text cannot be encoded in UTF-8: {error}", "SERVERKIT_APP_BAD_MESSAGE"
                ) from None
        if self._deflater is not None and len(data) >= SMALLEST_DEFLATED:
            first |= _RSV1
            data = self._deflater.deflate(data)
        self._queue(first, data)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping.

        Args:
            payload: At most 125 bytes; comes back with the pong.

        Raises:
            LocalProtocolError: The payload is too long, or the WebSocket is not open.
        """
        if self._state is not _OPEN:
            raise self._misuse(Action.PING)
        if len(payload) > MAX_CONTROL_SIZE:
            raise LocalProtocolError(f"a ping has at most 125 bytes, not {len(payload)}")
        self._queue(_PING, payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame.

        Args:
            code: Says why (RFC 6455 section 7.4).
            reason: Says more; cut to 123 bytes, at the end of a character.

        Raises:
            LocalProtocolError: The code must not be sent, or the WebSocket is not open.
        """
        if self._state is not _OPEN:
            raise self._misuse(Action.CLOSE)
        if type(code) is not int or not 1000 <= code < 5000 or code in _FORBIDDEN_CODES:
            raise LocalProtocolError(
                f"the close code must be 1000 to 4999, and none of "
                f"{sorted(_FORBIDDEN_CODES)}, not {code!r}",
                "SERVERKIT_APP_BAD_CLOSE_CODE",
            )
        self._queue_close(code, reason)
        self._state = TRANSITIONS[self._state][Event.CLOSE_SENT]

    def data_to_send(self) -> list[bytes]:
        """Take the bytes to write now, in order: small ones joined, large ones not copied."""
        if self._pongs:
            self._flush_pongs()
        out = self._out
        self._out = []
        return out if len(out) < 2 else _join_small(out)

    # What a caller sees.

    @property
    def buffered(self) -> int:
        """How many bytes have been received and not been looked at."""
        return len(self._buffer)

    @property
    def close_sent(self) -> bool:
        """Whether our close frame is sent or queued: no more messages can be sent."""
        return self._state is not _OPEN

    @property
    def close_received(self) -> bool:
        """Whether the peer's close frame has come."""
        return self._state is State.CLOSED

    # How it is done.

    def _queue(self, first: int, payload: bytes) -> None:
        size = len(payload)
        if size <= MAX_CONTROL_SIZE:
            self._out.append(b"%c%c%b" % (first, size, payload))
        elif size < LARGE:
            self._out.append(b"%c\x7e%b%b" % (first, size.to_bytes(2), payload))
        else:
            self._out += (b"%c\x7f%b" % (first, size.to_bytes(8)), payload)

    def _queue_close(self, code: int, reason: str) -> None:
        self._flush_pongs()
        text = reason.encode("utf-8", "replace")[:MAX_REASON_SIZE]
        text = text.decode("utf-8", "ignore").encode()  # a character that was cut is left out
        self._queue(_CLOSE, code.to_bytes(2) + text)

    def _flush_pongs(self) -> None:
        for payload in self._pongs:
            self._queue(_PONG, payload)
        self._pongs.clear()

    def _receive_close(self, frame: Close) -> CloseReceived:
        self._stop_reading()
        if self._state is _OPEN:
            if frame.code == _NO_CODE:
                self._flush_pongs()
                self._queue(_CLOSE, b"")
            else:
                self._queue_close(frame.code, frame.reason)
        self._state = TRANSITIONS[self._state][Event.CLOSE_RECEIVED]
        return CloseReceived(frame.code, frame.reason)

    def _fail(self, error: WebSocketError) -> WebSocketError:
        self._stop_reading()
        if self._state is _OPEN:
            self._queue_close(error.close_code, error.reason)
        self._state = TRANSITIONS[self._state][Event.ERROR]
        return error

    def _stop_reading(self) -> None:
        self._buffer = b""
        self._pieces = []

    def _misuse(self, action: Action) -> LocalProtocolError:
        return LocalProtocolError(
            f"{action.value} cannot be sent now: the WebSocket is {self._state.name}"
        )


def _join_small(buffers: list[bytes]) -> list[bytes]:
    joined: list[bytes] = []
    small: list[bytes] = []
    for buffer in buffers:
        if len(buffer) < LARGE:
            small.append(buffer)
            continue
        if small:
            joined.append(b"".join(small))
            small = []
        joined.append(buffer)
    if small:
        joined.append(b"".join(small))
    return joined
