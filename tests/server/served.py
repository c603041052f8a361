"""Applications and clients for the tests of the server."""

import asyncio
import contextlib
import functools
import http.client
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from serverkit_server.config import ServerConfig
from serverkit_server.server import Server
from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send

BOUND_S = 30.0


def in_loop[**P](test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run a test on an event loop of its own, which is bounded."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), BOUND_S))

    return run


async def respond(send: Send, body: bytes, *, more: bool = False) -> None:
    """Send a whole response, or the start of one."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


class App:
    """An application that notes its life, and answers with what its start has put down."""

    def __init__(self) -> None:
        self.life: list[str] = []
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            self.loops.append(asyncio.get_running_loop())
            await respond(send, str(scope["state"]["greeting"]).encode())
        else:
            raise NotImplementedError(f"no scope {scope['type']}")

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loops.append(asyncio.get_running_loop())
        await receive()
        scope["state"]["greeting"] = "hello"
        self.life.append("started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.life.append("stopped")
        await send({"type": "lifespan.shutdown.complete"})


def config_of(**settings: Any) -> ServerConfig:  # noqa: ANN401 - settings are of any type
    """Make a configuration that listens on a free port and writes nothing."""
    quiet = {"port": 0, "access_log": False, "log_config": "none", "shutdown_timeout": BOUND_S}
    return ServerConfig.from_mapping({**quiet, **settings})


def get(address: tuple[str, int] | None, path: str = "/") -> bytes:
    """Send one request and give the body of its response."""
    assert address is not None, "the server is not bound"
    client = http.client.HTTPConnection(*address, timeout=BOUND_S)
    if address[1] == 0:
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(address[0])
    with contextlib.closing(client):
        client.request("GET", path)
        return client.getresponse().read()


async def ask(server: Server, path: str = "/") -> bytes:
    """Send one request from another thread and give the body of its response."""
    return await asyncio.to_thread(get, server.bound_addr, path)


class InThread:
    """Runs a server off the main thread, and keeps how that ended."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.error: BaseException | None = None
        self.is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def start(self) -> None:
        """Start, without waiting for anything."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()


class Starts:
    """Tells when a server is up, by the scope that its worker gives the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.happened = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "serverkit.worker.startup":
            self.happened.set()
        await self.app(scope, receive, send)


def failing_lifespan(kind: str) -> ASGIApp:
    """Make an application that fails when it starts, or when it stops."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise NotImplementedError
        await receive()
        if kind == "startup":
            raise RuntimeError("no database")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "disk full"})

    return app


def hanging(entered: Callable[[], None]) -> ASGIApp:
    """Make an application that never answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        entered()
        await asyncio.Event().wait()

    return app
