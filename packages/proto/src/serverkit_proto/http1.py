"""The engine "fast": requests are read by our own parsers.

A request without surprises takes few steps here, the most common ones all in one function;
whatever is unusual goes the way of RequestReader, which may take its time.
"""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import RemoteProtocolError, refuse
from serverkit_proto.events import Event, RequestReceived
from serverkit_proto.http1_head import ORIGIN_FORM, HeadBlock, read_block
from serverkit_proto.http1_reader import HEAD_END, RequestReader
from serverkit_proto.http1_states import Reading, Writing

MAX_KEPT_BLOCK = 1_024
"""Largest version-and-fields block in bytes that is remembered for the next request."""

_new = tuple.__new__  # makes a named tuple in a third of the time of its own constructor

# Looked up for every request: as globals in half the time.
_HEAD, _COMPLETE, _AWAITED = Reading.HEAD, Reading.COMPLETE, Writing.AWAITED


class Http1Connection(RequestReader):
    """The server's side of an HTTP/1 connection, as HTTPConnection describes it."""

    __slots__ = ("_block", "_block_bytes", "_plain_size")

    def __init__(self, config: ProtoConfig) -> None:
        super().__init__(config)
        # Heads of up to this size, without the empty line, cannot break a limit on sizes.
        self._plain_size = min(config.max_header_size - len(HEAD_END), config.max_target_size)
        # Clients repeat the fields of their requests: the last block and what it says.
        self._block_bytes = b""
        self._block = HeadBlock([], "1.1", plain=False, persistent=False)

    def next_event(self) -> Event | None:
        """Give what came next, or None; see HTTPConnection."""
        if self._reading is not _HEAD:
            return self._next_of_body()
        if self._unfinished and not self._find_end_of_head():
            return None
        buffer = self._buffer
        position = self._position
        end = buffer.find(HEAD_END, position)
        if end < 0:
            if buffer or self._eof:
                self._wait_for_head()
            return None
        line = ORIGIN_FORM(buffer, position)
        if line is None or end - position > self._plain_size:
            return self._read_head(end)
        method, target, path, query = line.groups(b"")
        if method == b"CONNECT":
            raise self._fail(refuse("CONNECT"))
        head = buffer[line.end() : end]
        block = self._block if head == self._block_bytes else self._parse_block(bytes(head))
        end += 4
        if end == len(buffer):
            self._buffer = b""
            self._position = 0
        else:
            self._position = end
        headers = block.headers.copy()
        if not block.plain or self._closing or method == b"HEAD":
            return self._request(block, method, target, path, query, headers)
        # What _request and _begin do, for the most common case.
        self._reading = _COMPLETE
        self._writing = _AWAITED
        self._is_1_1 = self._plain = self.keep_alive = True
        self._is_head = self._continue_due = False
        return _new(
            RequestReceived,
            (
                method.decode(),
                target,
                path,
                query,
                headers,
                "1.1",
                block.content_length,
                True,
                False,
                block.accepts_trailers,
                block.upgrade,
            ),
        )

    def _parse_block(self, head: bytes) -> HeadBlock:
        """Read the version and the fields, and remember them."""
        try:
            block = read_block(head, self._config.max_headers)
        except RemoteProtocolError as error:
            raise self._fail(error) from None
        if len(head) <= MAX_KEPT_BLOCK:
            self._block_bytes = head
            self._block = block
        return block
