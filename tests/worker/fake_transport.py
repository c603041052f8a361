"""A transport in memory."""

import asyncio
from collections.abc import Mapping
from typing import Any, override

# As asyncio's transports have them.
WRITE_HIGH_WATER_BYTES = 65_536
WRITE_LOW_WATER_BYTES = 16_384


class FakeTransport(asyncio.Transport):
    """What asyncio's own transports do, with a client whose speed the test chooses.

    Attributes:
        sent: what the client has read.
        room: how much more the client is willing to read.
        breaks_after: after so many bytes a write finds that the client has left.
        reading: what the client sends is handed on.
        ended: "" while it is open, then "closed" or "aborted".
        eof_sent: the client sees the end of the stream.
    """

    def __init__(self, extra: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._names = {
            "sockname": ("127.0.0.1", 8000),
            "peername": ("127.0.0.1", 50_000),
            **(extra or {}),
        }
        self.sent = bytearray()
        self.room = float("inf")
        self.breaks_after = float("inf")
        self.reading: bool = True
        self.ended: str = ""
        self.eof_sent: bool = False
        self.write_count = 0
        self._buffer = bytearray()
        self._unread: list[bytes] = []
        self._write_paused = False
        self._closing = False

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._names.get(name, default)

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    @override
    def write(self, data: Any) -> None:
        if self.ended:
            return
        self.write_count += 1
        self.breaks_after -= len(data)
        if self.breaks_after < 0:
            self.client_leaves()
            return
        self._buffer += data
        self._hand_over()
        if len(self._buffer) > WRITE_HIGH_WATER_BYTES and not self._write_paused:
            self._write_paused = True
            self.protocol.pause_writing()

    @override
    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        if self.breaks_after < 0:
            raise OSError("not connected")
        self.eof_sent = True

    @override
    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    @override
    def pause_reading(self) -> None:
        self.reading = False

    @override
    def resume_reading(self) -> None:
        if not self.reading:
            self.reading = True
            asyncio.get_running_loop().call_soon(self._hand_on)

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._end("closed")

    @override
    def abort(self) -> None:
        self._closing = True
        self._buffer.clear()
        self._end("aborted")

    # The client's side

    def client_sends(self, data: bytes) -> None:
        """Hand bytes to the connection, or keep them in the kernel while it does not read."""
        if self._closing:
            return
        self._unread.append(data)
        if self.reading:
            self._hand_on()

    def client_reads(self, size: float) -> None:
        """Let the client read so many bytes more."""
        self.room += size
        self._hand_over()
        if self._write_paused and len(self._buffer) <= WRITE_LOW_WATER_BYTES:
            self._write_paused = False
            self.protocol.resume_writing()
        if self._closing and not self._buffer and not self.ended:
            self._end("closed")

    def client_ends(self) -> None:
        """Let the client say that it sends no more."""
        assert isinstance(self.protocol, asyncio.Protocol)
        if not self.protocol.eof_received():
            self.close()

    def client_leaves(self) -> None:
        """Let the connection break down."""
        self._closing = True
        self._buffer.clear()
        self._end("lost", ConnectionResetError())

    @property
    def kernel_holds(self) -> int:
        """How many bytes of the client the connection has not read."""
        return sum(map(len, self._unread))

    def _hand_on(self) -> None:
        assert isinstance(self.protocol, asyncio.Protocol)
        while self._unread and self.reading and not self._closing:
            data = self._unread.pop(0)
            head, rest = data[:READ_BYTES], data[READ_BYTES:]
            if rest:
                self._unread.insert(0, rest)
            self.protocol.data_received(head)

    def _hand_over(self) -> None:
        size = int(min(self.room, len(self._buffer)))
        self.sent += self._buffer[:size]
        del self._buffer[:size]
        self.room -= size

    def _end(self, how: str, exc: Exception | None = None) -> None:
        if not self.ended:
            self.ended = how
            tell = asyncio.get_running_loop().call_soon
            tell(lambda: self.protocol.connection_lost(exc))  # Whoever that is by then.


READ_BYTES = 262_144
"""As much asyncio reads at once."""
