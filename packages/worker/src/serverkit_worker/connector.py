"""Gives accepted connections their transports, after the TLS handshake where there is one.

Rules:
    One task per connection, so that a client which is slow to shake hands holds up nobody.
    A connection that comes to nothing is closed, whatever the reason.
"""

import asyncio
import logging
import socket
import ssl
from typing import Final

logger = logging.getLogger("serverkit.error")

HANDSHAKE_TIMEOUT_S: Final = 10.0
# How long closing waits for the client's close_notify; asyncio would wait half a minute.
TLS_CLOSE_TIMEOUT_S: Final = 1.0


class Connector:
    """Turns sockets into transports of an event loop.

    Owner: the worker; the loop thread only.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        """Prepare.

        Args:
            loop: that serves the connections.
            ssl_context: for TLS; the handshake has `HANDSHAKE_TIMEOUT_S`.
        """
        self._loop = loop
        self._ssl_context = ssl_context

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
        secure = self._ssl_context is not None
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._ssl_context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if secure else None,
                ssl_shutdown_timeout=TLS_CLOSE_TIMEOUT_S if secure else None,
            )
        except OSError as exc:  # The client left, or does not speak TLS.
            connection.close()
            logger.debug("A connection came to nothing: %r", exc)
