"""One WebSocket, from its handshake to its end: the only place that calls its application.

Nothing here knows what carries the WebSocket: an `Upgrade` accepts it, and gives the
`WebSocketCarrier` that sends and closes. A denial is a response like any other, on the
`ResponseStream` of the request.

Rules:
    Messages wait in one queue, in the order in which they came; the last one is
    `websocket.disconnect`, once. The carrier delivers no more while the queue is `full`.

Source: ASGI HTTP & WebSocket message format 2.5, "WebSocket"; ASGI extension "Websocket Denial
Response".
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final, override

from serverkit_proto.events import RequestReceived
from serverkit_proto.response import ResponseHeads
from serverkit_worker.asgi import ASGIApp, Message, Scope
from serverkit_worker.errors import (
    TIMEOUT_WEBSOCKET_HANDSHAKE,
    ASGIMessageError,
    ClientDisconnected,
    ErrorReply,
)
from serverkit_worker.exchange import COMPLETE, HTTPExchange
from serverkit_worker.response_messages import BODY, START
from serverkit_worker.response_stream import ResponseStream
from serverkit_worker.websocket_carrier import Upgrade, WebSocketCarrier
from serverkit_worker.websocket_messages import (
    ACCEPT,
    CLOSE,
    CONNECT,
    DENIAL_BODY,
    DENIAL_START,
    DISCONNECT,
    RECEIVE,
    SEND,
    WebSocketState,
    accept_of,
    check_websocket_order,
    close_of,
    payload_of,
)

# Of messages that wait for the application, besides the number that is configured.
QUEUE_BYTES: Final = 65_536
# What an application is told of a connection that was lost.
ABNORMAL_CLOSURE: Final = 1006

_new_future = asyncio.Future
_running_loop = asyncio.get_running_loop


class WebSocketExchange(HTTPExchange):
    """One call of the application with a scope of type "websocket".

    Owner: the connection that made it, later the carrier; the loop thread only.

    Attributes:
        full: as many messages wait as may.
    """

    __slots__ = (
        "_carrier",
        "_closed_with",
        "_ends",
        "_max_queue",
        "_open",
        "_queue",
        "_queued_bytes",
        "_upgrade",
        "_websocket_state",
        "full",
    )

    needs_duplex: ClassVar[bool] = True
    timeout_reply: ClassVar[ErrorReply] = TIMEOUT_WEBSOCKET_HANDSHAKE

    def __init__(
        self,
        app: ASGIApp,
        heads: ResponseHeads,
        stream: ResponseStream,
        request: RequestReceived,
        scope: Scope,
        *,
        upgrade: Upgrade,
        max_queue: int,
    ) -> None:
        """Prepare the call.

        Args:
            app: called once.
            heads: validates a denial.
            stream: carries a denial.
            request: that asks for the WebSocket.
            scope: given to the application.
            upgrade: accepts the handshake.
            max_queue: how many messages may wait.
        """
        super().__init__(app, heads, stream, request, scope)
        self._upgrade = upgrade
        self._max_queue = max_queue
        self._carrier: WebSocketCarrier | None = None
        self._websocket_state = WebSocketState.CONNECTING
        self._open = False  # Messages can be sent: accepted, and not closed by anybody.
        self._ends = False  # The last message is in the queue, or has been taken.
        self._closed_with: tuple[int, str] | None = None
        self._queue: deque[Message] = deque(({"type": CONNECT},))
        self._queued_bytes = 0  # Since the queue was empty last: at least those in it.
        self.full = False

    # The connection's side

    def deliver(self, data: str | bytes) -> None:
        """Take a message of the client."""
        kind = "text" if type(data) is str else "bytes"
        queue = self._queue
        queue.append({"type": RECEIVE, kind: data})
        if self._waiters:  # Whoever is woken takes it at once, however large it is.
            self.wake()
            return
        self._queued_bytes += len(data)
        if self._queued_bytes > QUEUE_BYTES or len(queue) >= self._max_queue:
            self.full = True

    def disconnect(self, code: int, reason: str) -> None:
        """Learn that no more will come; `send` raises. Only the first end counts."""
        self.lose()
        self._carrier = None  # Else both would wait for the garbage collector.
        self._append_last(code, reason)

    def lose(self) -> None:
        """Learn that the client is gone, while messages of it may still be delivered."""
        self.gone = True
        self._open = False

    @override
    def peer_gone(self) -> None:
        """Learn that the client is gone; the application is told its own code if it has closed."""
        self.disconnect(*(self._closed_with or (ABNORMAL_CLOSURE, "")))

    @override
    def peer_left(self) -> None:
        """Learn that nobody waits for a denial that streams; it may still be sent."""
        self._append_last(ABNORMAL_CLOSURE, "")

    def _append_last(self, code: int, reason: str) -> None:
        if not self._ends:
            self._ends = True
            self._queue.append({"type": DISCONNECT, "code": code, "reason": reason})
            self.wake()

    # The application's side

    @override
    async def receive(self) -> Message:
        """Return the next message of the client, `websocket.disconnect` as the last one.

        Raises:
            ClientDisconnected: an OSError: the last one has been taken.

        Source: ASGI WebSocket, "Receive - receive event" and "Disconnect - receive event".
        """
        queue = self._queue
        while not queue:
            if self._ends:
                raise ClientDisconnected("websocket.disconnect has been received already")
            # What `_woken` does, without a coroutine for each message.
            waiter: asyncio.Future[None] = _new_future(loop=_running_loop())
            waiters = self._waiters
            if waiters is None:
                waiters = self._waiters = []
            waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                waiters.remove(waiter)
                raise
        message = queue.popleft()
        if not queue:
            self._queued_bytes = 0
            if self.full:
                self._read_on()
        return message

    @override
    async def send(self, message: Mapping[str, Any]) -> None:
        """Take one message, and return when the client may be sent more.

        Raises:
            ASGIMessageError: the message is out of order or malformed; nothing of it was sent.
            LocalProtocolError: headers, subprotocol, close code or text break the protocol;
                nothing of it was sent.
            ClientDisconnected: an OSError: the client is gone.

        Source: ASGI WebSocket, "Accept - send event", "Send - send event", "Close - send event".
        """
        carrier = self._carrier
        if self._open and carrier is not None and message.get("type") == SEND:
            data = message.get("text")
            if type(data) is not str or message.get("bytes") is not None:
                data = payload_of(message)
            if carrier.send_message(data, more=bool(self._queue)):
                await carrier.drained()
        else:
            await self._send_otherwise(message)

    async def _send_otherwise(self, message: Mapping[str, Any]) -> None:
        kind = check_websocket_order(self._websocket_state, message.get("type"))
        if self.gone:
            raise ClientDisconnected
        if kind == ACCEPT:
            self._accept(*accept_of(message))
        elif kind == CLOSE:
            await self._close(*close_of(message))
        elif kind == DENIAL_START:
            await super().send({**message, "type": START, "trailers": False})
            self._websocket_state = WebSocketState.DENYING
            self._upgrade.deny()
        elif kind == DENIAL_BODY:
            await self._send_denial(message)
        else:
            raise AssertionError("what is open and not gone sends elsewhere")

    def _accept(self, subprotocol: str | None, fields: list[tuple[bytes, bytes]]) -> None:
        carrier = self._upgrade.accept(subprotocol, fields)
        # What HTTP needed is a quarter of a WebSocket's memory, and never asked for again.
        del self._upgrade, self._stream
        self._websocket_state = WebSocketState.OPEN
        if not self.gone:  # The client may have closed in the same breath.
            self._carrier = carrier
            self._open = True

    async def _close(self, code: int, reason: str) -> None:
        """Close; before the WebSocket is accepted, that is to deny it."""
        if self._carrier is not None:
            self._carrier.close(code, reason)
            self._open = False
            self._closed_with = code, reason
            self._websocket_state = WebSocketState.CLOSED
            return
        await super().send({"type": START, "status": 403, "headers": [(b"content-length", b"0")]})
        self._websocket_state = WebSocketState.DENYING
        await self._send_denial({})

    async def _send_denial(self, message: Mapping[str, Any]) -> None:
        body = message.get("body", b"")
        if not isinstance(body, bytes | bytearray | memoryview):
            raise ASGIMessageError(f"bytes as 'body' of {DENIAL_BODY!r}", type(body).__name__)
        more = bool(message.get("more_body"))
        await super().send({"type": BODY, "body": body, "more_body": more})
        if self._state is COMPLETE:
            self._websocket_state = WebSocketState.DENIED
            self.disconnect(ABNORMAL_CLOSURE, "")

    def _read_on(self) -> None:
        self.full = False
        if self._carrier is not None:
            self._carrier.read_on()

    # How a call of the application ends

    @override
    def _fail(self, reply: ErrorReply, exc: BaseException) -> None:
        if self._carrier is None:
            super()._fail(reply, exc)
        elif self._open:
            self._carrier.end(exc)

    @override
    def _returned_early(self) -> None:
        if self._carrier is None:
            super()._returned_early()
        elif self._open:
            self._carrier.end(None)
