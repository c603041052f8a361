"""The end of a worker: nothing accepted is lost, every wait is bounded, and what is cut is told."""

import contextlib
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from serverkit_worker import own_loop
from serverkit_worker import worker as worker_module
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.driving import GET, hello
from tests.worker.gate import Gate
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually, listening

REQUESTS = 100


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let applications that ignore their cancellation go soon."""
    monkeypatch.setattr(worker_module, "CANCELLED_S", 0.05)
    monkeypatch.setattr(own_loop, "CANCELLED_S", 0.05)


def drains(running: RunningWorker) -> bool:
    """Return whether the worker has begun to drain."""
    return running.worker._serving is not None and running.worker._serving.draining


def connections(running: RunningWorker) -> int:
    """Return how many connections the worker serves."""
    return len(running.worker._serving.connections) if running.worker._serving else 0


def test_no_request_in_flight_is_lost(any_loop: WorkerConfig) -> None:
    """A hundred of them are finished, each told that its connection closes."""
    app = Gate()
    config = replace(any_loop, shutdown_timeout=WAIT_S)
    with RunningWorker(app, config=config) as running:
        clients = [running.client() for _ in range(REQUESTS)]
        for client in clients:
            client.send(GET)
        eventually(lambda: app.entered == REQUESTS)
        running.worker.shutdown()
        eventually(lambda: drains(running))
        app.let_go()
        found = [client.read() for client in clients]
        running.join()
        for client in clients:
            assert client.read_to_end() == b""
            client.socket.close()

    assert {(response.status, response.body) for response in found} == {(200, b"hello")}
    assert all(response.closes for response in found)
    assert running.worker.unfinished_count == 0


def test_what_was_accepted_is_served(any_loop: WorkerConfig) -> None:
    """Also a request that the worker had not read yet."""
    with RunningWorker(hello, config=any_loop) as running, running.client() as client:
        eventually(lambda: not running.worker.is_idle())
        running.worker.shutdown()
        eventually(lambda: drains(running))
        client.send(GET)
        response = client.read()

    assert (response.status, response.closes) == (200, True)


def test_new_connections_are_told_to_come_back(any_loop: WorkerConfig) -> None:
    """As long as the worker drains, by 503 with Retry-After."""
    app = Gate()
    with RunningWorker(app, config=any_loop) as running, running.client() as first:
        first.send(GET)
        eventually(lambda: app.entered == 1)
        running.worker.start_draining()
        eventually(lambda: drains(running))
        with running.client() as second:
            response = second.ask(GET)
            assert second.read_to_end() == b""
        assert (response.status, response.code) == (503, "WORKER_DRAINING")
        assert response["retry-after"] == "1"
        assert response.closes
        assert running.thread.is_alive()
        with running.ended_within(WAIT_S):
            app.let_go()
            assert first.read().status == 200


@pytest.mark.parametrize("name", ["start_draining", "shutdown", "abort"])
def test_an_end_before_run_is_honoured(any_loop: WorkerConfig, name: str) -> None:
    """Who waits in the kernel is left to the next worker, and the application hears nothing."""
    called: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    with listening() as sock, Client(sock.getsockname()) as client:
        client.send(GET)
        running = RunningWorker(app, config=any_loop, sockets=[sock])
        getattr(running.worker, name)()
        with running:
            running.join()
        serve_next(sock)
        assert client.read().status == 299
    assert called == []


def test_idle_connections_do_not_hold_it_up(any_loop: WorkerConfig) -> None:
    """However long they might have stayed."""
    config = replace(  # far beyond what the test waits
        any_loop,
        keep_alive_timeout=10 * WAIT_S,
        header_timeout=10 * WAIT_S,
        shutdown_timeout=10 * WAIT_S,
    )
    with RunningWorker(hello, config=config) as running:
        used, fresh = running.client(), running.client()
        used.ask(GET)
        eventually(
            lambda: running.worker._serving and len(running.worker._serving.connections) == 2
        )
        with running.ended_within(WAIT_S):
            running.worker.shutdown()
        assert used.read_to_end() == fresh.read_to_end() == b""
        used.socket.close()
        fresh.socket.close()


def test_open_streams_are_told_at_once(any_loop: WorkerConfig) -> None:
    """By http.disconnect; they end as they like."""

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"bye"})

    config = replace(any_loop, shutdown_timeout=10 * WAIT_S)
    with RunningWorker(events, config=config) as running, running.client() as client:
        client.send(GET)
        received = b""
        while b"event" not in received:
            received += client.socket.recv(100)
        with running.ended_within(WAIT_S):
            running.worker.shutdown()
        assert b"bye" in client.read_to_end()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("stubborn", [False, True])
def test_the_end_is_bounded(
    any_loop: WorkerConfig, caplog: pytest.LogCaptureFixture, *, stubborn: bool
) -> None:
    """What is left is cancelled and counted; whoever ignores that is left behind."""
    app = Gate(stubborn=stubborn)
    config = replace(any_loop, shutdown_timeout=0.1)
    with RunningWorker(app, config=config) as running:
        clients = [running.client() for _ in range(3)]
        for client in clients:
            client.send(GET)
        eventually(lambda: app.entered == 3)
        with running.ended_within(WAIT_S):
            running.worker.shutdown()
        assert {client.read_to_end() for client in clients} == {b""}
        for client in clients:
            client.socket.close()

    app.forget(running)
    assert app.cancelled >= 3
    assert running.worker.unfinished_count == 3
    assert "3" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_abort_waits_for_nobody(any_loop: WorkerConfig) -> None:
    """Neither for requests nor for the deadline."""
    app = Gate(stubborn=True)
    config = replace(any_loop, shutdown_timeout=10 * WAIT_S)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        with running.ended_within(WAIT_S):
            running.worker.abort()
        assert client.read_to_end() == b""
        assert running.worker.unfinished_count == 1
    app.forget(running)


@pytest.mark.usefixtures("impatient")
def test_abort_ends_a_drain(any_loop: WorkerConfig) -> None:
    """Who has asked nicely may ask again."""
    app = Gate(stubborn=True)
    config = replace(any_loop, shutdown_timeout=10 * WAIT_S)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        running.worker.shutdown()
        eventually(lambda: drains(running))
        with running.ended_within(WAIT_S):
            running.worker.abort()
    app.forget(running)


def test_a_full_worker_refuses(any_loop: WorkerConfig) -> None:
    """And takes the next one when there is room."""
    with RunningWorker(hello, config=any_loop, max_connections=2) as running:
        first, second = running.client(), running.client()
        assert first.ask(GET).status == second.ask(GET).status == 200
        with running.client() as third:
            refused = third.ask(GET)
            assert third.read_to_end() == b""
        assert (refused.status, refused.code) == (503, "LIMIT_CONNECTIONS")
        assert refused["retry-after"] == "5"
        first.socket.close()
        eventually(lambda: connections(running) == 1)
        with running.client() as fourth:
            assert fourth.ask(GET).status == 200
        second.socket.close()


def test_whoever_comes_during_the_end_is_answered_or_not_accepted(any_loop: WorkerConfig) -> None:
    """Nobody is accepted and then dropped: who is left waits in the kernel for the next worker."""
    start = threading.Barrier(5)

    def hammer(running: RunningWorker) -> list[int]:
        start.wait(WAIT_S)
        statuses = []
        while running.thread.is_alive():
            with running.client() as client:
                statuses.append(client.ask(GET).status)
        return statuses

    with RunningWorker(hello, config=any_loop) as running, ThreadPoolExecutor(4) as pool:
        found = [pool.submit(hammer, running) for _ in range(4)]
        start.wait(WAIT_S)
        eventually(lambda: not running.worker.is_idle())
        running.worker.shutdown()
        running.join()
        running.sockets[0].settimeout(0.05)
        while not all(each.done() for each in found):
            with contextlib.suppress(TimeoutError):
                serve_next(running.sockets[0])
        statuses = {status for each in found for status in each.result()}

    assert statuses <= {200, 503, 299}
    assert 200 in statuses


def serve_next(sock: socket.socket) -> None:
    """Be the next worker, for one connection."""
    accepted, _ = sock.accept()
    with accepted:
        accepted.settimeout(WAIT_S)
        accepted.recv(1_000)
        accepted.sendall(b"HTTP/1.1 299 Next\r\ncontent-length: 0\r\n\r\n")


def test_a_client_is_a_client(any_loop: WorkerConfig) -> None:
    """A reset in the midst of a request harms nobody else."""
    with RunningWorker(hello, config=any_loop) as running:
        for data in (
            b"",
            GET[:9],
            GET,
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
        ):
            client = Client(running.address)
            client.send(data)
            at_once = struct.pack("ii", 1, 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            client.socket.close()
        with running.client() as client:
            assert client.ask(GET).status == 200
        eventually(running.worker.is_idle)
