"""What an application hears of its worker's life, and what its failing to start means."""

import asyncio
import threading
from dataclasses import replace

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import WorkerStartupError
from serverkit_worker.worker import Worker
from tests.worker.driving import GET, hello
from tests.worker.recorder import Recorder
from tests.worker.running import WAIT_S, RunningWorker, eventually, listening


def test_the_application_hears_of_its_worker_s_life(any_loop: WorkerConfig) -> None:
    """On the worker's own thread, in order, with the number of the worker and its generation."""
    app = Recorder()
    running = RunningWorker(app, config=any_loop, worker_id=3, generation=7)
    with running, running.client() as client:
        client.ask(GET)

    assert app.types() == ["startup", "http", "draining", "shutdown"]
    assert app.threads == {"worker under test"}
    own = [scope for scope in app.scopes if scope["type"] != "http"]
    assert [(scope["worker_id"], scope["generation"]) for scope in own] == [(3, 7)] * 3
    assert (app.scopes[2]["reason"], app.scopes[2]["timeout"]) == ("shutdown", 10.0)


def test_draining_for_a_reload_says_so(any_loop: WorkerConfig) -> None:
    """Once, though a shutdown follows."""
    app = Recorder()
    config = replace(any_loop, reload_timeout=WAIT_S)
    with RunningWorker(app, config=config) as running, running.client():
        eventually(lambda: not running.worker.is_idle())
        running.worker.start_draining()
        eventually(lambda: "draining" in app.types())
        running.worker.shutdown()
        running.join()

    assert app.types() == ["startup", "draining", "shutdown"]
    assert (app.scopes[1]["reason"], app.scopes[1]["timeout"]) == ("reload", WAIT_S)


async def without_database(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve, but fail on everything else."""
    if scope["type"] != "http":
        raise ValueError("no database")
    await hello(scope, receive, send)


def test_a_failing_hook_is_reported_and_the_worker_serves(
    any_loop: WorkerConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless the settings say otherwise."""
    with RunningWorker(without_database, config=any_loop) as running, running.client() as client:
        assert client.ask(GET).status == 200

    assert "no database" in caplog.text
    assert "serverkit.worker.startup" in caplog.text


def test_a_failing_hook_may_end_the_worker(any_loop: WorkerConfig) -> None:
    """It never listens, is never ready, and the application is not told of an end."""
    calls: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["type"])
        await without_database(scope, receive, send)

    config = replace(any_loop, worker_startup_failure="shutdown")
    with listening() as sock:
        worker = Worker(config, app, sock, ready=lambda: calls.append("ready"))
        with pytest.raises(WorkerStartupError, match=r"worker\.startup.*no database") as caught:
            worker.run()
        assert worker.is_idle()

    assert isinstance(caught.value.__cause__, ValueError)
    assert calls == ["serverkit.worker.startup"]


def test_a_hook_that_hangs_has_failed(any_loop: WorkerConfig) -> None:
    """After the time for starting."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    config = replace(any_loop, startup_timeout=0.01, worker_startup_failure="shutdown")
    with listening() as sock, pytest.raises(WorkerStartupError) as caught:
        Worker(config, app, sock).run()
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize("name", ["start_draining", "shutdown", "abort"])
def test_an_end_does_not_wait_for_a_start(any_loop: WorkerConfig, name: str) -> None:
    """The hook is cancelled; the application has not begun, so it hears of no end."""
    calls: list[str] = []
    began = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["type"])
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            calls.append("cancelled")

    config = replace(any_loop, startup_timeout=10 * WAIT_S)
    running = RunningWorker(app, config=config)
    running.thread.start()
    assert began.wait(WAIT_S)
    getattr(running.worker, name)()
    running.join()
    running.sockets[0].close()

    assert running.failure is None
    assert calls == ["serverkit.worker.startup", "cancelled"]


def test_an_application_may_end_its_worker_as_it_starts(any_loop: WorkerConfig) -> None:
    """It has started, so it is told of the end."""
    app = Recorder()

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if scope["type"] == "serverkit.worker.startup":
            running.worker.start_draining()

    running = RunningWorker(ending, config=any_loop)
    with running:
        running.join()

    assert app.types() == ["startup", "draining", "shutdown"]
    assert app.scopes[1]["reason"] == "reload"


def test_it_is_ready_when_its_hook_is_done(any_loop: WorkerConfig) -> None:
    """And not before it listens."""
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "serverkit.worker.startup":
            await asyncio.sleep(0)
            order.append("startup")

    def ready() -> None:
        order.append("ready")
        worker.shutdown()

    with listening() as sock:
        worker = Worker(any_loop, app, sock, ready=ready)
        worker.run()

    assert order == ["startup", "ready"]


def test_signs_of_life_begin_when_it_is_ready(any_loop: WorkerConfig) -> None:
    """And come from its loop as long as it runs, also while it drains."""
    order: list[str] = []
    app = Recorder()

    def alive() -> None:
        order.append(threading.current_thread().name)

    config = replace(any_loop, reload_timeout=WAIT_S)
    running = RunningWorker(app, config=config, alive=alive, alive_interval=0.01)
    with running, running.client():
        eventually(lambda: not running.worker.is_idle())
        running.worker.start_draining()
        eventually(lambda: "draining" in app.types())
        seen = len(order)
        eventually(lambda: len(order) > seen + 2)
        running.worker.shutdown()
        running.join()
        seen = len(order)

    assert set(order) == {"worker under test"}
    assert len(order) == seen


def test_no_sign_of_life_is_given_where_nobody_watches(any_loop: WorkerConfig) -> None:
    """Without an interval."""
    calls: list[None] = []
    running = RunningWorker(hello, config=any_loop, alive=lambda: calls.append(None))
    with running, running.client() as client:
        client.ask(GET)
    assert calls == []


def test_a_replacement_is_asked_for_once(any_loop: WorkerConfig) -> None:
    """After so many requests; the worker goes on to serve."""
    reasons: list[str] = []
    asked = threading.Event()

    def recycle(reason: str) -> None:
        reasons.append(reason)
        asked.set()

    config = replace(any_loop, max_requests=3, recycle_jitter=0.0)
    with RunningWorker(hello, config=config, recycle=recycle) as running:
        for _ in range(2):  # On connections that are gone, and on one that is open.
            with running.client() as client:
                client.ask(GET)
        eventually(running.worker.is_idle)
        assert not asked.is_set()
        with running.client() as client:
            client.ask(GET)
            assert asked.wait(WAIT_S)
            client.ask(GET)
        with running.client() as client:
            assert client.ask(GET).status == 200

    assert reasons == ["it has served 3 requests"]
