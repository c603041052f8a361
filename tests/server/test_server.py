"""The server as a whole, in this process: started, asked, stopped."""

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serverkit_server.config import ServerConfig
from serverkit_server.errors import (
    AppImportError,
    BindError,
    LifespanError,
    ShutdownError,
    StartupError,
)
from serverkit_server.run import run
from serverkit_server.server import Server
from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send
from serverkit_worker.collectors import BufferedCollector

BOUND_S = 30.0


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


@pytest.fixture(autouse=True)
def _signals_stay() -> Iterator[None]:
    """Fail a test that leaves a signal handler behind."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert before == after


def test_serves_while_the_block_runs() -> None:
    """In `async with`, the server is up inside, knows its address, and is drained at the end."""
    app = App()

    async def main() -> None:
        server = Server(config_of(), app)
        assert (server.bound_addr, server.url) == (None, None)
        async with server:
            assert server.bound_addr is not None
            host, port = server.bound_addr
            assert (host, server.url) == ("127.0.0.1", f"http://127.0.0.1:{port}")
            assert server.bound_addrs == (server.bound_addr,)
            assert await ask(server) == b"hello"
            assert app.life == ["started"]
        assert app.life == ["started", "stopped"]
        assert (server.url, len(server.bound_addrs)) == (None, 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port), BOUND_S)

    asyncio.run(main())
    assert len(set(app.loops)) == 1


def test_serves_in_a_running_loop_until_told() -> None:
    """`serve` returns when `shutdown` was called, and is stopped by a second call no further."""

    async def main() -> None:
        app = Starts(App())
        server = Server(config_of(), app)
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(app.happened.wait, BOUND_S)
        assert await ask(server) == b"hello"
        server.shutdown()
        server.shutdown()
        async with asyncio.timeout(BOUND_S):
            await serving
        server.shutdown()

    asyncio.run(main())


def test_runs_until_another_thread_stops_it() -> None:
    """`run` blocks off the main thread too, without signals, until any thread calls `shutdown`."""
    app = App()
    starts = Starts(app)
    running = InThread(Server(config_of(), starts))
    running.start()
    assert starts.happened.wait(BOUND_S)
    assert get(running.server.bound_addr) == b"hello"
    running.server.shutdown()
    running.join()
    assert running.error is None
    assert app.life == ["started", "stopped"]


def test_a_stop_before_the_start_counts() -> None:
    """After `shutdown`, every way to start returns at once, without having called anything."""
    app = App()
    server = Server(config_of(), app)
    server.shutdown()
    server.run()

    async def main() -> None:
        await server.serve()
        async with server:
            assert server.bound_addr is None

    asyncio.run(main())
    assert app.loops == []


def test_serves_once() -> None:
    """A server that has served cannot serve again, and says so."""

    async def main() -> None:
        async with Server(config_of(), App()) as server:
            with pytest.raises(RuntimeError, match="serves once"):
                await server.serve()

    asyncio.run(main())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(number: signal.Signals) -> None:
    """On the main thread, the first signal lets the request in flight finish."""
    bodies: list[bytes] = []
    draining = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "serverkit.worker.draining":
            draining.set()
        elif scope["type"] == "http":
            os.kill(os.getpid(), number)
            await draining.wait()
            await respond(send, b"finished")
        else:
            raise NotImplementedError

    starts = Starts(app)
    server = Server(config_of(), starts)

    def client() -> None:
        if starts.happened.wait(BOUND_S):
            bodies.append(get(server.bound_addr))

    thread = threading.Thread(target=client)
    thread.start()
    server.run()
    thread.join(BOUND_S)
    assert bodies == [b"finished"]


def test_listens_on_several_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server answers on each of its addresses, and removes the file of its unix socket."""
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        config = config_of(bind=("127.0.0.1:0", "localhost:0", "unix:app.sock"))
        async with Server(config, App()) as server:
            assert [port > 0 for _, port in server.bound_addrs] == [True, True, False]
            for address in server.bound_addrs:
                assert await asyncio.to_thread(get, address) == b"hello"

    asyncio.run(main())
    assert not list(tmp_path.iterdir())


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


def test_a_failing_start_serves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that fails ends the server with its reason, and closes what was opened."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LifespanError, match="no database"):
        Server(config_of(bind=("unix:app.sock",)), failing_lifespan("startup")).run()
    assert not list(tmp_path.iterdir())

    async def main() -> None:
        with pytest.raises(LifespanError, match="no database"):
            async with Server(config_of(), failing_lifespan("startup")):
                raise AssertionError("entered")

    asyncio.run(main())


def test_a_failing_stop_is_told() -> None:
    """An application that fails to stop is reported, by `async with` and by `run`."""

    async def main() -> None:
        with pytest.raises(ShutdownError, match="disk full"):
            async with Server(config_of(), failing_lifespan("shutdown")):
                pass

    asyncio.run(main())


def test_an_error_in_the_block_is_not_hidden(caplog: pytest.LogCaptureFixture) -> None:
    """What is raised inside `async with` comes out of it, whatever the end of the server is."""

    async def main() -> None:
        async with Server(config_of(), failing_lifespan("shutdown")):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    assert "disk full" in caplog.text


def hanging(entered: Callable[[], None]) -> ASGIApp:
    """Make an application that never answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        entered()
        await asyncio.Event().wait()

    return app


def test_a_request_that_is_cut_off_is_told() -> None:
    """A request that outlives the deadline is cut off, and the end is not called clean."""

    async def main() -> None:
        entered = asyncio.Event()
        server = Server(config_of(shutdown_timeout=0.05), hanging(entered.set))
        await server.__aenter__()
        asking = asyncio.create_task(ask(server))
        await entered.wait()
        with pytest.raises(ShutdownError) as caught:
            await server.__aexit__(None, None, None)
        assert caught.value.message == "1 request did not finish within 0.05 s and was cut off."
        with pytest.raises(ConnectionResetError):
            await asking

    asyncio.run(asyncio.wait_for(main(), BOUND_S))


def test_cancelling_ends_at_once() -> None:
    """Cancelling `serve` cuts requests off, stops the application and closes the sockets."""
    life = App()

    async def main() -> None:
        entered = asyncio.Event()
        hang = hanging(entered.set)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (life if scope["type"] == "lifespan" else hang)(scope, receive, send)

        server = Server(config_of(), Starts(app))
        serving = asyncio.create_task(server.serve(install_signals=False))
        starts = server._app
        assert isinstance(starts, Starts)
        await asyncio.to_thread(starts.happened.wait, BOUND_S)
        address = server.bound_addr
        asking = asyncio.create_task(ask(server))
        await entered.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(ConnectionResetError):
            await asking
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address or ("", 0), BOUND_S)

    asyncio.run(asyncio.wait_for(main(), BOUND_S))
    assert life.life == ["started", "stopped"]


def test_a_stop_ends_a_start() -> None:
    """Told to stop while the application starts, the server cancels the start and ends cleanly."""
    entered = threading.Event()
    ends: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    running = InThread(Server(config_of(), app))
    running.start()
    assert entered.wait(BOUND_S)
    running.server.shutdown()
    running.join()
    assert running.error is None
    assert ends == ["cancelled"]


def test_reports_a_thread_that_does_not_end() -> None:
    """A thread of the application that is stuck does not hang the server, and is reported."""
    stuck, release = threading.Event(), threading.Event()

    def block() -> None:
        stuck.set()
        release.wait(BOUND_S)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        asyncio.get_running_loop().run_in_executor(None, block)
        await respond(send, b"left it behind")

    starts = Starts(app)
    running = InThread(Server(config_of(shutdown_timeout=0.1), starts))
    running.start()
    assert starts.happened.wait(BOUND_S)
    assert get(running.server.bound_addr) == b"left it behind"
    assert stuck.wait(BOUND_S)
    running.server.shutdown()
    running.join()
    assert isinstance(running.error, ShutdownError)
    assert "1 thread of the application did not finish" in running.error.message
    release.set()


def test_imports_the_application(tmp_path: Path) -> None:
    """An application given by name is imported from the folder it is in."""
    (tmp_path / "served_by_name.py").write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http':\n"
        "        raise NotImplementedError\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'by name'})\n",
        "utf-8",
    )

    async def main() -> None:
        async with Server(config_of(app_dir=str(tmp_path)), "served_by_name:app") as server:
            assert await ask(server) == b"by name"

    asyncio.run(main())


def test_refuses_what_is_no_application() -> None:
    """A bad name, a bad object and a kind that is not there yet are told before anything opens."""
    with pytest.raises(AppImportError, match="no module 'nowhere_at_all'"):
        Server(config_of(), "nowhere_at_all:app").run()
    with pytest.raises(AppImportError, match="is a int, which cannot be called"):
        Server(config_of(), 5).run()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sync_app cannot be used"):
        Server(config_of(), App(), sync_app=object())


def test_refuses_a_port_in_use() -> None:
    """A port that is taken ends the start, and the application is never called."""
    app = App()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(BindError, match=f"127.0.0.1:{port} is in use"):
            Server(config_of(port=port), app).run()
    assert app.loops == []


def test_refuses_an_access_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file that cannot be opened is named, with its setting."""
    config = config_of(access_log=True, access_log_file=str(tmp_path / "gone" / "log"))
    with pytest.raises(StartupError, match="cannot be opened") as caught:
        Server(config, App()).run()
    assert caught.value.setting == "access_log_file"


def test_writes_the_access_log_to_a_file(tmp_path: Path) -> None:
    """Every request has its line in the file at the end, unless the filter says no."""
    log = tmp_path / "access.log"

    async def main() -> None:
        config = config_of(
            access_log=True,
            access_log_file=str(log),
            log_format="text",
            access_log_filter=lambda _method, path, _status: path != "/health",
        )
        async with Server(config, App()) as server:
            await ask(server, "/one")
            await ask(server, "/health")
            await ask(server, "/two")

    asyncio.run(main())
    paths = [line.split('"')[1] for line in log.read_text("utf-8").splitlines()]
    assert paths == ["GET /one HTTP/1.1", "GET /two HTTP/1.1"]


def test_hands_the_access_log_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    """With logging left to the user, requests go to the logger of that name."""

    async def main() -> None:
        async with Server(config_of(access_log=True), App()) as server:
            await ask(server, "/one")

    with caplog.at_level(logging.INFO, "serverkit.access"):
        asyncio.run(main())
    assert ["/one" in record.getMessage() for record in caplog.records] == [True]


def test_tells_what_happens_to_connections(caplog: pytest.LogCaptureFixture) -> None:
    """A collector is told, and without one the setting writes to the log."""
    collector = BufferedCollector()

    async def main(collector: BufferedCollector | None) -> None:
        config = config_of(lifecycle_logging=True)
        async with Server(config, App(), lifecycle_collector=collector) as server:
            await ask(server)

    asyncio.run(main(collector))
    assert len(collector) > 0
    with caplog.at_level(logging.INFO, "serverkit.lifecycle"):
        asyncio.run(main(None))
    logged = [each for each in caplog.records if each.name == "serverkit.lifecycle"]
    assert any("response_completed" in each.getMessage() for each in logged)


def test_run_takes_settings_by_name() -> None:
    """`run` makes the configuration of its arguments, and refuses what is none."""
    with pytest.raises(TypeError, match="did you mean 'port'"):
        run(App(), prt=8000)
    with pytest.raises(ValueError, match="port must be"):
        run(App(), port=-1)
    with pytest.raises(LifespanError):
        run(failing_lifespan("startup"), port=0, log_config="none")
