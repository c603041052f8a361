"""The `websockets` client for tests that are not async; every wait is bounded.

Its asyncio client serves all of them, in one thread: its threaded client reads and writes one TLS
connection in two threads, and waits without bounds for the reader when a handshake fails.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from tests.support.server_process import WAIT_S, ServerProcess

type Data = str | bytes


async def connected(server: ServerProcess, path: str, **options: Any) -> ClientConnection:  # noqa: ANN401
    """Return a WebSocket to a server, over TLS if the server speaks it."""
    bounds = {"open_timeout": WAIT_S, "close_timeout": WAIT_S, "ping_interval": None}
    where: dict[str, Any] = {"ssl": server.trust, "proxy": None, "max_size": None}
    if isinstance(server.address, str):
        where |= {"unix": True, "path": server.address}
    return await connect(server.websocket_url + path, **(where | bounds | options))


class Dialer:
    """Opens WebSockets to servers. Owner: a fixture; a context manager.

    Threads: all sockets live in the event loop of a thread of its own; any may call.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="WebSockets")

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns in the event loop of the sockets."""
        return self.start(asyncio.wait_for(coroutine, WAIT_S)).result()

    def start[T](self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Return a coroutine's future; it runs in the event loop of the sockets."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    @contextmanager
    def __call__(self, server: ServerProcess, path: str, **options: Any) -> Iterator["Socket"]:  # noqa: ANN401
        """Open a WebSocket to a server, over TLS if the server speaks it, and close it."""
        socket = self.open(server, path, **options)
        try:
            yield socket
        finally:
            socket.close()

    def open(self, server: ServerProcess, path: str, **options: Any) -> "Socket":  # noqa: ANN401
        """Open a WebSocket; whoever asked for it closes it."""
        return Socket(self, self.run(connected(server, path, **options)))

    def refusal(self, server: ServerProcess, path: str, **options: Any) -> Response:  # noqa: ANN401
        """Return the response with which a server refuses a handshake."""
        try:
            with self(server, path, **options):
                raise AssertionError("the server accepted")
        except InvalidStatus as refused:
            return refused.response


class Socket:
    """One WebSocket of a `Dialer`."""

    def __init__(self, dialer: Dialer, connection: ClientConnection) -> None:
        self._dialer = dialer
        self._connection = connection
        response = connection.response
        assert response
        self.response = response
        self.subprotocol = connection.subprotocol
        self.extensions = connection.protocol.extensions

    def send(self, message: Data | Iterable[str] | Iterable[bytes]) -> None:
        """Send a message, in as many frames as it has parts."""
        self._dialer.run(self._connection.send(message))

    def hear(self) -> Data:
        """Return the next message."""
        return self._dialer.run(self._connection.recv())

    def hear_many(self, count: int) -> list[Data]:
        """Return the next messages."""

        async def many() -> list[Data]:
            return [await self._connection.recv() for _ in range(count)]

        return self._dialer.run(many())

    def hear_json(self) -> Any:  # noqa: ANN401
        """Return what the next message has as JSON."""
        return json.loads(self.hear())

    def end(self) -> tuple[int, str]:
        """Return code and reason with which the server ends, without a message before.

        1005 where it gives no code, and 1006 where the connection ends without a close frame.
        """
        try:
            message = self.hear()
        except ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")
        raise AssertionError(f"a message instead of the end: {message!r:.80}")

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait for the server to close too."""
        self._dialer.run(self._connection.close(code, reason))

    def ping(self) -> float:
        """Ping, wait for the pong, and return how many seconds it took."""

        async def ping() -> float:
            return await (await self._connection.ping())

        return self._dialer.run(ping())

    def cut(self) -> None:
        """Leave without a word."""
        self._dialer.run(self._cut())

    async def _cut(self) -> None:
        self._connection.transport.abort()
