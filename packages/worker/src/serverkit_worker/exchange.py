"""One request and its response: the only place that calls the application.

Nothing here knows which version of HTTP carries the exchange: a `ResponseStream` does that.
`receive` and `send` are the application's side; `deliver_*` and `peer_*` are pushed in by the
connection.

Source: ASGI HTTP & WebSocket message format 2.5, "HTTP".
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.events import RequestReceived
from serverkit_proto.response import ResponseHead, ResponseHeads, make_trailers
from serverkit_worker.asgi import ASGIApp, Message, Scope
from serverkit_worker.errors import (
    APP_BAD_RESPONSE,
    APP_ERROR,
    APP_NO_RESPONSE,
    TIMEOUT_HANDLER,
    ASGIMessageError,
    ClientDisconnected,
    ErrorReply,
)
from serverkit_worker.path_send import FileReader
from serverkit_worker.response_messages import (
    BODY,
    EARLY_HINT,
    PATHSEND,
    START,
    TRAILERS,
    ResponseState,
    body_of,
    check_order,
    early_hint_fields,
    path_of,
    trailers_of,
)
from serverkit_worker.response_stream import ResponseStream

logger = logging.getLogger("serverkit.error")

# As module constants: on the request path a global name costs half of an attribute of the enum.
NOT_STARTED: Final = ResponseState.NOT_STARTED
HEAD_HELD: Final = ResponseState.HEAD_HELD
COMPLETE: Final = ResponseState.COMPLETE


class HTTPExchange:
    """One call of the application.

    Owner: the connection that made it; the loop thread only.

    Attributes:
        request: as the protocol received it.
        scope: given to the application.
        head: of the response, once the application has started it.
        bytes_sent: octets of the response's body so far.
        gone: the connection is lost or cut off; `send` raises.
        streamed: the response leaves in more than one piece.
        started_s: monotonic time in seconds, set where somebody asks for durations.
        task: runs the application; set by the connection when it did not finish at once.
        needs_duplex: it is over as soon as the client sends no more.
        timeout_reply: what the client is answered when the application takes too long.
    """

    __slots__ = (
        "_app",
        "_body_given",
        "_chunks",
        "_heads",
        "_left",
        "_more",
        "_state",
        "_stream",
        "_trailers",
        "_waiters",
        "bytes_sent",
        "gone",
        "head",
        "request",
        "scope",
        "started_s",
        "streamed",
        "task",
    )

    needs_duplex: ClassVar[bool] = False
    timeout_reply: ClassVar[ErrorReply] = TIMEOUT_HANDLER

    def __init__(
        self,
        app: ASGIApp,
        heads: ResponseHeads,
        stream: ResponseStream,
        request: RequestReceived,
        scope: Scope,
    ) -> None:
        self._app = app
        self._heads = heads
        self._stream = stream
        self.request = request
        self.scope = scope
        self.head: ResponseHead | None = None
        self.bytes_sent = 0
        self.gone = False
        self.started_s = 0.0
        self.streamed = False
        self.task: asyncio.Task[None] | None = None
        self._state = NOT_STARTED
        self._left = False  # The client sends no more.
        self._more = not request.end  # More of the request's body is to come.
        self._body_given = False  # The application has all of it.
        # Made where they are needed, which few requests do.
        self._chunks: deque[bytes] | None = None  # Of the body, not given to the application yet.
        self._waiters: list[asyncio.Future[None]] | None = None  # In `receive`.
        self._trailers: tuple[tuple[bytes, bytes], ...] = ()

    # The connection's side

    @property
    def streaming(self) -> bool:
        """Whether a part of the response is sent and more of it is to come."""
        return self._state not in (NOT_STARTED, HEAD_HELD, COMPLETE)

    def deliver_body(self, data: bytes, *, more: bool) -> None:
        """Take a part of the request's body."""
        if self._chunks is None:
            self._chunks = deque()
        if data:
            self._chunks.append(data)
        self._more = more
        self.wake()

    def peer_left(self) -> None:
        """Learn that the client sends no more: `receive` says so, `send` may still reach it."""
        self._left = True
        self.wake()

    def peer_gone(self) -> None:
        """Learn that the response has nowhere to go: `receive` and `send` say so."""
        self.gone = self._left = True
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits in `receive` look again."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters = None

    def report_truncated(self) -> None:
        """Say that the response is shorter than it declared, which the client sees as cut off."""
        logger.error(
            "The application's response to %s %s is shorter than its Content-Length",
            self.request.method,
            self.scope["path"],
        )

    async def run(self) -> None:
        """Call the application once and see to its response. Whatever it raises ends here."""
        try:
            await self._app(self.scope, self.receive, self.send)
        except (KeyboardInterrupt, GeneratorExit):  # The latter: it is left behind unfinished.
            raise
        except BaseException as exc:  # noqa: BLE001  any failure, SystemExit too, is one request's
            self._failed(exc)
        else:
            if self._state is not COMPLETE and not self.gone:
                self._returned_early()

    # The application's side

    async def receive(self) -> Message:
        """Return the next `http.request`, or `http.disconnect` when nothing else can come.

        Source: ASGI HTTP, "Request - receive event" and "Disconnect - receive event".
        """
        while self._body_given or (self._more and not self._chunks):
            if self._left or self._state is COMPLETE:
                return {"type": "http.disconnect"}
            if not self._body_given:
                self._stream.body_awaited()
            await self._woken()
        if self._state is COMPLETE:
            return {"type": "http.disconnect"}
        if self._chunks:
            data = self._chunks.popleft()
            if not self.gone:
                self._stream.body_taken(len(data))
            more = self._more or bool(self._chunks)
        else:
            data, more = b"", False
        self._body_given = not more
        return {"type": "http.request", "body": data, "more_body": more}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take one message of the response, and return when the client may be sent more.

        Raises:
            ASGIMessageError: the message is out of order or malformed; nothing of it was sent.
            LocalProtocolError: its status, headers or length break HTTP; nothing of it was sent.
            ClientDisconnected: an OSError: the client is gone.

        Source: ASGI HTTP, "Response Start - send event" and "Response Body - send event".
        """
        if self.gone:
            raise ClientDisconnected
        kind = message.get("type")
        state = self._state
        if state is HEAD_HELD and kind == BODY and not message.get("more_body"):
            # Nearly every response: complete with its first body.
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = body_of(message)
            self.bytes_sent = len(body)
            self._stream.respond(self.head, body)  # type: ignore[arg-type]  # held: it is there
            self._state = COMPLETE
        elif state is NOT_STARTED and kind == START:
            status: Any = message.get("status")
            self.head = self._heads.make(status, message.get("headers", ()))
            self._state = ResponseState.HEAD_HELD_TRAILERS if message.get("trailers") else HEAD_HELD
        else:
            await self._send_rarer(check_order(state, kind, self.scope["extensions"]), message)

    async def _send_rarer(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind == BODY:
            await self._send_part(body_of(message), more=bool(message.get("more_body")))
        elif kind == TRAILERS:
            fields, more = trailers_of(message)
            self._trailers += make_trailers(fields)
            if not more:
                # A client that has not asked for trailers might take them for something else.
                asked = TRAILERS in self.scope["extensions"]
                self._stream.send_trailers(self._trailers if asked else ())
                self._state = COMPLETE
        elif kind == EARLY_HINT:
            self._stream.send_early_hint(early_hint_fields(message))
        elif kind == PATHSEND:
            await self._send_path(path_of(message))
        # What is left is http.response.debug, made for test clients that look into templates.

    async def _send_part(self, data: bytes, *, more: bool) -> None:
        if self.gone:  # Asked again: a file is sent in many parts.
            raise ClientDisconnected
        self._start_body(data)
        self.bytes_sent += len(data)
        must_wait = self._stream.send_body(data, more=more)
        if not more:
            self._state = (
                ResponseState.TRAILERS_DUE
                if self._state is ResponseState.STREAMING_TRAILERS
                else COMPLETE
            )
        elif must_wait:
            try:
                await self._stream.drained()
            except ClientDisconnected:
                self.peer_gone()  # The connection may not have been told yet.
                raise

    def _start_body(self, data: bytes) -> None:
        """Start the response on the stream, unless that is done or its body is wrong already."""
        head = self.head
        if head is None:
            raise AssertionError("the order table lets no body pass before the start")
        if self.streamed:
            return
        length = head.content_length
        if length is not None and len(data) > length:
            has_body = not head.bodyless and self.request.method != "HEAD"
            if has_body:  # Nothing is sent yet: the client can still be told.
                raise LocalProtocolError(
                    f"the body is longer than the declared Content-Length of {length}",
                    "SERVERKIT_APP_BODY_TOO_LONG",
                )
        trailers = self._state is ResponseState.HEAD_HELD_TRAILERS
        self._stream.start_response(head, trailers=trailers)
        self._state = ResponseState.STREAMING_TRAILERS if trailers else ResponseState.STREAMING
        self.streamed = True

    async def _send_path(self, path: str) -> None:
        """Send a file as the whole body.

        Source: ASGI extension "Path Send".
        """
        head = self.head
        if head is None:
            raise AssertionError("the order table lets no file pass before the start")
        async with FileReader(path) as file:
            if head.content_length is None and not head.bodyless:
                length = (b"content-length", b"%d" % file.size)
                self.head = self._heads.make(head.status, (*head.fields, length))
            if self.request.method != "HEAD":
                while data := await file.read():
                    await self._send_part(data, more=True)
        await self._send_part(b"", more=False)

    async def _woken(self) -> None:
        """Wait for the next `wake`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters
        if waiters is None:
            waiters = self._waiters = []
        waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            waiters.remove(waiter)  # Applications that poll for a disconnect do this all the time.
            raise

    # How a call of the application ends badly

    def _failed(self, exc: BaseException) -> None:
        """Answer for an application that raised."""
        if self.gone and _follows_disconnect(exc):
            return
        request = self.request
        logger.error(
            "The application failed on %s %s",
            request.method,
            self.scope["path"],
            exc_info=(type(exc), exc, exc.__traceback__),
        )
        if self._state is not COMPLETE and not self.gone:
            broke_http = isinstance(exc, ASGIMessageError | LocalProtocolError)
            self._fail(APP_BAD_RESPONSE if broke_http else APP_ERROR, exc)

    def _fail(self, reply: ErrorReply, exc: BaseException) -> None:
        self._stream.fail(reply, exc)

    def _returned_early(self) -> None:
        """Answer for an application that returned before its response was complete."""
        logger.error(
            "The application returned from %s %s with its response %s",
            self.request.method,
            self.scope["path"],
            self._state.value,
        )
        self._stream.fail(APP_NO_RESPONSE, None)


def _follows_disconnect(exc: BaseException) -> bool:
    """Return whether an exception is what a client's leaving, or our cancelling, made of it."""
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, ClientDisconnected | asyncio.CancelledError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
