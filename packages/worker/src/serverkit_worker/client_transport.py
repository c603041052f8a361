"""What a connection does with its transport besides writing plain responses.

Rules:
    Nothing here knows of HTTP. What is kept for a slow client is bounded: `drained` waits.
"""

import asyncio
import socket
import struct
import sys
from typing import Final

from serverkit_worker.errors import ClientDisconnected

if sys.platform == "linux":
    import fcntl
    import termios

# SO_LINGER on, for no time: closing then resets the connection.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
# Before, `writelines` let the buffer grow without ever pausing the protocol: CVE-2024-12254.
_WRITELINES_PAUSES: Final = sys.version_info >= (3, 13, 2) or (
    (3, 12, 9) <= sys.version_info < (3, 13)
)
_TCP_FAMILIES: Final = frozenset({socket.AF_INET, socket.AF_INET6})

# So much is written for a client that reads as fast until others have their turn: milliseconds.
TURN_BYTES: Final = 1_048_576
# What a write counts for besides its bytes: small ones take their time as well.
_WRITE_BYTES: Final = 4_096


class ClientTransport:
    """A transport with its flow control in both directions.

    Owner: the connection that made it; the loop thread only.

    Attributes:
        transport: as the event loop gave it.
        write_paused: the client reads too slowly; `drained` waits.
        read_paused: nothing is read from the client at present.
    """

    __slots__ = (
        "_turn_bytes",
        "_unread_bytes",
        "_waiters",
        "read_paused",
        "transport",
        "write_paused",
    )

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in _TCP_FAMILIES:
            # asyncio does so only where the listening socket was made with IPPROTO_TCP by name.
            # Else each small write but the first would wait for the client's delayed ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.write_paused = False
        self.read_paused = False
        self._turn_bytes = 0  # What has been written since a writer has waited.
        self._unread_bytes = 0
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def unsent_bytes(self) -> int:
        """How much is written and not yet in the kernel's hands."""
        return self.transport.get_write_buffer_size()

    def has_more(self) -> bool:
        """Return whether the client has sent what was not read yet, as far as can be told."""
        sock = self._open_socket()
        if sys.platform != "linux" or sock is None or self.read_paused:
            return False
        (size,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))
        return bool(size)

    def note_unread(self) -> None:
        """Take note of how much the client still has to read; see `has_read`."""
        self._unread_bytes = self.unsent_bytes + self._kernel_bytes()

    def has_read(self, size: int) -> bool:
        """Return whether the client has read so many bytes since `note_unread`."""
        return self._unread_bytes - self.unsent_bytes - self._kernel_bytes() >= size

    def write(self, buffers: list[bytes]) -> None:
        """Write, in order."""
        if len(buffers) == 1:
            self.transport.write(buffers[0])
        elif _WRITELINES_PAUSES:
            if buffers:
                self.transport.writelines(buffers)
        else:
            for buffer in buffers:
                self.transport.write(buffer)

    def must_wait(self, size: int) -> bool:
        """Return whether who has written `size` bytes, and will write more, waits in `drained`.

        With a client that reads as fast as it is sent to, an application that only sends would
        keep the loop for itself: no other client would be served, and it would not be told that
        its own is lost.
        """
        self._turn_bytes += size + _WRITE_BYTES
        return self.write_paused or self._turn_bytes > TURN_BYTES or self.transport.is_closing()

    async def drained(self) -> None:
        """Wait until the client has read enough, and in any case until others had their turn.

        Raises:
            ClientDisconnected: it never will.
        """
        self._turn_bytes = 0
        if self.transport.is_closing():
            raise ClientDisconnected
        if self.write_paused:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                del waiter  # Else its exception would keep this frame, and the frame the waiter.
        else:
            await asyncio.sleep(0)

    def resume_writing(self) -> None:
        """Let everyone who waits in `drained` go on."""
        self.write_paused = False
        for waiter in self._take_waiters():
            waiter.set_result(None)

    def break_down(self) -> None:
        """Let everyone who waits in `drained` learn that the client is gone."""
        self.write_paused = False
        for waiter in self._take_waiters():
            waiter.set_exception(ClientDisconnected())

    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`."""
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self.read_paused:
            self.read_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def reset(self) -> None:
        """Close at once by a reset, so that nobody takes what was sent so far for complete."""
        sock = self._open_socket()
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def _open_socket(self) -> socket.socket | None:
        """Return the socket, if there is one still: loops may close it before they say so."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        return None if sock is None or sock.fileno() < 0 else sock

    def _kernel_bytes(self) -> int:
        """Return how much the kernel holds of what was sent, as far as it can be asked.

        It may hold megabytes, so a slow client reads for long before it takes the next from us.
        """
        sock = self._open_socket()
        if sys.platform != "linux" or sock is None:
            return 0
        (size,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
        return int(size)

    def _take_waiters(self) -> list[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, []
        return [waiter for waiter in waiters if not waiter.done()]
