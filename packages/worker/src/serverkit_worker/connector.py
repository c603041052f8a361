"""Gives accepted connections their transports."""

import asyncio
import logging
import socket

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

    def connect(self, connection: socket.socket, protocol: asyncio.Protocol) -> asyncio.Task[None]:
        """Let a protocol have a connection.

        Args:
            connection: non-blocking. It belongs to its transport from now on, which closes it by
                `close` or, once the descriptor is closed, by `detach`.
            protocol: made for this connection.

        Returns:
            A task, done when `connection_made` has been called, or the connection is closed.
        """
        return asyncio.Task(self._connect(connection, protocol), loop=self._loop, eager_start=True)

    async def _connect(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError as exc:  # The client has left.
            connection.close()
            logger.debug("A connection came to nothing: %r", exc)
