"""A worker on real sockets: where it serves, and how it is told from other threads what to do."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from serverkit_worker.access_log import StreamAccessLog
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.log_output import LogOutput
from serverkit_worker.loops import new_event_loop
from serverkit_worker.worker import Worker
from tests.worker.driving import GET, hello
from tests.worker.recorder import Recorder
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually, listening


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_serves_on_tcp(host: str, any_loop: WorkerConfig) -> None:
    """Of both families; the scope says who talks to whom."""
    app = Recorder()
    with RunningWorker(app, host, config=any_loop) as running, running.client() as client:
        assert client.ask(GET).body == b"hello"
        ours, theirs = client.socket.getsockname()[:2], running.address[:2]
        assert client.ask(GET).body == b"hello"

    http = [scope for scope in app.scopes if scope["type"] == "http"]
    assert [scope["client"] for scope in http] == [ours, ours]
    assert [scope["server"] for scope in http] == [theirs] * 2


def test_it_serves_on_a_unix_socket(tmp_path: Path, any_loop: WorkerConfig) -> None:
    """Which stays where it is when the worker ends."""
    app = Recorder()
    path = str(tmp_path / "s")
    with RunningWorker(app, path, config=any_loop) as running, Client(path) as client:
        assert client.ask(GET).body == b"hello"
        running.worker.shutdown()
        running.join()
        assert Path(path).is_socket()

    (scope,) = [scope for scope in app.scopes if scope["type"] == "http"]
    assert (scope["server"], scope["client"]) == ((path, None), None)


def test_it_serves_on_several_sockets(tmp_path: Path, any_loop: WorkerConfig) -> None:
    """At the same time."""
    hosts = ("127.0.0.1", str(tmp_path / "s"), "127.0.0.1")
    with RunningWorker(hello, *hosts, config=any_loop) as running:
        for sock in running.sockets:
            with Client(sock.getsockname()) as client:
                assert client.ask(GET).body == b"hello"


def test_the_sockets_stay_their_owner_s(any_loop: WorkerConfig) -> None:
    """Another worker goes on with them; who connects in between waits in the kernel."""
    with listening() as sock:
        for _ in range(2):
            with Client(sock.getsockname()) as early:
                early.send(GET)
                with RunningWorker(hello, config=any_loop, sockets=[sock]):
                    assert early.read().body == b"hello"
        assert sock.fileno() >= 0


def test_it_makes_a_socket_listen(any_loop: WorkerConfig) -> None:
    """Bound is enough."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        running = RunningWorker(hello, config=any_loop, sockets=[sock])
        with running, running.client() as client:
            assert client.ask(GET).status == 200


def test_a_socket_that_cannot_listen_fails_the_worker(any_loop: WorkerConfig) -> None:
    """And leaves nothing open of the others."""
    with listening() as good, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad:
        worker = Worker(any_loop, hello, [good, bad])
        with pytest.raises((OSError, ValueError)):
            worker.run()
        assert worker.is_idle()


def test_a_failure_leaves_nothing_on_a_loop_that_goes_on(any_loop: WorkerConfig) -> None:
    """Neither what it watched nor what it watched with."""

    async def scene() -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with (
            listening() as good,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad,
            pytest.raises(OSError),  # noqa: PT011  which one is the system's business
        ):
            await Worker(any_loop, hello, [good, bad]).serve()
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    with asyncio.Runner(loop_factory=lambda: new_event_loop(any_loop.loop)) as runner:
        runner.run(scene())


def test_shutdown_ends_run(any_loop: WorkerConfig) -> None:
    """From any thread, as often as one likes."""
    running = RunningWorker(hello, config=any_loop)
    with running:
        running.worker.shutdown()
        running.worker.shutdown()
        running.join()
        running.worker.shutdown()


def test_a_worker_runs_once() -> None:
    """Neither again nor twice at a time."""
    with RunningWorker(hello) as running, running.client() as client:
        with pytest.raises(RuntimeError, match="once"):
            running.worker.run()
        assert client.ask(GET).status == 200
        client.socket.close()
        running.worker.shutdown()
        running.join()
        with pytest.raises(RuntimeError, match="once"):
            running.worker.run()


@pytest.mark.parametrize("name", ["start_draining", "shutdown", "abort", "is_idle"])
def test_after_run_nothing_does_harm(name: str) -> None:
    """Its supervisor need not know that it has ended."""
    running = RunningWorker(hello)
    with running:
        running.worker.shutdown()
        running.join()
        getattr(running.worker, name)()
        assert running.worker.is_idle()


def test_a_shared_event_ends_it(any_loop: WorkerConfig) -> None:
    """Set by somebody else."""
    event = threading.Event()
    app = Recorder()
    with RunningWorker(app, config=any_loop, shutdown_event=event) as running:
        event.set()
        running.join()

    draining = [scope for scope in app.scopes if scope["type"].endswith("draining")]
    assert [scope["reason"] for scope in draining] == ["shutdown"]


def test_a_shared_event_that_is_set_lets_it_not_begin(any_loop: WorkerConfig) -> None:
    """The application hears nothing of it."""
    event = threading.Event()
    event.set()
    app = Recorder()
    with RunningWorker(app, config=any_loop, shutdown_event=event) as running:
        running.join()

    assert app.scopes == []


def test_its_shutdown_is_everyone_s(any_loop: WorkerConfig) -> None:
    """It sets the shared event, also before it runs."""
    event = threading.Event()
    with RunningWorker(hello, config=any_loop, shutdown_event=event) as running:
        running.worker.shutdown()
        assert event.wait(WAIT_S)


def test_it_is_idle_while_nobody_is_connected(any_loop: WorkerConfig) -> None:
    """Before, between and after."""
    app = Recorder()
    config = replace(any_loop, keep_alive_timeout=WAIT_S)
    with RunningWorker(app, config=config) as running:
        worker = running.worker
        assert worker.is_idle()
        with running.client() as client:
            assert client.ask(GET).status == 200
            assert not worker.is_idle(), (app.scopes, running.failure, client.waiting())
        eventually(worker.is_idle)


def test_the_state_of_the_lifespan_reaches_every_request(any_loop: WorkerConfig) -> None:
    """Set before it runs, or while it does."""
    app = Recorder()
    running = RunningWorker(app, config=any_loop)
    running.worker.set_lifespan_state({"a": 1})
    with running, running.client() as client:
        client.ask(GET)
        running.worker.set_lifespan_state({"b": 2})
        client.ask(GET)

    assert [s["state"] for s in app.scopes if s["type"] == "http"] == [{"a": 1}, {"b": 2}]


def test_blocking_work_runs_in_threads_of_the_worker() -> None:
    """So that it does not share those of another worker."""
    names: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            names.append(await asyncio.to_thread(lambda: threading.current_thread().name))
            await hello(scope, receive, send)

    config = WorkerConfig(executor_threads_per_worker=1)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.ask(GET)

    assert names == ["serverkit-0-exec_0"]


def test_the_access_log_is_complete_when_run_returns(any_loop: WorkerConfig) -> None:
    """What the last tick did not write, the end does."""
    reading, writing = os.pipe()
    try:
        log = StreamAccessLog(LogOutput(writing))
        running = RunningWorker(hello, config=any_loop, access_log=log)
        with running, running.client() as client:
            for _ in range(3):
                client.ask(GET)
        assert os.read(reading, 100_000).count(b"\n") == 3
    finally:
        os.close(reading)
        os.close(writing)


def test_it_can_be_embedded_in_a_loop_that_runs() -> None:
    """Serve instead of run; cancelling it cleans up as well."""
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await hello(scope, receive, send)
        else:
            done.append(scope["type"])

    async def main(end: Callable[[Worker, asyncio.Task[None]], object]) -> None:
        ready = asyncio.Event()
        with listening() as sock:
            worker = Worker(WorkerConfig(), app, sock, ready=ready.set)
            task = asyncio.create_task(worker.serve())
            async with asyncio.timeout(WAIT_S):
                await ready.wait()
                reader, writer = await asyncio.open_connection(*sock.getsockname())
                writer.write(GET)
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
                writer.close()
                await writer.wait_closed()
                end(worker, task)
                await asyncio.wait([task])
                assert task.cancelled() or task.exception() is None

    asyncio.run(main(lambda worker, _: worker.shutdown()))
    asyncio.run(main(lambda _, task: task.cancel()))
    assert done[-1] == "serverkit.worker.shutdown"
    assert len(done) == 5
