"""Accepts connections from a listening socket, whatever state the machine is in.

Rules:
    No error of `accept` ends the accepting. Where descriptors or memory have run out it pauses, for
    trying again at once would fail again and take the processor from those who are served.
    One line in the log per shortage, not one per attempt.

Source: accept(2), "Error handling" and "Errors".
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

from serverkit_worker.readers import Readers

logger = logging.getLogger("serverkit.error")

# So many in one go, then those who are served already have their turn.
ACCEPTS_PER_WAKE: Final = 64
PAUSE_S: Final = 0.1
# A shortage that comes again within this time is still the same one.
SAME_SHORTAGE_S: Final = 30.0

_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# The connection failed before it was accepted: the next one need not.
_OF_ONE_CONNECTION: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ETIMEDOUT,
    }
)


class Acceptor:
    """Hands on what arrives at one listening socket.

    Owner: the worker; the loop thread only.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        readers: Readers,
        sock: socket.socket,
        admit: Callable[[socket.socket], None],
        *,
        backlog: int,
    ) -> None:
        """Prepare to accept.

        Args:
            loop: that serves the connections.
            readers: of that loop.
            sock: bound. It stays the caller's: a duplicate is used.
            admit: takes over each connection, and makes it non-blocking.
            backlog: how many connections may wait in the kernel.
        """
        self._loop = loop
        self._readers = readers
        self._sock = _nonblocking_duplicate(sock)
        self._admit = admit
        self._backlog = backlog
        self._is_started = False
        self._resume_handle: asyncio.TimerHandle | None = None
        self._short_since = -SAME_SHORTAGE_S

    def start(self) -> None:
        """Accept from now on, unless it is over already."""
        if self._sock.fileno() < 0:
            return
        self._sock.listen(self._backlog)
        self._is_started = True
        self._readers.add(self._sock.fileno(), self._accept)

    def accept_waiting(self) -> None:
        """Accept what the kernel holds already."""
        if self._is_started:
            self._accept_some(self._backlog)

    def close(self) -> None:
        """Accept what the kernel holds already, then nothing any more. Repeatable."""
        if self._sock.fileno() >= 0:
            self.accept_waiting()
            self.leave()

    def leave(self) -> None:
        """Accept nothing any more: what the kernel holds is for others that listen. Repeatable."""
        if self._sock.fileno() >= 0:
            self._is_started = False
            self._pause()
            self._sock.close()

    def _accept(self) -> None:
        """Accept a number of connections. Called by the readers when there is one."""
        self._accept_some(ACCEPTS_PER_WAKE)

    def _accept_some(self, count: int) -> None:
        """Accept up to `count` connections."""
        for _ in range(count):
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno in _OF_ONE_CONNECTION:
                    continue
                self._rest(exc)
                return
            self._admit(connection)

    def _rest(self, exc: OSError) -> None:
        """Accept nothing for a while, and say once why."""
        now = self._loop.time()
        if now - self._short_since >= SAME_SHORTAGE_S or exc.errno not in _SHORTAGES:
            logger.error(
                "Cannot accept connections (%s); trying again every %g s. "
                "Raise the limit of open files (ulimit -n), or lower max_connections.",
                exc.strerror,
                PAUSE_S,
            )
        self._short_since = now
        self._pause()
        self._resume_handle = self._loop.call_later(PAUSE_S, self._resume)

    def _pause(self) -> None:
        self._readers.remove(self._sock.fileno())
        if self._resume_handle is not None:
            self._resume_handle.cancel()
            self._resume_handle = None

    def _resume(self) -> None:
        self._resume_handle = None
        try:
            self._readers.add(self._sock.fileno(), self._accept)
        except OSError as exc:
            self._rest(exc)


def _nonblocking_duplicate(sock: socket.socket) -> socket.socket:
    """Return a socket for the same queue of connections, whose `accept` does not block.

    `socket.dup` would make it blocking first, and with it every duplicate: another worker, about to
    accept from one at this moment, would not come back.
    """
    descriptor = socket.dup(sock.fileno())
    duplicate = socket.socket(sock.family, sock.type, sock.proto, fileno=descriptor)
    duplicate.setblocking(False)  # noqa: FBT003  the standard library's signature
    return duplicate
