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
import ssl
from collections.abc import Callable
from typing import Final

logger = logging.getLogger("serverkit.error")

# So many in one go, then those who are served already have their turn.
ACCEPTS_PER_WAKE: Final = 64
PAUSE_S: Final = 0.1
# A shortage that comes again within this time is still the same one.
SAME_SHORTAGE_S: Final = 30.0
HANDSHAKE_TIMEOUT_S: Final = 10.0
SETTLE_S: Final = 1.0
# How long closing waits for the client's close_notify; asyncio would wait half a minute.
TLS_CLOSE_TIMEOUT_S: Final = 1.0

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
    """Turns what arrives at one socket into connections of an event loop.

    Owner: the worker; the loop thread only.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        backlog: int,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare to accept.

        Args:
            loop: that serves the connections.
            sock: bound. It stays the caller's: a duplicate is used.
            make_protocol: called for each connection.
            backlog: how many connections may wait in the kernel.
            ssl_context: for TLS; the handshake has `HANDSHAKE_TIMEOUT_S`.
        """
        self._loop = loop
        self._sock = sock.dup()
        self._sock.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._make_protocol = make_protocol
        self._backlog = backlog
        self._ssl_context = ssl_context
        self._is_started = False
        self._resume_handle: asyncio.TimerHandle | None = None
        self._short_since = -SAME_SHORTAGE_S
        self._connecting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self._sock.listen(self._backlog)
        self._is_started = True
        self._loop.add_reader(self._sock, self._accept)

    async def close(self) -> None:
        """Accept what the kernel holds already, then nothing any more. Repeatable.

        Returns when these connections have their transports, or after `SETTLE_S`.
        """
        if self._sock.fileno() < 0:
            return
        self._pause()
        if self._is_started:
            self._accept_some(self._backlog)
            self._pause()
        self._sock.close()
        if self._connecting:
            await asyncio.wait(self._connecting, timeout=SETTLE_S)

    def _accept(self) -> None:
        """Accept a number of connections. Called by the loop when there is one."""
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
            connection.setblocking(False)  # noqa: FBT003
            task = asyncio.Task(self._connect(connection), loop=self._loop, eager_start=True)
            if not task.done():
                self._connecting.add(task)
                task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        """Give a connection its transport, after the handshake where there is one."""
        secure = self._ssl_context is not None
        try:
            await self._loop.connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=self._ssl_context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if secure else None,
                ssl_shutdown_timeout=TLS_CLOSE_TIMEOUT_S if secure else None,
            )
        except OSError as exc:  # The client left, or does not speak TLS.
            connection.close()
            logger.debug("A connection came to nothing: %r", exc)

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
        self._loop.remove_reader(self._sock)
        if self._resume_handle is not None:
            self._resume_handle.cancel()
            self._resume_handle = None

    def _resume(self) -> None:
        self._resume_handle = None
        self._loop.add_reader(self._sock, self._accept)
