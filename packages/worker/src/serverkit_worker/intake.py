"""All ways by which connections come to a worker: what it accepts, and what it is handed.

Rules:
    Whether a connection is served is decided as it comes, and it has its transport at once:
    nothing accepted is lost.
"""

import asyncio
import functools
import socket
from collections.abc import Sequence
from typing import NamedTuple

from serverkit_worker.acceptor import Acceptor
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.errors import DRAINING, LIMIT_CONNECTIONS, ErrorReply
from serverkit_worker.handed import ConnectionSource, HandedConnection, HandedConnections
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.serving import Serving
from serverkit_worker.socket_transport import SocketTransport
from serverkit_worker.tls_handshake import TLSHandshake


class Redirects(NamedTuple):
    """The listeners whose clients are sent elsewhere, and what sends them there."""

    listeners: frozenset[int]
    app: ASGIApp


class Intake:
    """Lets connections in, or has them refused.

    Owner: the worker; the loop thread only.

    Attributes:
        is_open: from `start` to `close`.
    """

    def __init__(
        self,
        serving: Serving,
        sockets: Sequence[socket.socket],
        source: ConnectionSource | None,
        *,
        redirects: Redirects | None = None,
    ) -> None:
        """Prepare to let connections in.

        Args:
            serving: of the worker.
            sockets: to accept from; they stay the caller's.
            source: of handed connections; they are served during a drain as well, since whoever
                hands them over knows of it.
            redirects: the listeners that redirect to others; None where none does.
        """
        loop, readers = serving.loop, serving.readers
        self._serving = serving
        self._redirects = redirects
        self._acceptors = [
            Acceptor(
                loop,
                readers,
                sock,
                functools.partial(self._accepted, listener),
                backlog=serving.config.backlog,
            )
            for listener, sock in enumerate(sockets)
        ]
        self._handed = None if source is None else HandedConnections(readers, source, self._taken)
        self.is_open = False

    def start(self) -> None:
        """Let connections in from now on."""
        self.is_open = True
        for acceptor in self._acceptors:
            acceptor.start()
        if self._handed is not None:
            self._handed.start()

    def admit_waiting(self) -> None:
        """Let in who waits already, before something begins that those who come then will meet."""
        for acceptor in self._acceptors:
            acceptor.accept_waiting()
        self.admit_handed()

    def admit_handed(self) -> bool:
        """Let in what has been handed over; return whether there was anything."""
        return self.is_open and self._handed is not None and self._handed.take_waiting()

    def leave_sockets(self) -> None:
        """Accept from no socket any more: others listen there as well. Repeatable."""
        for acceptor in self._acceptors:
            acceptor.leave()

    def close(self) -> None:
        """Let in who is here already, then nobody any more. Repeatable."""
        self.is_open = False
        for acceptor in self._acceptors:
            acceptor.close()
        if self._handed is not None:
            self._handed.close()

    def _accepted(self, listener: int, connection: socket.socket) -> None:
        self._let_in(connection, listener, DRAINING if self._serving.draining else None)

    def _taken(self, handed: HandedConnection) -> None:
        self._let_in(handed.socket, handed.listener, LIMIT_CONNECTIONS if handed.surplus else None)

    def _let_in(self, connection: socket.socket, listener: int, refusal: ErrorReply | None) -> None:
        serving, protocol = self._serving, self._protocol(listener, refusal)
        SocketTransport(serving.loop, serving.readers, connection, protocol).start()

    def _protocol(self, listener: int, refusal: ErrorReply | None) -> asyncio.Protocol:
        """Return what a connection begins with."""
        serving, redirects = self._serving, self._redirects
        if redirects is not None and listener in redirects.listeners:
            return HTTP1Connection(serving, refusal, app=redirects.app)
        if serving.tls is None:
            return HTTP1Connection(serving, refusal)
        make = functools.partial(HTTP1Connection, serving)
        return TLSHandshake(serving, serving.tls, make, refusal)
