"""A connection's socket that is counted when it is closed, whoever closes it.

So that connections are counted where they were accepted, without any help from the worker.
"""

import socket
import threading
from collections.abc import Callable
from typing import Final

_INTERNET: Final = frozenset({int(socket.AF_INET), int(socket.AF_INET6)})


class ClosedCount:
    """Counts the connections that were closed, each once.

    Owner: the worker's side of a handover. Threads: any.
    """

    __slots__ = ("_changed", "_lock", "total")

    def __init__(self, lock: threading.RLock, changed: Callable[[], None]) -> None:
        """Start at 0.

        Args:
            lock: held while counting. One that can be taken twice: a finaliser that closes a
                socket may come at any moment, also while its thread is counting another.
            changed: called after a change of `total`, with the lock held. It does not block.
        """
        self._lock = lock
        self._changed = changed
        self.total = 0

    def add(self, count: int) -> None:
        """Count connections that never became a socket."""
        with self._lock:
            self.total += count
            self._changed()

    def add_once(self, connection: "HandedSocket") -> None:
        """Count a connection unless it was counted."""
        with self._lock:
            if connection.closed_count is None:
                return
            connection.closed_count = None
            self.total += 1
            self._changed()


class HandedSocket(socket.socket):
    """A socket that is counted as closed when its descriptor is closed or detached.

    That is also when the last file of `makefile` is closed, when the transport of an event loop is
    closed (those of asyncio close their socket, those of uvloop detach it), and when nobody refers
    to it any more. Who detaches it takes the connection out of the count, though it may live on.

    Threads: as a socket, which two threads must not close at the same moment.
    """

    __slots__ = ("closed_count",)

    def __init__(
        self,
        family: int = -1,
        type: int = -1,  # noqa: A002  the standard library's signature: `dup` uses it
        proto: int = -1,
        fileno: int | None = None,
        *,
        closed_count: ClosedCount | None = None,
    ) -> None:
        """Make a socket.

        Args:
            family: of addresses. Given like type and proto, it need not be asked of the system.
            type: SOCK_STREAM, for example.
            proto: the protocol's number.
            fileno: the descriptor, which belongs to this object from now on.
            closed_count: where to count it; None for a connection that does not count.
        """
        self.closed_count = closed_count
        super().__init__(family, type, proto, fileno)

    def close(self) -> None:
        """Close the socket, or let the last file made from it do that."""
        try:
            super().close()
        finally:
            if self.fileno() < 0:
                self._count()

    def detach(self) -> int:
        """Give the descriptor away without closing it."""
        descriptor = super().detach()
        self._count()
        return descriptor

    def __del__(self) -> None:
        super().__del__()  # type: ignore[misc]  # It closes, and warns of what was not closed.
        self._count()

    def _count(self) -> None:
        closed_count = self.closed_count  # Another thread may be about to take it away.
        if closed_count is not None:
            closed_count.add_once(self)


def connection_of(
    family: int, descriptor: int, closed_count: ClosedCount | None = None
) -> HandedSocket:
    """Make the socket of an accepted connection; the descriptor belongs to it.

    Everything is given, so that little is asked of the system: it is a stream, and TCP unless it
    is one within the machine. Event loops look at the protocol's number before they set
    TCP_NODELAY.
    """
    proto = socket.IPPROTO_TCP if family in _INTERNET else 0
    connection = HandedSocket(
        family, socket.SOCK_STREAM, proto, descriptor, closed_count=closed_count
    )
    connection.setblocking(False)  # noqa: FBT003  the standard library's signature
    return connection
