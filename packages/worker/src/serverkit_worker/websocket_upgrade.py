"""From a request over HTTP/1.1 to a WebSocket.

Source: RFC 6455 section 4.2.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Protocol

from serverkit_proto.events import RequestReceived
from serverkit_proto.response import InformationalHead
from serverkit_proto.websocket_handshake import Handshake, accept_head, read_handshake
from serverkit_worker.asgi import Scope
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.observation import ConnectionObserver
from serverkit_worker.response_stream import ResponseStream
from serverkit_worker.scope import websocket_scope
from serverkit_worker.serving import Serving
from serverkit_worker.websocket_carrier import WebSocketCarrier
from serverkit_worker.websocket_connection import WebSocketConnection
from serverkit_worker.websocket_exchange import WebSocketExchange


class UpgradableStream(ResponseStream, Protocol):
    """A connection that can be left to another protocol. Threads: the loop thread only.

    Attributes:
        deadline: loop time in seconds at which it has waited long enough for the application.
    """

    deadline: float

    def switch_protocols[T](
        self,
        head: InformationalHead,
        take_over: Callable[[ClientTransport, ConnectionObserver | None, bytes], T],
    ) -> T:
        """Answer with 101, and leave the transport and all that is to come to a successor.

        Args:
            head: of the 101.
            take_over: makes the successor, of the transport, the observer and what the client has
                sent behind its request.

        Raises:
            ClientDisconnected: the client is gone.
        """


class HTTP1Upgrade:
    """The `Upgrade` of one exchange.

    Owner: the exchange.
    """

    __slots__ = ("_connection", "_handshake", "_serving", "exchange")

    exchange: WebSocketExchange

    def __init__(
        self, serving: Serving, connection: UpgradableStream, handshake: Handshake
    ) -> None:
        self._serving = serving
        self._connection = connection
        self._handshake = handshake

    def accept(
        self, subprotocol: str | None, fields: Iterable[tuple[bytes, bytes]]
    ) -> WebSocketCarrier:
        """Send 101, and leave the transport to a WebSocket."""
        serving, handshake = self._serving, self._handshake
        head = accept_head(serving.heads, handshake, subprotocol=subprotocol, fields=fields)
        return self._connection.switch_protocols(
            head,
            functools.partial(WebSocketConnection, serving, self.exchange, handshake.deflate),
        )

    def deny(self) -> None:
        """Give the application as much time as for any other response."""
        serving = self._serving
        self._connection.deadline = serving.sweep.now + serving.timeouts.handler_s


def begin_handshake(
    serving: Serving, connection: UpgradableStream, request: RequestReceived, scope: Scope
) -> WebSocketExchange:
    """Return the exchange for a request that asks for a WebSocket.

    Args:
        serving: of the worker.
        connection: that the request came on.
        request: for which `is_websocket_upgrade` holds.
        scope: of the request; becomes that of the WebSocket.

    Raises:
        RemoteProtocolError: the handshake is wrong.
    """
    handshake = read_handshake(request, serving.config.proto)
    upgrade = HTTP1Upgrade(serving, connection, handshake)
    upgrade.exchange = exchange = WebSocketExchange(
        serving.app,
        serving.heads,
        connection,
        request,
        websocket_scope(scope, handshake.subprotocols),
        upgrade=upgrade,
        max_queue=serving.config.websocket_max_queue,
    )
    return exchange
