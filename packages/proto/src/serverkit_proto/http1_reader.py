"""The request half of an HTTP/1 connection: bytes in, events out, whatever may come.

An engine is a subclass: it decides how a complete head is read.
"""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import Recovery, RemoteProtocolError, refuse
from serverkit_proto.events import BodyReceived, Event, RequestReceived
from serverkit_proto.http1_body import ChunkedDecoder
from serverkit_proto.http1_head import (
    LONE_LINE_END,
    MAX_EMPTY_LINES,
    HeadBlock,
    check_start_of_line,
    read_block,
    read_request_line,
)
from serverkit_proto.http1_states import Action, Reading, Writing
from serverkit_proto.http1_target import split_target
from serverkit_proto.http1_writer import ResponseWriter
from serverkit_proto.response import InformationalHead

HEAD_END = b"\r\n\r\n"

# Looked up for every read: as globals in half the time.
_CLOSED, _ABANDONED = Reading.CLOSED, Reading.ABANDONED
_HEAD, _COMPLETE, _IDLE = Reading.HEAD, Reading.COMPLETE, Writing.IDLE
_LENGTH, _CHUNKED = Reading.LENGTH, Reading.CHUNKED
_new = tuple.__new__  # makes a named tuple in a third of the time of its own constructor


class RequestReader(ResponseWriter):
    """The server's side of an HTTP/1 connection, as HTTPConnection describes it.

    Source: RFC 9112.
    """

    __slots__ = (
        "_buffer",
        "_config",
        "_decoder",
        "_empty_lines",
        "_eof",
        "_line_checked",
        "_position",
        "_remaining",
        "_searched",
        "_unfinished",
    )

    def __init__(self, config: ProtoConfig) -> None:
        super().__init__()
        self._config = config
        # What is received and not taken: bytes as they came, or a bytearray when several reads
        # had to be put together. Empty, then the position is 0; never empty with all taken.
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._unfinished = False  # a head has come in part, or empty lines before it
        self._searched = 0  # that head does not end before this position
        self._line_checked = False  # its request line is there and good
        self._empty_lines = 0  # so many came before it
        self._eof = False
        self._remaining = 0  # bytes of a body of declared length
        self._decoder: ChunkedDecoder | None = None

    def receive_data(self, data: bytes) -> None:
        """Take what was read; nothing that follows the last request of a connection is kept."""
        reading = self._reading
        if reading is _CLOSED or reading is _ABANDONED:
            return
        if not self._buffer:
            self._buffer = data
        elif isinstance(self._buffer, bytearray):
            if self._position > len(self._buffer) // 2:
                del self._buffer[: self._position]
                self._searched = max(self._searched - self._position, 0)
                self._position = 0
            self._buffer += data
        elif data:
            self._buffer = bytearray(memoryview(self._buffer)[self._position :])
            self._searched = max(self._searched - self._position, 0)
            self._position = 0
            self._buffer += data

    def receive_eof(self) -> None:
        """Take note that the peer sends no more."""
        self._eof = True

    def next_event(self) -> Event | None:
        """Give what came next, or None; see HTTPConnection."""
        if self._reading is not Reading.HEAD:
            return self._next_of_body()
        if self._unfinished and not self._find_end_of_head():
            return None
        end = self._buffer.find(HEAD_END, self._position)
        if end >= 0:
            return self._read_head(end)
        self._wait_for_head()
        return None

    def _request(
        self,
        block: HeadBlock,
        method: bytes,
        target: bytes,
        path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
    ) -> RequestReceived:
        name = method.decode("ascii")
        _, version, _, persistent, length, chunked, expect, trailers, upgrade = block
        end = not (length or chunked)
        if end:
            self._reading = Reading.COMPLETE
        elif chunked:
            self._reading = Reading.CHUNKED
            self._decoder = ChunkedDecoder(self._config)
        else:
            self._reading = Reading.LENGTH
            self._remaining = length or 0
        expect = expect and not end
        self._begin(name, version, persistent=persistent, due=expect and not self._buffer)
        return RequestReceived(
            name, target, path, query, headers, version, length, end, expect, trailers, upgrade
        )

    def _take(self, position: int) -> None:
        """Count everything before the position as taken."""
        if position == len(self._buffer):
            self._buffer = b""
            self._position = 0
        else:
            self._position = position

    def _find_end_of_head(self) -> bool:
        """Go on with an unfinished head: find its end, or check what more has come of it."""
        if self._buffer.find(HEAD_END, self._searched) < 0:
            self._wait_for_head()
            return False
        self._unfinished = self._line_checked = False
        if not self._buffer.startswith(b"\r\n", self._position):
            self._empty_lines = 0
        return True

    def _wait_for_head(self) -> None:
        """Check what has come of an unfinished head, so that nonsense is not waited for."""
        self._skip_empty_lines()
        buffer, position = self._buffer, self._position
        if not buffer:
            if self._eof:
                self._close_reading(Reading.CLOSED)
            return
        start = max(self._searched, position) if self._unfinished else position
        limit = position + self._config.max_header_size
        try:
            self._check_line_early(limit)
            if LONE_LINE_END(buffer, start, limit):
                raise refuse("BARE_LINE_END")
            if len(buffer) >= limit:
                raise self._too_large(limit)
            if self._eof:
                raise refuse("INCOMPLETE_HEAD")
        except RemoteProtocolError as error:
            raise self._fail(error) from None
        self._unfinished = True
        self._searched = max(position, len(buffer) - 3)

    def _check_line_early(self, limit: int) -> None:
        """Check the request line of an unfinished head, once it is complete."""
        if self._line_checked:
            return
        end = self._buffer.find(b"\r\n", self._position, limit)
        if end >= 0:
            line = bytes(self._buffer[self._position : end])
            split_target(*read_request_line(line, self._config.max_target_size))
            self._line_checked = True
        else:
            check_start_of_line(self._buffer, self._position)

    def _too_large(self, limit: int) -> RemoteProtocolError:
        """Say what of a head is too large: its request line alone may be."""
        if self._line_checked:
            return refuse("HEADERS_TOO_LARGE")
        has_method = self._buffer.find(b" ", self._position, limit) >= 0
        return refuse("TARGET_TOO_LONG" if has_method else "BAD_METHOD")

    def _skip_empty_lines(self) -> None:
        """Take empty lines before a request line, a bounded number (RFC 9112 section 2.2)."""
        while not self._line_checked and self._buffer.startswith(b"\r\n", self._position):
            self._empty_lines += 1
            if self._empty_lines > MAX_EMPTY_LINES:
                raise self._fail(refuse("TOO_MANY_EMPTY_LINES"))
            self._take(self._position + 2)
            self._unfinished = True
            self._searched = self._position

    def _read_head(self, end: int) -> Event | None:
        """Read a complete head that ends (with CRLFCRLF) at a position."""
        position, config = self._position, self._config
        if self._buffer.startswith(b"\r\n", position):
            self._skip_empty_lines()
            return self.next_event()
        try:
            if end + 4 - position > config.max_header_size:
                limit = position + config.max_header_size
                self._check_line_early(limit)
                raise self._too_large(limit)
            head = bytes(self._buffer[position:end])
            line, _, _ = head.partition(b"\r\n")
            method, raw = read_request_line(line, config.max_target_size)
            target = split_target(method, raw)
            block = read_block(head[len(line) - 9 :], config.max_headers)
        except RemoteProtocolError as error:
            raise self._fail(error) from None
        headers = block.headers
        if target.authority is not None:
            headers = [field for field in headers if field[0] != b"host"]
            headers.insert(0, (b"host", target.authority))
        self._take(end + 4)
        return self._request(block, method, raw, target.path, target.query, headers)

    # The body.

    def send_continue(self) -> None:
        """Send 100 (Continue), once, if the client still waits for it."""
        if self._buffer:  # it has not waited
            self._continue_due = False
        super().send_continue()

    def _next_of_body(self) -> BodyReceived | None:
        """Give the next piece of the body, if there is one."""
        reading = self._reading
        if reading is not _LENGTH and reading is not _CHUNKED:
            if reading is not _COMPLETE:
                self._buffer = b""
                self._position = 0
            return None
        if self._buffer:
            self._continue_due = False  # the client did not wait for it
            if reading is _LENGTH:
                return self._take_counted()
            event = self._take_chunks()
            if event is not None:
                return event
        if self._eof:
            raise self._fail(refuse("INCOMPLETE_BODY"))
        return None

    def _take_counted(self) -> BodyReceived:
        buffer, position = self._buffer, self._position
        end = min(position + self._remaining, len(buffer))
        data = bytes(buffer[position:end])
        self._remaining -= len(data)
        self._take(end)
        if self._remaining:
            return _new(BodyReceived, (data, True, ()))
        self._end_of_body()
        return _new(BodyReceived, (data, False, ()))

    def _take_chunks(self) -> BodyReceived | None:
        decoder = self._decoder
        if decoder is None:
            raise AssertionError("a chunked body without its decoder")
        if decoder.error is None:
            data, position = decoder.decode(self._buffer, self._position)
            self._take(position)
            if decoder.complete:
                self._decoder = None
                self._end_of_body()
                return BodyReceived(data, more=False, trailers=decoder.trailers)
            if data:
                return BodyReceived(data, more=True)
        if decoder.error is not None:
            raise self._fail(decoder.error)
        return None

    def _end_of_body(self) -> None:
        # After the response, the rest of the body may have been read for nobody.
        self._reading = _HEAD if self._writing is _IDLE else _COMPLETE

    # The end.

    def switch_protocols(self, head: InformationalHead) -> bytes:
        """End HTTP on the connection with a 101 response; see HTTPConnection."""
        if self._writing is not Writing.AWAITED or self._reading is not Reading.COMPLETE:
            raise self._misuse(Action.SWITCH)
        rest = bytes(self._buffer[self._position :])
        self._out.append(head.block)
        self._writing = Writing.IDLE
        self._close_reading(Reading.CLOSED)
        return rest

    def _close_reading(self, reading: Reading) -> None:
        self._reading = reading
        self._buffer = b""
        self._position = 0
        self._searched = 0
        self._decoder = None
        self.keep_alive = False
        self._plain = False

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        """Stop reading, and say what can still be done."""
        in_head = self._reading is Reading.HEAD
        self._close_reading(Reading.ABANDONED)
        if in_head:
            self._begin_final()
        if self._writing is not Writing.AWAITED:
            error = RemoteProtocolError(
                error.message, error.code, error.status, Recovery.CLOSE, error.fields
            )
        return error

    # What a caller sees.

    @property
    def buffered(self) -> int:
        """How many bytes have been received and not been made events."""
        return len(self._buffer) - self._position

    @property
    def head_bytes_seen(self) -> bool:
        """Whether a request head has begun to come and is not complete."""
        return self._reading is Reading.HEAD and bool(self._buffer)

    @property
    def body_remaining(self) -> int | None:
        """How much of a body of declared length is still to come; None for a chunked one."""
        if self._reading is Reading.CHUNKED:
            return None
        return self._remaining
