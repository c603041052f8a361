"""Gives accepted connections their transports."""

import asyncio
import logging
import socket

from serverkit_worker.socket_transport import SocketTransport

logger = logging.getLogger("serverkit.error")


class Connector:
    """Turns sockets into transports of an event loop.

    Owner: the worker; the loop thread only.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare.

        Args:
            loop: that serves the connections.
        """
        self._loop = loop
        # Other loops have transports that are faster than what watches a descriptor for us.
        self._has_descriptors = isinstance(loop, asyncio.SelectorEventLoop)

    def connect(
        self, connection: socket.socket, protocol: asyncio.Protocol
    ) -> asyncio.Task[None] | None:
        """Let a protocol have a connection.

        Args:
            connection: It belongs to its transport from now on, which makes it non-blocking, and
                closes it by `close` or, once the descriptor is closed, by `detach`.
            protocol: made for this connection.

        Returns:
            A task, done when `connection_made` has been called, or the connection is closed; None
            where that is so already.
        """
        if self._has_descriptors:
            SocketTransport(self._loop, connection, protocol).start()
            return None
        return asyncio.Task(self._connect(connection, protocol), loop=self._loop, eager_start=True)

    async def _connect(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError as exc:  # The client has left.
            connection.close()
            logger.debug("A connection came to nothing: %r", exc)
