"""How serving ends: cleanly, or with the reason."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from serverkit_server.errors import (
    LifespanError,
    ShutdownError,
    StartupError,
)
from serverkit_server.server import Server
from serverkit_server.session import Session
from serverkit_supervisor import WorkerContext
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.worker import Worker
from tests.server.served import (
    BOUND_S,
    App,
    InThread,
    Starts,
    ask,
    config_of,
    failing_lifespan,
    get,
    hanging,
    respond,
)


def test_tells_why_a_worker_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that cannot begin, or ends by itself, ends the server with the reason."""
    app = App()

    async def fail(worker: Worker) -> None:
        raise OSError("no such luck")

    async def end(worker: Worker) -> None:
        pass

    monkeypatch.setattr(Worker, "serve", fail)
    with pytest.raises(StartupError, match=r"The worker failed: OSError\('no such luck'\)"):
        Server(config_of(), app).run()
    monkeypatch.setattr(Worker, "serve", end)
    with pytest.raises(ShutdownError, match="without having been asked"):
        Server(config_of(), app).run()
    assert app.life == ["started", "stopped"] * 2


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
        assert (
            caught.value.message == "1 request did not finish within 0.05 s and had to be cut off."
        )
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


def test_cancelling_who_waits_for_the_start_ends_it() -> None:
    """Cancelled in `async with` before the server is up, nothing of it is left."""
    ends: list[str] = []

    async def main() -> None:
        entered = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                ends.append("cancelled")

        server = Server(config_of(), app)
        waiting = asyncio.create_task(server.__aenter__())
        await entered.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert server.bound_addr is None

    asyncio.run(asyncio.wait_for(main(), BOUND_S))
    assert ends == ["cancelled"]


def test_a_worse_failure_is_told_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where worker and application fail, the worker is the reason, and the log has the other."""

    async def fail(worker: Worker) -> None:
        raise OSError("no such luck")

    monkeypatch.setattr(Worker, "serve", fail)
    with pytest.raises(StartupError, match="no such luck"):
        Server(config_of(), failing_lifespan("shutdown")).run()
    assert "disk full" in caplog.text


def test_a_worker_may_end_before_a_hand_over_has_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker ends at once, and that it was asked to is known by then."""
    told, ended = threading.Event(), threading.Event()
    hand_over = Worker.hand_over

    def hand_over_and_wait(worker: Worker) -> None:
        hand_over(worker)
        told.set()
        assert ended.wait(BOUND_S)

    async def main(sock: socket.socket) -> None:
        ready = asyncio.Event()
        context = WorkerContext(worker_id=0, sockets=(sock,), ready=ready.set)
        session = Session(config_of(), context, lifecycle_collector=None)
        running = asyncio.create_task(session.run(App()))
        await ready.wait()
        handing_over = asyncio.create_task(asyncio.to_thread(session.hand_over))
        try:
            await running
        finally:
            ended.set()
            await handing_over

    monkeypatch.setattr(Worker, "hand_over", hand_over_and_wait)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        asyncio.run(asyncio.wait_for(main(sock), BOUND_S))
    assert told.is_set()
