"""Drives one connection of a worker without sockets, on a loop whose clock the test moves."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, override

from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import DRAINING
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.observation import Observation
from serverkit_worker.serving import Serving
from tests.worker.fake_transport import FakeTransport

STEP_S = 0.125

HELLO_HEADERS = [(b"content-length", b"5")]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START: Mapping[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": HELLO_HEADERS,
}
STREAM_START: Mapping[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Mapping[str, Any] = {"type": "http.response.body", "body": b"hello"}


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: its clock stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__()

    @override
    def time(self) -> float:
        return self.now

    @override
    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it at once instead of in a thread, so that nothing has to be waited for."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:  # noqa: BLE001  handed on
            future.set_exception(exc)
        return future

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        await turns()
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + STEP_S, end)
            await turns()


def stepped[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a `SteppedLoop` of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=SteppedLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def the_loop() -> SteppedLoop:
    """Return the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    return loop


async def turns(count: int = 12) -> None:
    """Let the loop go round: whatever is ready happens, and what follows from it."""
    for _ in range(count):
        await asyncio.sleep(0)


async def advance(seconds: float) -> None:
    """Let time pass on the running loop."""
    await the_loop().advance(seconds)


@dataclass
class Wire:
    """A client and the connection that serves it."""

    serving: Serving
    connection: HTTP1Connection
    transport: FakeTransport
    _read: int = field(default=0)

    def send(self, data: bytes) -> None:
        """Send bytes as the client."""
        self.transport.client_sends(data)

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes, let the loop go round, and return what came back."""
        self.send(data)
        await turns()
        return self.take()

    def take(self) -> bytes:
        """Return what the client has read since the last call."""
        sent = bytes(self.transport.sent[self._read :])
        self._read = len(self.transport.sent)
        return sent

    @property
    def ended(self) -> str:
        """How the connection ended, empty while it is open."""
        return self.transport.ended


def make_serving(
    app: ASGIApp,
    config: WorkerConfig | None = None,
    *,
    observation: Observation | None = None,
    max_connections: int = 0,
    state: dict[str, object] | None = None,
) -> Serving:
    """Return what the connections of a worker share, on the running loop."""
    return Serving(
        app,
        config or WorkerConfig(),
        asyncio.get_running_loop(),
        state=state or {},
        max_connections=max_connections,
        observation=observation,
    )


def carry_plainly(
    serving: Serving, connection: HTTP1Connection, extra: Mapping[str, object] | None
) -> FakeTransport:
    """Give a connection a transport."""
    transport = FakeTransport(extra)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    return transport


carry = carry_plainly
"""How clients are connected; see the fixture `carried`."""


def connect(
    serving: Serving,
    *,
    extra: Mapping[str, object] | None = None,
    connection: HTTP1Connection | None = None,
) -> Wire:
    """Connect a client, which is refused in a drain unless it has its connection already."""
    if connection is None:
        connection = HTTP1Connection(serving, DRAINING if serving.draining else None)
    return Wire(serving, connection, carry(serving, connection, extra))


def wire(
    app: ASGIApp,
    config: WorkerConfig | None = None,
    *,
    observation: Observation | None = None,
) -> Wire:
    """Connect a client to an application of its own."""
    return connect(make_serving(app, config, observation=observation))


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request in the plainest way."""
    await send(START)
    await send(BODY)


class Held:
    """An application that waits, in each call, until it is let go on; then it says hello."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.calls: list[Scope] = []
        self.finished = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.calls.append(scope)
        await self.go_on.wait()
        await hello(scope, receive, send)
        self.finished += 1


class BodyReader:
    """An application that takes one message of the body for each step that it is allowed."""

    def __init__(self) -> None:
        self.steps = asyncio.Semaphore(0)
        self.messages: list[Any] = []

    @property
    def body(self) -> bytes:
        """What it has been given."""
        return b"".join(m.get("body", b"") for m in self.messages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the body is answered with its length."""
        more = True
        while more:
            await self.steps.acquire()
            message = await receive()
            self.messages.append(message)
            more = message.get("more_body", False)
        await hello(scope, receive, send)

    def allow(self, count: int = 1_000_000) -> None:
        """Let it take so many messages."""
        for _ in range(min(count, 10_000)):
            self.steps.release()


def post(body: bytes = b"", *, length: int | None = None, fields: bytes = b"") -> bytes:
    """Return a request with a body of declared length, of which `body` is here."""
    declared = len(body) if length is None else length
    head = b"POST /p HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (fields, declared)
    return head + body


CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return a chunk; the last one for no data."""
    return b"%x\r\n%b\r\n" % (len(data), data)
