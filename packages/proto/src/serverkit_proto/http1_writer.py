"""The response half of an HTTP/1 connection, the same for every engine that reads requests."""

from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.http1_states import ALLOWED, Action, Reading, Writing
from serverkit_proto.outgoing import LARGE, join_small
from serverkit_proto.response import (
    UNDECLARED,
    Fields,
    InformationalHead,
    ResponseHead,
)

# Looked up for every response: as globals in half the time.
_COMPLETE, _HEAD, _IDLE = Reading.COMPLETE, Reading.HEAD, Writing.IDLE


class ResponseWriter:
    """Turns responses into bytes and decides whether the connection goes on.

    The reading half is a subclass: it sets the state of the request, and `_begin` for each one.

    Owner: the worker's connection; one thread at a time.

    Attributes:
        keep_alive: The connection may go on after this response. Read only.
    """

    __slots__ = (
        "_closing",
        "_continue_due",
        "_has_trailers",
        "_is_1_1",
        "_is_head",
        "_out",
        "_plain",
        "_reading",
        "_remaining_out",
        "_truncated",
        "_writing",
        "keep_alive",
    )

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._reading = Reading.HEAD
        self._writing = Writing.IDLE
        self._plain = False  # a response in one go needs nothing but its own head and body
        self._is_1_1 = True
        self._is_head = False
        self._closing = False  # set_close was called
        self._continue_due = False
        self._has_trailers = False
        self._remaining_out = 0  # bytes of the declared body still to be sent
        self._truncated = False
        self.keep_alive = True

    # What follows a request; only for the reading half.

    def _begin(self, method: str, http_version: str, *, persistent: bool, due: bool) -> None:
        """Await the response to a request."""
        self._writing = Writing.AWAITED
        self._is_1_1 = http_version == "1.1"
        self._is_head = method == "HEAD"
        self.keep_alive = persistent and not self._closing
        self._plain = self.keep_alive and self._is_1_1 and not self._is_head
        self._continue_due = due

    def _begin_final(self) -> None:
        """Await the one response that may follow what was not readable as a request."""
        self._begin("", "1.1", persistent=False, due=False)

    # What a caller sends.

    def send_response(self, head: ResponseHead, body: bytes, *, close: bool = False) -> None:
        """Send a complete response, with a Content-Length added if it has none.

        May also be called without a request when the connection closes with it (`close`, or
        after set_close), as for a head that did not come in time.

        Args:
            head: What ResponseHeads.make gave.
            body: Dropped where the response has none: to HEAD, with 204 and 304.
            close: Say `Connection: close`.

        Raises:
            LocalProtocolError: A response has been started already, or there is no request, or
                the body is longer than declared. Nothing is sent then.
        """
        if self._plain and self._reading is _COMPLETE and not close:
            length = head.plain_length
            if length == len(body):
                start = head.plain
            elif length == UNDECLARED:
                start = b"%bcontent-length: %d\r\n\r\n" % (head.block, len(body))
            else:
                return self._send_response(head, body, close=close)
            if len(body) < LARGE:
                self._out.append(start + body)
            else:
                self._out += (start, body)
            self._writing = _IDLE
            self._reading = _HEAD
            return None
        return self._send_response(head, body, close=close)

    def _send_response(self, head: ResponseHead, body: bytes, *, close: bool) -> None:
        self._require_start(close=close)
        declared = head.content_length
        if declared is not None and declared < len(body) and not self._is_empty(head):
            raise _too_long(declared)
        extra = b""
        if declared is None and not head.bodyless and (body or not self._is_head):
            extra = b"content-length: %d\r\n" % len(body)
        self._write_head(head, extra, close=close)
        self._remaining_out = len(body) if declared is None else declared
        self._writing = Writing.BODYLESS if self._is_empty(head) else Writing.COUNTED
        self.send_body(body, more=False)

    def start_response(
        self, head: ResponseHead, *, trailers: bool = False, close: bool = False
    ) -> None:
        """Send a response head; send_body sends the body.

        With a declared Content-Length the body is counted; else it is chunked, or with HTTP/1.0
        ended by the end of the connection.

        Args:
            head: What ResponseHeads.make gave.
            trailers: send_trailers will follow the body.
            close: Say `Connection: close`.

        Raises:
            LocalProtocolError: A response has been started already, or there is no request.
        """
        self._require_start(close=close)
        self._has_trailers = trailers
        extra = b""
        if self._is_empty(head):
            writing = Writing.BODYLESS
        elif head.content_length is not None:
            writing = Writing.COUNTED
            self._remaining_out = head.content_length
        elif self._is_1_1:
            writing = Writing.CHUNKED
            extra = b"transfer-encoding: chunked\r\n"
        else:
            writing = Writing.UNTIL_CLOSE
            close = True
        self._write_head(head, extra, close=close)
        self._writing = writing

    def send_body(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body.

        Args:
            data: May be empty.
            more: False ends the body. One that is shorter than declared is not made to look
                complete: `keep_alive` is False and `response_truncated` True then.

        Raises:
            LocalProtocolError: The body is longer than declared (nothing of the piece is sent),
                or there is no response to have one.
        """
        writing = self._writing
        if Action.BODY not in ALLOWED[writing]:
            raise self._misuse(Action.BODY)
        if writing is Writing.COUNTED:
            if len(data) > self._remaining_out:
                raise _too_long(None)
            self._remaining_out -= len(data)
            if data:
                self._out.append(data)
        elif writing is Writing.CHUNKED:
            if data:
                self._write_chunk(data)
            if not (more or self._has_trailers):
                self._out.append(b"0\r\n\r\n")
        elif data and writing is Writing.UNTIL_CLOSE:
            self._out.append(data)
        if not more:
            self._end_body()

    def send_trailers(self, trailers: Fields) -> None:
        """Send what make_trailers gave and end the response.

        Dropped where the body is not chunked. Ends the body if that has not been done.

        Raises:
            LocalProtocolError: There is no response to have trailers.
        """
        if Action.TRAILERS not in ALLOWED[self._writing]:
            raise self._misuse(Action.TRAILERS)
        if Action.BODY in ALLOWED[self._writing]:
            self._has_trailers = True
            self.send_body(b"", more=False)
        if self._writing is Writing.TRAILERS:
            lines = [b"%b: %b\r\n" % field for field in trailers]
            self._out.append(b"0\r\n" + b"".join(lines) + b"\r\n")
        self._complete()

    def send_continue(self) -> None:
        """Send 100 (Continue), once, if the client still waits for it."""
        if self._continue_due and self._writing is Writing.AWAITED:
            self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._continue_due = False

    def send_informational(self, head: InformationalHead) -> None:
        """Send an interim response; nothing to an HTTP/1.0 client.

        Raises:
            LocalProtocolError: The response has been started already, or there is no request.
        """
        if self._writing is not Writing.AWAITED:
            raise self._misuse(Action.INFORM)
        if self._is_1_1:
            self._out.append(head.block)

    def set_close(self) -> None:
        """Close the connection after the current or the next response, and say so in its head."""
        self._closing = True
        self._plain = False
        self.keep_alive = False

    def data_to_send(self) -> list[bytes]:
        """Take the bytes to write now, in order: small ones joined, large ones not copied."""
        out = self._out
        self._out = []
        return out if len(out) < 2 else join_small(out)

    # What a caller sees.

    @property
    def response_started(self) -> bool:
        """Whether the head of the response to the last request has been sent."""
        return self._writing is not Writing.AWAITED

    @property
    def response_complete(self) -> bool:
        """Whether the response to the last request has been sent."""
        return self._writing is Writing.IDLE

    @property
    def response_truncated(self) -> bool:
        """Whether the last response ended before its declared length."""
        return self._truncated

    # How it is done.

    def _is_empty(self, head: ResponseHead) -> bool:
        return self._is_head or head.bodyless

    def _require_start(self, *, close: bool) -> None:
        final = close or self._closing
        if final and self._writing is Writing.IDLE and self._reading is Reading.HEAD:
            self._begin_final()
        elif self._writing is not Writing.AWAITED:
            raise self._misuse(Action.START)

    def _misuse(self, action: Action) -> LocalProtocolError:
        return LocalProtocolError(
            f"{action.value} cannot be sent now: the response is {self._writing.name}"
        )

    def _write_head(self, head: ResponseHead, extra: bytes, *, close: bool) -> None:
        if close or head.close or self._closing or self._continue_due:
            # Of a body not asked for nobody knows whether it will come (RFC 9110 section 10.1.1).
            self.keep_alive = False
        if not self.keep_alive:
            # Who sends Upgrade names it here, too (RFC 9110 section 7.8); only a 426 does.
            upgrade = b"upgrade, " if head.status == 426 else b""
            extra += b"connection: %bclose\r\n" % upgrade
        elif not self._is_1_1:
            extra += b"connection: keep-alive\r\n"
        self._out.append(b"%b%b\r\n" % (head.block, extra))
        self._plain = False

    def _write_chunk(self, data: bytes) -> None:
        if len(data) < LARGE:
            self._out.append(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")

    def _end_body(self) -> None:
        if self._writing is Writing.COUNTED and self._remaining_out:
            self._truncated = True
            self.keep_alive = False
        if self._has_trailers:
            chunked = self._writing is Writing.CHUNKED
            self._writing = Writing.TRAILERS if chunked else Writing.DROPPED_TRAILERS
        else:
            self._complete()

    def _complete(self) -> None:
        self._writing = Writing.IDLE
        self._has_trailers = False
        if self.keep_alive:
            if self._reading is Reading.COMPLETE:
                self._reading = Reading.HEAD
        elif self._reading is Reading.COMPLETE:
            self._reading = Reading.CLOSED
        elif self._reading is not Reading.CLOSED:
            self._reading = Reading.ABANDONED


def _too_long(declared: int | None) -> LocalProtocolError:
    of = "" if declared is None else f" of {declared}"
    return LocalProtocolError(
        f"the body is longer than the declared Content-Length{of}", "SERVERKIT_APP_BODY_TOO_LONG"
    )
