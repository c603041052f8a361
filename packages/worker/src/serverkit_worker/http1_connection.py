"""One HTTP/1.1 connection: bytes of a client in, calls of the application, bytes out.

A request comes in through `data_received`, becomes an event in `_pump` and an exchange in `_begin`,
and leaves through `respond`: for most requests within one call from the event loop.

Rules:
    Requests are answered in order: the protocol gives the next one only after the response to the
    one before it is complete.
    Whatever waits for the client has a deadline: `phase` says for what, `expire` acts on it.
    Whatever is kept for the client or from it is bounded: reading pauses, or `send` waits.

Source: RFC 9112; RFC 9110 section 15.5.9 (408).
"""

import asyncio
from typing import Final, cast

from serverkit_proto.errors import Recovery, RemoteProtocolError
from serverkit_proto.events import BodyReceived, RequestReceived
from serverkit_proto.websocket_handshake import is_websocket_upgrade
from serverkit_worker.asgi import ASGIApp, Scope
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.deadlines import MIN_BODY_BYTES_PER_S, NEVER
from serverkit_worker.errors import (
    LIMIT_CONCURRENCY,
    LIMIT_CONNECTIONS,
    LIMIT_REQUEST_TOO_LARGE,
    ErrorReply,
    reply_to_protocol_error,
)
from serverkit_worker.exchange import HTTPExchange
from serverkit_worker.http1_deadlines import HTTP1Deadlines
from serverkit_worker.http1_output import DISCARD_BYTES
from serverkit_worker.lingering import RefusedConnection
from serverkit_worker.phases import BODY, CLOSED, HEAD, IDLE, RESPONSE
from serverkit_worker.scope import connection_scope, http_scope, socket_address
from serverkit_worker.serving import Serving
from serverkit_worker.tls_scope import TLSExtensions
from serverkit_worker.websocket_upgrade import begin_handshake

# Of a body that the application has not taken yet, or of pipelined requests.
READ_HIGH_WATER_BYTES: Final = 65_536
READ_LOW_WATER_BYTES: Final = 16_384


class HTTP1Connection(HTTP1Deadlines):
    """Serves the requests of one client.

    Owner: the worker's loop thread.
    """

    __slots__ = ("_body_buffered", "_eof", "_pumping", "_refusal")

    def __init__(
        self,
        serving: Serving,
        refusal: ErrorReply | None = None,
        *,
        app: ASGIApp | None = None,
    ) -> None:
        """Prepare for a connection.

        Args:
            serving: of the worker.
            refusal: what its first request is answered, if it is not to be served.
            app: what serves its requests, None for that of the worker.
        """
        super().__init__(serving, app or serving.app)
        self._refusal = refusal
        self._body_buffered = 0
        self._eof = False
        self._pumping = False

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, or leave a connection that is refused to its refusal."""
        serving = self._serving
        transport = cast(asyncio.Transport, transport)  # as that of every stream socket
        refusal = self._refusal
        if refusal is None and len(serving.connections) >= serving.max_connections:
            refusal = LIMIT_CONNECTIONS
        if refusal is not None:
            RefusedConnection(serving, transport, refusal)
            return
        self._client = ClientTransport(transport)
        server = socket_address(transport.get_extra_info("sockname"))
        client = socket_address(transport.get_extra_info("peername"))
        tls = transport.get_extra_info("ssl_object")
        self._extensions = serving.extensions
        if tls is not None:
            self._extensions = TLSExtensions(serving.extensions, tls, serving.tls)
        self._scope = connection_scope(
            server=server,
            client=client,
            scheme="http" if tls is None else "https",
            root_path=serving.config.root_path,
        )
        serving.keep(self)
        self.deadline = serving.sweep.now + serving.timeouts.fresh_s
        if serving.observation is not None:
            self._observer = serving.observation.connection_opened(server, client)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client, and answer what they complete."""
        self._proto.receive_data(data)
        self._pump()

    def eof_received(self) -> bool:
        """Learn that the client sends no more. It may still read: a response under way goes on.

        Returns:
            Whether the transport stays open for writing.
        """
        self._eof = True
        self._proto.receive_eof()
        exchange = self._exchange
        if exchange is None or self.phase is BODY:
            self._pump()  # Half a head or body is an error now.
        elif exchange.needs_duplex or self._serving.config.cancel_on_disconnect:
            # Few clients half-close; most who end the stream have left.
            self._abandon("client_disconnect")
            self._close("client_disconnect")
        else:
            exchange.peer_left()
        return self.phase is not CLOSED

    def pause_writing(self) -> None:
        """Let `send` wait: the client reads more slowly than the application writes."""
        self._client.write_paused = True
        self._watch_client_read()

    def resume_writing(self) -> None:
        """Let `send` go on, or the next request begin; the client is idle from now on only."""
        self.write_deadline = NEVER
        if self.phase is CLOSED:
            self._watch_client_read()  # It has to read the rest as well.
        elif self.phase is IDLE:
            self._idle()
        self._client.resume_writing()
        self._pump_soon()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection; an application under way is told, and cancelled if configured."""
        self._lost()

    # From bytes to exchanges

    def _pump(self) -> None:
        """Act on all that the protocol makes of the bytes received so far."""
        proto = self._proto
        self._pumping = True
        try:
            while self._exchange is not None or not self._client.write_paused:
                event = proto.next_event()
                if event is None:
                    break
                if isinstance(event, RequestReceived):
                    self._begin(event)
                else:
                    self._deliver(event)
        except RemoteProtocolError as error:
            self._refuse(error)
        finally:
            self._pumping = False
        if self._exchange is None:
            if self.phase is IDLE and proto.head_bytes_seen:
                self._begin_head()
            elif self._eof and not self._client.write_paused:
                self._close("complete")
        elif proto.buffered > READ_HIGH_WATER_BYTES:
            self._client.pause_reading()

    def _pump_soon(self) -> None:
        """Let the loop go on with what has been received: whoever runs now has other business."""
        if self._exchange is None and self.phase is not CLOSED:
            self._serving.loop.call_soon(self._pump_if_free)

    def _pump_if_free(self) -> None:
        if self._exchange is None and self.phase is not CLOSED:
            self._pump()

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer to bytes that break the protocol, unless their request has its answer already."""
        if self._exchange is None and error.recovery is Recovery.CLOSE:
            self._linger("error")
        else:
            self._cut_off(reply_to_protocol_error(error))

    def _begin_head(self) -> None:
        """Bound the time that the rest of a head takes; or, behind a response, what waits there."""
        if not self._client.write_paused:
            self.phase = HEAD
            self.deadline = self._serving.sweep.now + self._serving.timeouts.head_s
            self._client.resume_reading()
        elif self._proto.buffered > READ_HIGH_WATER_BYTES:
            self._client.pause_reading()

    def _begin(self, request: RequestReceived) -> None:
        """Start the exchange of one request."""
        serving = self._serving
        if self.requests_served >= serving.last_request or (
            serving.draining and not self._has_pipelined(request)
        ):
            self._proto.set_close()
        scope = http_scope(self._scope, request, self._extensions, serving.state)
        if request.accepts_trailers:
            scope["extensions"]["http.response.trailers"] = {}
        exchange: HTTPExchange
        if request.upgrade and self._asks_for_websocket(request):
            exchange = self._begin_handshake(request, scope)
        else:
            self._exchange = exchange = HTTPExchange(self._app, serving.heads, self, request, scope)
            if self._observer is not None:
                self._observer.request_started(exchange)
            if request.end:
                self.phase = RESPONSE
                self.deadline = serving.sweep.now + serving.timeouts.handler_s
            else:
                self._begin_body(request)
        if len(serving.tasks) >= serving.limit_concurrency and self._exchange is exchange:
            self._cut_off(LIMIT_CONCURRENCY)
        if self._exchange is not exchange:
            return
        # Most applications finish within this line; others go on as a task of the loop.
        task = asyncio.Task(exchange.run(), loop=serving.loop, eager_start=True)
        if not task.done():
            exchange.task = task
            serving.add_task(task)

    def _asks_for_websocket(self, request: RequestReceived) -> bool:
        """Return whether a request is to become a WebSocket: a redirection does not."""
        serving = self._serving
        return (
            serving.config.websocket and self._app is serving.app and is_websocket_upgrade(request)
        )

    def _begin_handshake(self, request: RequestReceived, scope: Scope) -> HTTPExchange:
        """Make the exchange of a WebSocket, or refuse a handshake that is wrong."""
        serving = self._serving
        exchange: HTTPExchange
        refusal = None
        try:
            exchange = begin_handshake(serving, self, request, scope)
        except RemoteProtocolError as error:
            refusal = reply_to_protocol_error(error)
            exchange = HTTPExchange(self._app, serving.heads, self, request, scope)
        self._exchange = exchange
        self.phase = RESPONSE if request.end else BODY
        self.deadline = serving.sweep.now + serving.timeouts.websocket_handshake_s
        if self._observer is not None:
            self._observer.request_started(exchange)
        if refusal is not None:
            self._cut_off(refusal)
        return exchange

    def _begin_body(self, request: RequestReceived) -> None:
        """Take what is here of the body, before the application starts to wait for it."""
        length = request.content_length
        if length is not None and length > self._serving.config.max_request_size:
            self._cut_off(LIMIT_REQUEST_TOO_LARGE)
            return
        self.phase = BODY
        timeouts = self._serving.timeouts
        self._unasked = request.expect_continue
        self.deadline = self._serving.sweep.now + (
            timeouts.handler_s if self._unasked else timeouts.body_s
        )
        self._body_received = self._body_buffered = 0
        event = self._proto.next_event()
        if isinstance(event, BodyReceived):
            self._deliver(event)

    def _deliver(self, event: BodyReceived) -> None:
        """Give a part of the body to the exchange."""
        serving = self._serving
        now = serving.sweep.now
        size = len(event.data)
        self._body_received += size
        exchange = self._exchange
        if exchange is None:
            self._discard(event)
            return
        self._unasked = False
        self._body_buffered += size
        if self._body_received > serving.config.max_request_size:
            self._cut_off(LIMIT_REQUEST_TOO_LARGE)
            return
        exchange.deliver_body(event.data, more=event.more)
        if not event.more:
            self.phase = RESPONSE
            self.deadline = now + serving.timeouts.handler_s
        elif self._body_buffered > READ_HIGH_WATER_BYTES:
            self._client.pause_reading()
            self.deadline = now + serving.timeouts.handler_s  # The application is slow.
        else:
            earned = self.deadline + size / MIN_BODY_BYTES_PER_S
            self.deadline = min(earned, now + serving.timeouts.body_s)

    def _discard(self, event: BodyReceived) -> None:
        """Read what nobody wants any more, within limits, so that the connection can go on."""
        if self.phase is not BODY:
            return
        if not event.more:
            self._idle()
        elif self._body_received > DISCARD_BYTES:
            self._linger("complete")

    def _next_request(self) -> None:
        """Wait for the next request, once the body of the last one has been read."""
        serving = self._serving
        if self.phase is BODY:
            self._body_received = 0
            self.deadline = serving.sweep.now + serving.timeouts.body_s
        else:
            self.phase = IDLE
            self.deadline = serving.sweep.now + serving.timeouts.keep_alive_s
        if self._client.read_paused:
            self._client.resume_reading()
        if not self._pumping and (self._eof or self._proto.buffered):
            self._pump_soon()

    def _idle(self) -> None:
        self.phase = IDLE
        self.deadline = self._serving.sweep.now + self._serving.timeouts.keep_alive_s

    # What an exchange calls, see HTTP1Output

    def body_awaited(self) -> None:
        """Ask the client for the body, if it waits to be asked."""
        if self._unasked:
            self._unasked = False
            self.deadline = self._serving.sweep.now + self._serving.timeouts.body_s
            self._proto.send_continue()
            self._client.write(self._proto.data_to_send())

    def body_taken(self, size: int) -> None:
        """Read on when the application has caught up."""
        self._body_buffered -= size
        if self._client.read_paused and self._body_buffered < READ_LOW_WATER_BYTES:
            if self.phase is BODY:
                self.deadline = self._serving.sweep.now + self._serving.timeouts.body_s
            self._client.resume_reading()
