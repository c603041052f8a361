"""A transport over a socket, for any event loop that watches descriptors.

Event loops have their own, which a connection gets by way of a task and some turns of the loop,
with a look for data only after that. This one begins at once, with what the client has sent
already: a connection of one request is served within one turn, and nobody ever watches it.

Rules:
    It reads once each time there is something to read, so that others have their turn.
    The loop watches the descriptor for writing while something is unsent, and only then.
    `connection_lost` comes once, last of all, and never within a call of the protocol.
    No error leaves the transport: those of the socket end it, those of the protocol also reach the
    loop's exception handler.

Source: asyncio's "Transports and Protocols", whose contract this keeps.
"""

import asyncio
import functools
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, override

from serverkit_worker.readers import Readers

# So much is read at once, then others have their turn: little at first, for Python must take and
# give back as much for every read; more where a client has sent that much.
READ_BYTES: Final = 65_536
LARGE_READ_BYTES: Final = 262_144
# Of what is unsent: above the one the protocol pauses, down to the other it resumes.
HIGH_WATER_BYTES: Final = 65_536
LOW_WATER_BYTES: Final = 16_384
# So many buffers go out in one call; systems allow 1024 as a rule.
_BUFFERS: Final = 512
_NOBODY: Final = asyncio.Protocol()

type Buffer = bytes | bytearray | memoryview


class SocketTransport(asyncio.Transport):
    """The transport of one connected socket.

    Owner: the worker's loop thread. The socket belongs to it, and is closed at the end.
    """

    __slots__ = (
        "_descriptor",
        "_has_eof",
        "_is_closing",
        "_is_eof_due",
        "_is_lost",
        "_is_paused",
        "_is_protocol_paused",
        "_is_watched",
        "_loop",
        "_protocol",
        "_read_bytes",
        "_readers",
        "_socket",
        "_unsent",
        "_unsent_bytes",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        readers: Readers,
        sock: socket.socket,
        protocol: asyncio.Protocol,
    ) -> None:
        """Take over a socket; nothing happens before `start`.

        Args:
            loop: that can watch descriptors.
            readers: of that loop.
            sock: connected; made non-blocking, unless it is.
            protocol: no `BufferedProtocol`.
        """
        super().__init__()
        if sock.gettimeout() != 0:
            sock.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._loop = loop
        self._readers = readers
        self._socket = sock
        self._descriptor = sock.fileno()
        self._protocol = protocol
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._read_bytes = READ_BYTES
        self._is_watched = False  # By the readers.
        self._is_paused = False  # The protocol wants nothing to be read.
        self._has_eof = False  # The client sends no more.
        self._is_protocol_paused = False  # Too much is unsent.
        self._is_eof_due = False  # Behind what is unsent; or it is sent.
        self._is_closing = False
        self._is_lost = False  # `connection_lost` was called, or is about to be.

    def start(self) -> None:
        """Let the protocol begin, and read what is here already."""
        try:
            self._protocol.connection_made(self)
        except Exception as exc:  # noqa: BLE001  whatever it is, it ends this connection alone
            self._report(exc)
        if self.is_reading():
            self._read()
            self._watch()

    # Reading

    def _read(self) -> None:
        """Hand on what is here. Called by the readers when there is something."""
        try:
            data = self._socket.recv(self._read_bytes)
        except BlockingIOError:
            return
        except OSError as exc:
            self._cut_off(exc)
            return
        try:
            if data:
                if len(data) == READ_BYTES:
                    self._read_bytes = LARGE_READ_BYTES
                self._protocol.data_received(data)
            else:
                self._end_reading()
        except Exception as exc:  # noqa: BLE001  as above
            self._report(exc)

    def _end_reading(self) -> None:
        """Tell the protocol that nothing more will come; it decides whether to go on."""
        self._has_eof = True
        self._unwatch()
        if not self._protocol.eof_received():
            self.close()

    def _watch(self) -> None:
        """Ask to be called when there is something to read, if anybody wants it."""
        if self._is_watched or not self.is_reading():
            return
        try:
            self._readers.add(self._descriptor, self._read)
        except OSError as exc:  # The system watches too much already.
            self._cut_off(exc)
        else:
            self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._readers.remove(self._descriptor)

    @override
    def is_reading(self) -> bool:
        """Return whether the protocol is given what comes."""
        return not (self._is_closing or self._is_paused or self._has_eof)

    @override
    def pause_reading(self) -> None:
        """Read nothing until `resume_reading`."""
        self._is_paused = True
        self._unwatch()

    @override
    def resume_reading(self) -> None:
        """Read again."""
        self._is_paused = False
        self._watch()

    # Writing

    @override
    def write(self, data: Buffer) -> None:
        """Send, or keep what the kernel does not take at once."""
        if self._unsent or self._is_closing or self._is_eof_due:
            self._write_later((data,))
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as exc:
            self._cut_off(exc)
            return
        if sent < len(data):
            self._keep((data,), sent)

    @override
    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Send all, in as few packets as possible."""
        buffers = tuple(list_of_data)
        if self._unsent or self._is_closing or self._is_eof_due or len(buffers) > _BUFFERS:
            self._write_later(buffers)
            return
        try:
            sent = self._socket.sendmsg(buffers)
        except BlockingIOError:
            sent = 0
        except OSError as exc:
            self._cut_off(exc)
            return
        self._keep(buffers, sent)

    def _write_later(self, buffers: Sequence[Buffer]) -> None:
        """Keep what comes behind something unsent; throw away what nobody will get."""
        if self._is_eof_due:
            raise RuntimeError("nothing can be written behind the end")
        if not self._is_closing:
            self._keep(buffers, 0)

    def _keep(self, buffers: Sequence[Buffer], sent: int) -> None:
        """Keep all but the first `sent` bytes, until the kernel takes them."""
        was_empty = not self._unsent
        for buffer in buffers:
            size = len(buffer)
            if sent < size:
                self._unsent.append(memoryview(buffer)[sent:])
                self._unsent_bytes += size - sent
            sent = max(0, sent - size)
        if was_empty and self._unsent:
            self._loop.add_writer(self._descriptor, self._write_on)
        if not self._is_protocol_paused and self._unsent_bytes > HIGH_WATER_BYTES:
            self._is_protocol_paused = True
            self._protocol.pause_writing()

    def _write_on(self) -> None:
        """Send more of what is unsent. Called by the loop when the kernel takes more."""
        unsent = self._unsent
        try:
            sent = self._socket.sendmsg(tuple(islice(unsent, _BUFFERS)))
        except BlockingIOError:
            return
        except OSError as exc:
            self._cut_off(exc)
            return
        self._unsent_bytes -= sent
        while unsent and sent >= len(unsent[0]):
            sent -= len(unsent.popleft())
        if sent:
            unsent[0] = unsent[0][sent:]
        if not unsent:
            self._loop.remove_writer(self._descriptor)
            self._all_sent()
        if self._is_protocol_paused and self._unsent_bytes <= LOW_WATER_BYTES:
            self._is_protocol_paused = False
            try:
                self._protocol.resume_writing()
            except Exception as exc:  # noqa: BLE001  as above
                self._report(exc)

    def _all_sent(self) -> None:
        """Do what was to come after that."""
        if self._is_closing:
            self._lose_soon(None)
        elif self._is_eof_due:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError as exc:
                self._cut_off(exc)

    @override
    def get_write_buffer_size(self) -> int:
        """Return how many bytes are unsent."""
        return self._unsent_bytes

    @override
    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low one and the high one, in bytes."""
        return LOW_WATER_BYTES, HIGH_WATER_BYTES

    @override
    def can_write_eof(self) -> bool:
        """Return True: each direction ends on its own."""
        return True

    @override
    def write_eof(self) -> None:
        """End the direction to the client, behind what is unsent.

        Raises:
            OSError: the client has reset the connection.
        """
        if self._is_eof_due or self._is_closing:
            return
        self._is_eof_due = True
        if not self._unsent:
            self._socket.shutdown(socket.SHUT_WR)

    # How it ends

    @override
    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._is_closing

    @override
    def close(self) -> None:
        """Close once all that was written is sent. Repeatable."""
        if not self._is_closing:
            self._is_closing = True
            self._unwatch()
            if not self._unsent:
                self._lose_soon(None)

    @override
    def abort(self) -> None:
        """Close at once. Repeatable."""
        self._cut_off(None)

    def _report(self, exc: Exception) -> None:
        """Close at once, for a fault of the protocol."""
        self._tell(exc, self._protocol)
        self._cut_off(exc)

    def _tell(self, fault: Exception, protocol: asyncio.Protocol) -> None:
        """Tell the loop's exception handler of a fault."""
        context = {"message": "A protocol failed", "exception": fault, "transport": self}
        self._loop.call_exception_handler({**context, "protocol": protocol})

    def _cut_off(self, exc: Exception | None) -> None:
        """Close at once."""
        self._is_closing = True
        self._unwatch()
        if self._unsent:
            self._unsent.clear()
            self._unsent_bytes = 0
            self._loop.remove_writer(self._descriptor)
        self._lose_soon(exc)

    def _lose_soon(self, exc: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._readers.call_soon(functools.partial(self._lose, exc))

    def _lose(self, exc: Exception | None) -> None:
        """Tell the protocol, and let go of everything."""
        protocol, self._protocol = self._protocol, _NOBODY
        try:
            protocol.connection_lost(exc)
        except Exception as fault:  # noqa: BLE001  as above
            self._tell(fault, protocol)
        finally:
            self._socket.close()

    # What is said of it

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the `socket`; or its `sockname` or `peername`, unless the client has left."""
        if name == "socket":
            return self._socket
        try:
            if name == "sockname":
                return self._socket.getsockname()
            if name == "peername":
                return self._socket.getpeername()
        except OSError:
            pass
        return default

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on, which is no `BufferedProtocol`."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError("the protocol must be an asyncio.Protocol")
        self._protocol = protocol

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told what happens."""
        return self._protocol
