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

# As asyncio's transports have them.
WRITE_HIGH_WATER_BYTES = 65_536
WRITE_LOW_WATER_BYTES = 16_384
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


class FakeTransport(asyncio.Transport):
    """What asyncio's own transports do, with a client whose speed the test chooses.

    Attributes:
        sent: what the client has read.
        room: how much more the client is willing to read.
        breaks_after: after so many bytes a write finds that the client has left.
        reading: what the client sends is handed on.
        ended: "" while it is open, then "closed" or "aborted".
        eof_sent: the client sees the end of the stream.
    """

    def __init__(self, extra: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._names = {
            "sockname": ("127.0.0.1", 8000),
            "peername": ("127.0.0.1", 50_000),
            **(extra or {}),
        }
        self.sent = bytearray()
        self.room = float("inf")
        self.breaks_after = float("inf")
        self.reading: bool = True
        self.ended: str = ""
        self.eof_sent: bool = False
        self.write_count = 0
        self._buffer = bytearray()
        self._unread: list[bytes] = []
        self._write_paused = False
        self._closing = False

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._names.get(name, default)

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    @override
    def write(self, data: Any) -> None:
        if self.ended:
            return
        self.write_count += 1
        self.breaks_after -= len(data)
        if self.breaks_after < 0:
            self.client_leaves()
            return
        self._buffer += data
        self._hand_over()
        if len(self._buffer) > WRITE_HIGH_WATER_BYTES and not self._write_paused:
            self._write_paused = True
            self.protocol.pause_writing()

    @override
    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        if self.breaks_after < 0:
            raise OSError("not connected")
        self.eof_sent = True

    @override
    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    @override
    def pause_reading(self) -> None:
        self.reading = False

    @override
    def resume_reading(self) -> None:
        if not self.reading:
            self.reading = True
            asyncio.get_running_loop().call_soon(self._hand_on)

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._end("closed")

    @override
    def abort(self) -> None:
        self._closing = True
        self._buffer.clear()
        self._end("aborted")

    # The client's side

    def client_sends(self, data: bytes) -> None:
        """Hand bytes to the connection, or keep them in the kernel while it does not read."""
        if self._closing:
            return
        self._unread.append(data)
        if self.reading:
            self._hand_on()

    def client_reads(self, size: float) -> None:
        """Let the client read so many bytes more."""
        self.room += size
        self._hand_over()
        if self._write_paused and len(self._buffer) <= WRITE_LOW_WATER_BYTES:
            self._write_paused = False
            self.protocol.resume_writing()
        if self._closing and not self._buffer and not self.ended:
            self._end("closed")

    def client_ends(self) -> None:
        """Let the client say that it sends no more."""
        assert isinstance(self.protocol, asyncio.Protocol)
        if not self.protocol.eof_received():
            self.close()

    def client_leaves(self) -> None:
        """Let the connection break down."""
        self._closing = True
        self._buffer.clear()
        self._end("lost", ConnectionResetError())

    @property
    def kernel_holds(self) -> int:
        """How many bytes of the client the connection has not read."""
        return sum(map(len, self._unread))

    def _hand_on(self) -> None:
        assert isinstance(self.protocol, asyncio.Protocol)
        while self._unread and self.reading and not self._closing:
            data = self._unread.pop(0)
            head, rest = data[:READ_BYTES], data[READ_BYTES:]
            if rest:
                self._unread.insert(0, rest)
            self.protocol.data_received(head)

    def _hand_over(self) -> None:
        size = int(min(self.room, len(self._buffer)))
        self.sent += self._buffer[:size]
        del self._buffer[:size]
        self.room -= size

    def _end(self, how: str, exc: Exception | None = None) -> None:
        if not self.ended:
            self.ended = how
            tell = asyncio.get_running_loop().call_soon
            tell(lambda: self.protocol.connection_lost(exc))  # Whoever that is by then.


READ_BYTES = 262_144
"""As much asyncio reads at once."""


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
