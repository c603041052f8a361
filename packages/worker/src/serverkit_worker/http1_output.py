"""The outgoing half of an HTTP/1.1 connection: what an exchange sends, and how it all ends.

Rules:
    A response that cannot be completed ends so that the client can tell: never by a clean end.
    A connection that closes while the client may still send is left to `LingeringConnection`.

Source: RFC 9112 sections 8 and 9.
"""

import abc
import asyncio
from collections.abc import Callable
from typing import Final

from serverkit_proto.connection import new_connection
from serverkit_proto.response import InformationalHead, ResponseHead
from serverkit_worker import debug_page
from serverkit_worker.asgi import ASGIApp, Extensions, Scope
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.deadlines import NEVER
from serverkit_worker.errors import (
    ClientDisconnected,
    ErrorReply,
    error_response,
    text_error_response,
)
from serverkit_worker.exchange import HTTPExchange
from serverkit_worker.lingering import LingeringConnection
from serverkit_worker.observation import ConnectionObserver, EndReason, StreamEndReason
from serverkit_worker.phases import BODY, CLOSED, HEAD, RESPONSE
from serverkit_worker.serving import Serving

# Of a body that nobody wants any more, this much is read to keep the connection.
DISCARD_BYTES: Final = 65_536


class HTTP1Output(asyncio.Protocol, abc.ABC):
    """The `ResponseStream` of the exchanges of one connection.

    Owner: the worker's loop thread. The incoming half is a subclass; it sets `_client`, `_scope`
    and `_extensions` before anything else happens, and `_exchange` for each request.

    Attributes:
        phase: what the connection waits for.
        deadline: loop time in seconds at which it has waited long enough.
        write_deadline: loop time by which the client must have read some of what waits for it.
        requests_served: how many responses are complete.
    """

    __slots__ = (
        "_app",
        "_body_received",
        "_client",
        "_exchange",
        "_extensions",
        "_observer",
        "_proto",
        "_scope",
        "_serving",
        "deadline",
        "phase",
        "requests_served",
        "write_deadline",
    )

    _client: ClientTransport
    _scope: Scope
    _extensions: Extensions

    def __init__(self, serving: Serving, app: ASGIApp) -> None:
        self._serving = serving
        self._app = app
        self._proto = new_connection(serving.config.proto)
        self._exchange: HTTPExchange | None = None
        self._observer: ConnectionObserver | None = None
        self._body_received = 0
        self.phase = HEAD
        self.deadline = NEVER
        self.write_deadline = NEVER
        self.requests_served = 0

    # What an exchange calls: response_stream.ResponseStream

    async def drained(self) -> None:
        """Wait until the client has read enough, and others had their turn."""
        await self._client.drained()

    def respond(self, head: ResponseHead, body: bytes) -> None:
        """Send the complete response."""
        if self.phase is BODY:
            self._mind_unread_body()
        self._proto.send_response(head, body)
        self._client.write(self._proto.data_to_send())
        self._responded()

    def start_response(self, head: ResponseHead, *, trailers: bool) -> None:
        """Prepare the head."""
        self._proto.start_response(head, trailers=trailers)
        if self._observer is not None and self._exchange is not None:
            self._observer.stream_opened(self._exchange)

    def send_body(self, data: bytes, *, more: bool) -> bool:
        """Send a part of the body; return whether to wait in `drained` before the next.

        Raises:
            ClientDisconnected: writing has failed, though the loop has not told yet. It cannot
                while an application sends and never waits.
        """
        if self._client.transport.is_closing():
            self._lost()
            raise ClientDisconnected
        self._proto.send_body(data, more=more)
        self._client.write(self._proto.data_to_send())
        if self._proto.response_complete:
            self._responded()
            return False
        return self._client.must_wait(len(data))

    def send_trailers(self, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Send the trailers."""
        self._proto.send_trailers(trailers)
        self._client.write(self._proto.data_to_send())
        self._responded()

    def send_early_hint(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Send a 103 response."""
        self._proto.send_informational(self._serving.heads.informational(103, fields))
        self._client.write(self._proto.data_to_send())

    def switch_protocols[T](
        self,
        head: InformationalHead,
        take_over: Callable[[ClientTransport, ConnectionObserver | None, bytes], T],
    ) -> T:
        """Answer with 101, and leave the transport and all that is to come to a successor."""
        client = self._client
        if client.transport.is_closing():
            self._lost()
            raise ClientDisconnected
        received = self._proto.switch_protocols(head)
        client.write(self._proto.data_to_send())
        self._exchange = None
        self.phase = CLOSED
        self.deadline = self.write_deadline = NEVER
        successor = take_over(client, self._observer, received)
        self._serving.forget(self)
        return successor

    def fail(self, reply: ErrorReply, exc: BaseException | None) -> None:
        """Answer for an application that broke down."""
        self._cut_off(reply, exc)

    def _mind_unread_body(self) -> None:
        """Announce that the connection closes if the rest of the body is too much to read.

        A client that waits for 100 (Continue) and gets a final response may send the body or not.
        """
        exchange = self._exchange
        if exchange is None:
            return
        remaining = self._proto.body_remaining
        unasked = exchange.request.expect_continue and self._body_received == 0
        if unasked or remaining is None or remaining > DISCARD_BYTES:
            self._proto.set_close()

    def _responded(self) -> None:
        """Go on after a complete response: wait for the next request, or close."""
        exchange = self._exchange
        self._exchange = None
        if exchange is None:
            raise AssertionError("only an exchange responds")
        self.requests_served += 1
        exchange.wake()
        if self._observer is not None:
            self._observer.responded(exchange, "complete")
        if self._proto.keep_alive:
            self._next_request()
            return
        if self._proto.response_truncated:
            exchange.report_truncated()
        if self.phase is BODY or (self._serving.draining and self._client.has_more()):
            self._linger("complete")
        else:
            self._close("complete")

    @abc.abstractmethod
    def _next_request(self) -> None:
        """Wait for the next request."""

    # How it ends

    def _cut_off(self, reply: ErrorReply, exc: BaseException | None = None) -> None:
        """Answer with an error and close; with a response under way, close so that it shows."""
        exchange = self._exchange
        self._exchange = None
        if exchange is not None:
            exchange.peer_gone()
        if exchange is not None and self._proto.response_started:
            if self._observer is not None:
                self._observer.responded(exchange, "error")
            if exchange.request.http_version == "1.0":
                self._reset("error")  # Its plain end would look like a complete response's.
            else:
                self._close("error")
            return
        self._answer(reply, exchange, exc)
        if self.phase is RESPONSE and not self._proto.buffered:
            self._close("error")
        else:
            self._linger("error")

    def _answer(
        self, reply: ErrorReply, exchange: HTTPExchange | None, exc: BaseException | None
    ) -> None:
        """Send an error as the response."""
        heads, debug = self._serving.heads, self._serving.config.debug
        if debug and exc is not None and exchange is not None:
            method, target, _, _, headers, *_ = exchange.request
            page = debug_page.render(exc, method, target.decode("ascii"), headers)
            response = text_error_response(reply, *page)
        else:
            response = error_response(reply, debug=debug)
        head = heads.make(response.status, response.headers)
        self._proto.send_response(head, response.body, close=True)
        self._client.write(self._proto.data_to_send())
        if self._observer is not None and exchange is not None:
            exchange.head = head
            exchange.bytes_sent = len(response.body)
            self._observer.responded(exchange, "error")
        elif self._observer is not None:
            self._observer.rejected(head.status, len(response.body))

    def _close(self, reason: EndReason) -> None:
        """Close once all that was written is sent; the write deadline bounds that."""
        if self._end(reason):
            if self._client.unsent_bytes:
                self._watch_client_read()
            self._client.transport.close()

    def _reset(self, reason: EndReason) -> None:
        """Close at once, and let it be noticed."""
        self._abandon("error")
        self._end(reason)
        self._client.reset()

    def _watch_client_read(self) -> None:
        """Give the client a while to read some of what waits for it."""
        self.write_deadline = self._serving.sweep.now + self._serving.timeouts.write_s
        self._client.note_unread()

    def _linger(self, reason: EndReason) -> None:
        """Leave the transport to somebody who reads what the client still sends."""
        if self._end(reason):
            self._serving.forget(self)
            LingeringConnection(self._serving, self._client.transport)

    def _lost(self) -> None:
        """Let go of a connection that is lost; an application under way is told."""
        reason: EndReason = "complete" if self._exchange is None else "client_disconnect"
        self._abandon("client_disconnect")
        self._end(reason)
        self._client.break_down()
        self._serving.forget(self)

    def _abandon(self, end: StreamEndReason) -> None:
        """Let an application under way know that nobody hears it any more."""
        exchange = self._exchange
        self._exchange = None
        if exchange is None:
            return
        exchange.peer_gone()
        if self._observer is not None:
            self._observer.responded(exchange, end)
        if self._serving.config.cancel_on_disconnect and exchange.task is not None:
            exchange.task.cancel()

    def _end(self, reason: EndReason) -> bool:
        """Wait for nothing any more; return whether this was news."""
        if self.phase is CLOSED:
            return False
        self.phase = CLOSED
        self.deadline = self.write_deadline = NEVER
        if self._observer is not None:
            self._observer.closed(reason)
        return True
