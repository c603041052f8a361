"""Connections that end: what the client still sends is read, so that it can read our last answer.

A socket closed with unread bytes resets the connection, and the reset throws away what the client
has not read yet: an answer to a request that was too large would never be seen.

Source: RFC 9112 section 9.6.
"""

import asyncio

from serverkit_proto.connection import new_connection
from serverkit_proto.errors import ProtocolError
from serverkit_proto.events import RequestReceived
from serverkit_worker.deadlines import NEVER
from serverkit_worker.errors import ErrorReply, error_response
from serverkit_worker.observation import ConnectionObserver, EndReason
from serverkit_worker.scope import socket_address
from serverkit_worker.serving import Serving


class LingeringConnection(asyncio.Protocol):
    """Reads and forgets until the client closes, or the deadline passes.

    Owner: the worker's loop thread.
    """

    __slots__ = ("_serving", "_transport", "_wait_until", "deadline", "write_deadline")

    def __init__(self, serving: Serving, transport: asyncio.Transport) -> None:
        """Take over a transport whose last response is written."""
        self._serving = serving
        self._transport = transport
        self.deadline = serving.sweep.now + serving.timeouts.linger_s
        self._wait_until = serving.sweep.now + serving.timeouts.write_s
        self.write_deadline = NEVER
        serving.keep_ending(self)
        transport.set_protocol(self)
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # The client has reset the connection.
            transport.abort()
        else:
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection."""
        self._serving.forget_ending(self)

    def expire(self) -> None:
        """Wait no longer, unless the client has not read enough for all to be sent."""
        now = self._serving.sweep.now
        if self._transport.get_write_buffer_size() and now < self._wait_until:
            self.deadline = min(now + self._serving.timeouts.linger_s, self._wait_until)
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.deadline = NEVER
        self._transport.abort()


class RefusedConnection(asyncio.Protocol):
    """Answers the first request with a refusal, whatever it is, and closes.

    Owner: the worker's loop thread. The application never hears of it.
    """

    __slots__ = (
        "_observer",
        "_proto",
        "_reason",
        "_reply",
        "_request",
        "_serving",
        "_transport",
        "deadline",
        "write_deadline",
    )

    def __init__(
        self,
        serving: Serving,
        transport: asyncio.Transport,
        reply: ErrorReply,
        *,
        reason: EndReason = "backpressure",
    ) -> None:
        """Wait a moment for a request, since an answer to nothing confuses clients.

        Args:
            serving: of the worker.
            transport: taken over from whoever has been told of the connection.
            reply: what to answer.
            reason: why the connection ends, for those who observe.
        """
        self._serving = serving
        self._reply = reply
        self._reason: EndReason = reason
        self._transport = transport
        self._proto = new_connection(serving.config.proto)
        self._request: RequestReceived | None = None
        self._observer: ConnectionObserver | None = None
        if serving.observation is not None:
            self._observer = serving.observation.connection_opened(
                socket_address(transport.get_extra_info("sockname")),
                socket_address(transport.get_extra_info("peername")),
            )
        serving.keep_ending(self)
        self.deadline = serving.sweep.now + serving.timeouts.refusal_s
        self.write_deadline = NEVER
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the head of a request is here."""
        self._proto.receive_data(data)
        try:
            event = self._proto.next_event()
        except ProtocolError:
            self._answer()
        else:
            if isinstance(event, RequestReceived):
                self._request = event
                self._answer()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection."""
        if self._observer is not None:
            self._observer.closed(self._reason)
        self._serving.forget_ending(self)

    def expire(self) -> None:
        """Answer what has come, be it only half a request."""
        self._answer()

    def abort(self) -> None:
        """Close at once."""
        self.deadline = NEVER
        self._transport.abort()

    def _answer(self) -> None:
        serving = self._serving
        transport = self._transport
        response = error_response(self._reply, debug=serving.config.debug)
        head = serving.heads.make(response.status, response.headers)
        self._proto.send_response(head, response.body, close=True)
        transport.writelines(self._proto.data_to_send())
        if self._observer is not None:
            self._observer.rejected(response.status, len(response.body), self._request)
            self._observer.closed(self._reason)
        serving.forget_ending(self)
        LingeringConnection(serving, transport)
