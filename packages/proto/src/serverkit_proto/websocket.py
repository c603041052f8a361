"""One WebSocket after its handshake: bytes in, events out; messages in, bytes out."""

from typing import NamedTuple

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket_deflate import DeflateParameters, Deflater, Inflater
from serverkit_proto.websocket_masking import unmask
from serverkit_proto.websocket_pieces import BinaryPieces, TextPieces, not_utf8
from serverkit_proto.websocket_sequence import CONTINUATION, FrameSequence
from serverkit_proto.websocket_states import Event
from serverkit_proto.websocket_writer import MAX_CONTROL_SIZE, MessageWriter
from serverkit_proto.websocket_wsproto import Close, FrameReader, Message, Ping, Pong

MAX_REST = 4_096
"""Above this size in bytes, what waits is not copied when more comes."""

_MASKED = 0x80
_SIZE = 0x7F
_OPCODE = 0x0F
_FIN = 0x80
_RSV1 = 0x40
_TEXT, _BINARY, _PING, _PONG = 0x81, 0x82, 0x89, 0x8A  # first bytes, with FIN
_WHOLE = frozenset({_TEXT, _BINARY})
_PLAIN = frozenset({0x00, 0x80, 0x01, 0x02}) | _WHOLE
_DEFLATED = frozenset({first | _RSV1 for first in _PLAIN if first & _OPCODE})
_CONTROL = frozenset({_PING, _PONG})
_SMALL, _MEDIUM = 6, 8  # sizes of the header of a masked frame; the third is 14
_HUGE = 1 << 63
_NOTHING = BinaryPieces()  # stands for the pieces of no message
type _Header = tuple[int, int, int, bytes]
"""The first byte, where the payload begins, its length, the key or nothing."""
_new = tuple.__new__  # makes a named tuple in a third of the time of its own constructor


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


class WebSocket(MessageWriter):
    """The server's side of a WebSocket.

    The order of steps is always: receive_data, next_event until it gives None, data_to_send.

    Args:
        config: Its limits.
        deflate: What the handshake has agreed on.

    Threads: one owner at a time.

    Source: RFC 6455 sections 5 to 7, RFC 7692 section 7.
    """

    __slots__ = (
        "_at_start",
        "_buffer",
        "_fast",
        "_fin",
        "_inflater",
        "_is_reading",
        "_left",
        "_mask",
        "_pieces",
        "_plain_size",
        "_position",
        "_reader",
        "_reader_left",
        "_sequence",
    )

    def __init__(
        self, config: ProtoConfig, deflate: DeflateParameters | None, *, _fast: bool = True
    ) -> None:
        super().__init__(None if deflate is None else Deflater(deflate))
        self._inflater: Inflater | None = None
        if deflate is not None:
            self._inflater = Inflater(deflate, config.websocket_max_message_size)
        self._is_reading = True
        # What is received and not taken. Empty, then the position is 0.
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._fast = _fast  # False: every frame goes through wsproto, to compare with
        self._at_start = _fast  # a frame begins at the position, and no message is under way
        self._plain_size = config.websocket_max_message_size
        self._sequence = FrameSequence(config)
        self._pieces: TextPieces | BinaryPieces = _NOTHING  # of a message of plain frames
        self._left = 0  # bytes of the payload of a plain frame that are still to come
        self._mask = b""  # its key, from the next byte on
        self._fin = True  # it is the last of its message
        self._reader: FrameReader | None = None  # most WebSockets need it at their end only
        self._reader_left = 0  # bytes of a frame that the reader is still to have

    # What comes in.

    def receive_data(self, data: bytes) -> None:
        """Take what was read. Only buffers it; how much may wait is the caller's to bound."""
        if not self._is_reading:
            return
        buffer = self._buffer
        if not buffer:
            self._buffer = data
        elif isinstance(buffer, bytearray):
            del buffer[: self._position]
            self._position = 0
            buffer += data
        elif len(buffer) - self._position <= MAX_REST:
            self._buffer = buffer[self._position :] + data
            self._position = 0
        else:
            self._buffer = bytearray(memoryview(buffer)[self._position :])
            self._position = 0
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
        buffer = self._buffer
        if not buffer:
            return None
        position = self._position
        start = position + 6
        size = len(buffer)
        if self._at_start and start <= size:
            # A message in one frame that is all here, the most common: all in one function.
            first = buffer[position]
            length = buffer[position + 1] - _MASKED
            if length > MAX_CONTROL_SIZE:
                start += 2
                length = buffer[position + 2] << 8 | buffer[position + 3] if length == 126 else 0
                if length <= MAX_CONTROL_SIZE:
                    start = size + 1  # A size of eight bytes, or one that takes more than it must.
            end = start + length
            if start <= end <= size and length <= self._plain_size and first in _WHOLE:
                data = unmask(buffer[start:end], buffer[start - 4 : start])
                if end == size:
                    self._buffer = b""
                    self._position = 0
                else:
                    self._position = end
                if first == _BINARY:
                    return _new(MessageReceived, (data,))
                try:
                    return _new(MessageReceived, (data.decode(),))
                except UnicodeDecodeError:
                    raise self._fail(not_utf8()) from None
        try:
            return self._next_event()
        except WebSocketError as error:
            raise self._fail(error) from None

    def _next_event(self) -> WebSocketEvent | None:
        """Give what came next, whatever it is."""
        event: WebSocketEvent | None = None
        while event is None and self._buffer:
            if self._left:
                event = self._go_on()
            elif self._reader_left:
                event = self._read_by_wsproto()
            else:
                header = self._read_header()
                if header is None:
                    return None
                if self._is_plain(header):
                    event = self._read_plain(header)
                else:
                    self._at_start = False
                    self._reader_left = header[1] + header[2] - self._position
        return event

    def _read_header(self) -> _Header | None:
        """Read the header of a frame, if all of it is there."""
        buffer, position = self._buffer, self._position
        if len(buffer) - position < 2:
            return None
        first, second = buffer[position], buffer[position + 1]
        length = second & _SIZE
        start = position + 2
        if length > MAX_CONTROL_SIZE:
            size = 2 if length == 126 else 8
            length = int.from_bytes(buffer[start : start + size])
            start += size
        key = start
        if second & _MASKED:
            start += 4
        return None if start > len(buffer) else (first, start, length, bytes(buffer[key:start]))

    def _is_plain(self, header: _Header) -> bool:
        """Tell whether a frame can be read without wsproto: it has no surprises, and is right.

        Whether it may come in its message is not judged here: FrameSequence does.
        """
        first, start, length, mask = header
        if not self._fast or not mask:
            return False
        size = start - self._position
        if first in _CONTROL:
            return size == _SMALL and start + length <= len(self._buffer)
        if size != _SMALL and not (length > 125 if size == _MEDIUM else 65_535 < length < _HUGE):
            return False
        return first in _PLAIN or (first in _DEFLATED and self._inflater is not None)

    def _read_plain(self, header: _Header) -> WebSocketEvent | None:
        first, start, length, mask = header
        end = start + length
        if first in _CONTROL:
            data = unmask(self._buffer[start:end], mask)
            self._take(end)
            if first == _PONG:
                return PongReceived(data)
            self._answer_ping(data)
            return None
        sequence = self._sequence
        opcode = first & _OPCODE
        sequence.begin_frame(opcode, length, is_deflated=first & _RSV1 != 0)
        if opcode == CONTINUATION or not first & _FIN or end > len(self._buffer):
            if opcode != CONTINUATION:
                self._pieces = TextPieces() if sequence.is_text else BinaryPieces()
            self._at_start = False
            self._left, self._mask, self._fin = length, mask, first & _FIN != 0
            self._take(start)
            return self._go_on()
        sequence.end_frame(fin=True)
        payload = (
            memoryview(self._buffer)[start:end] if length > MAX_REST else self._buffer[start:end]
        )
        data = unmask(payload, mask)
        self._take(end)
        if sequence.is_deflated and self._inflater is not None:
            data = self._inflater.inflate(data, end=True)
        if not sequence.is_text:
            return _new(MessageReceived, (data,))
        try:
            return _new(MessageReceived, (data.decode(),))
        except UnicodeDecodeError:
            raise not_utf8() from None

    def _go_on(self) -> MessageReceived | None:
        """Read what has come of the payload of a plain frame."""
        position = self._position
        end = min(position + self._left, len(self._buffer))
        piece = unmask(memoryview(self._buffer)[position:end], self._mask)
        self._take(end)
        self._left -= len(piece)
        if self._left:
            turn = len(piece) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
        sequence = self._sequence
        is_last = self._fin and not self._left
        if sequence.is_deflated and self._inflater is not None:
            piece = self._inflater.inflate(piece, end=is_last)
        message = self._pieces.add(piece, end=is_last)
        if not self._left:
            sequence.end_frame(fin=self._fin)
            self._at_start = self._fin
        return None if message is None else _new(MessageReceived, (message,))

    def _read_by_wsproto(self) -> WebSocketEvent | None:
        """Let wsproto read what has come of a frame, and no more than that."""
        reader = self._reader
        if reader is None:
            reader = self._reader = FrameReader(self._sequence, self._inflater)
        position = self._position
        data = bytes(self._buffer[position : position + self._reader_left])
        self._reader_left -= len(data)
        self._take(position + len(data))
        frame = reader.read(data)
        if not self._reader_left:
            self._at_start = self._fast and not self._sequence.in_message
        match frame:
            case Message():
                return MessageReceived(frame.data)
            case Ping():
                self._answer_ping(frame.payload)
            case Pong():
                return PongReceived(frame.payload)
            case Close():
                self._stop_reading()
                self._end(Event.CLOSE_RECEIVED, frame.code, frame.reason)
                return CloseReceived(frame.code, frame.reason)
        return None

    def _fail(self, error: WebSocketError) -> WebSocketError:
        self._stop_reading()
        self._end(Event.ERROR, error.close_code, error.reason)
        return error

    def _stop_reading(self) -> None:
        self._is_reading = self._at_start = False
        self._buffer = b""
        self._position = 0
        self._left = self._reader_left = 0
        self._pieces = _NOTHING
        self._reader = self._inflater = None

    def _take(self, position: int) -> None:
        """Count everything before the position as taken."""
        if position == len(self._buffer):
            self._buffer = b""
            self._position = 0
        else:
            self._position = position

    @property
    def buffered(self) -> int:
        """How many bytes have been received and not been looked at.

        A message of which a part has come is not counted.
        """
        return len(self._buffer) - self._position
