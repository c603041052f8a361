"""The server in this process: started, asked, stopped."""

import asyncio
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.errors import (
    AppImportError,
    BindError,
)
from serverkit_server.server import Server
from serverkit_worker.asgi import Receive, Scope, Send
from tests.server.served import (
    BOUND_S,
    App,
    InThread,
    Starts,
    ask,
    config_of,
    get,
    respond,
)


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


def test_says_where_a_loop_runs_already() -> None:
    """`run` within a running loop is refused with what to use instead."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="use await serve"):
            Server(config_of(), App()).run()

    asyncio.run(main())


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
        config = config_of(
            bind=("127.0.0.1:0", "localhost:0", "unix:app.sock"), uds_permissions=0o600
        )
        async with Server(config, App()) as server:
            assert len(server.bound_addrs) >= 3  # localhost may stand for two
            assert server.bound_addrs[-1] == ("app.sock", 0)
            for address in server.bound_addrs:
                assert await asyncio.to_thread(get, address) == b"hello"
            assert stat.S_IMODE(os.lstat("app.sock").st_mode) == 0o600

    asyncio.run(main())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_serves_on_the_loop_asked_for(loop: str) -> None:
    """`run` makes the loop that the settings name, and the application and its start share it."""
    if loop != "asyncio":
        pytest.importorskip(loop)
    app = App()
    starts = Starts(app)
    running = InThread(Server(config_of(loop=loop), starts))
    running.start()
    assert starts.happened.wait(BOUND_S)
    assert get(running.server.bound_addr) == b"hello"
    running.server.shutdown()
    running.join()
    assert running.error is None
    assert {type(each).__module__.partition(".")[0] for each in app.loops} == {loop}


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
    with pytest.raises(AppImportError, match="the type int cannot be called"):
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
