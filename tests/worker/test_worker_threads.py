"""Several workers in threads of one process share an application, a collector and a log output."""

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serverkit_worker.access_log import AccessLog, LoggerAccessLog, StreamAccessLog
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.collectors import BufferedCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.lifecycle_events import (
    ConnectionCompleted,
    ConnectionOpened,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
    StreamClosed,
    StreamOpened,
)
from serverkit_worker.log_output import LogOutput
from serverkit_worker.worker import Worker
from tests.worker.driving import CHUNKED, GET, START, chunk, post
from tests.worker.running import WAIT_S, RunningWorker, eventually

WORKERS = 4
CLIENTS = 8
ROUNDS = 125
# In each round: two plain requests, one with a body, one whose response is a stream.
REQUESTS = CLIENTS * ROUNDS * 4


type LogMaker = Callable[[], AccessLog]


class SharedApp:
    """Counts its calls, by the thread that made them, and echoes bodies."""

    def __init__(self) -> None:
        self.calls: dict[int, Counter[str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        self.calls.setdefault(threading.get_ident(), Counter())[scope["path"]] += 1
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        if scope["path"] != "/c":
            length = [(b"content-length", b"%d" % len(body))]
            await send({**START, "headers": length})
            await send({"type": "http.response.body", "body": body})
            return
        await send({**START, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": body})


class Counted:
    """Counts what a buffered collector hands on."""

    def __init__(self) -> None:
        self.kinds: Counter[type[LifecycleEvent]] = Counter()
        self.connection_ids: set[int] = set()
        self.bytes_sent = 0
        self.totals = 0
        self._lock = threading.Lock()

    def add(self, batch: Sequence[LifecycleEvent]) -> None:
        """Count a batch. Any thread."""
        with self._lock:
            self.kinds.update(map(type, batch))
            for event in batch:
                if isinstance(event, ConnectionOpened):
                    self.connection_ids.add(event.connection_id)
                elif isinstance(event, ResponseCompleted):
                    self.bytes_sent += event.bytes_sent
                elif isinstance(event, ConnectionCompleted):
                    self.totals += event.total_bytes_sent


def talk(running: RunningWorker, number: int) -> int:
    """Send requests on one connection after another, and return how many were right."""
    right = 0
    body = bytes([65 + number]) * (1 + 97 * number)
    for _ in range(ROUNDS // 25):
        with running.client() as client:
            for _ in range(25):
                client.send(GET + GET)
                right += (client.read().body, client.read().body) == (b"", b"")
                right += client.ask(post(body)).body == body
                right += client.ask(CHUNKED + chunk(body) + chunk(b"")).body == body + body
    return right


def serve_many(loop: str, app: SharedApp, collector: BufferedCollector, log: LogMaker) -> None:
    """Run workers and clients until every request is answered rightly."""
    workers = [
        RunningWorker(
            app,
            config=WorkerConfig(loop=loop),  # type: ignore[arg-type]
            lifecycle_collector=collector,
            access_log=log(),
        )
        for _ in range(WORKERS)
    ]
    with contextlib.ExitStack() as stack:
        for worker in workers:
            stack.enter_context(worker)
        with ThreadPoolExecutor(CLIENTS) as pool:
            talks = [pool.submit(talk, workers[n % WORKERS], n) for n in range(CLIENTS)]
            right = [each.result(4 * WAIT_S) for each in talks]
        for worker in workers:
            eventually(worker.worker.is_idle)
    collector.flush()
    assert right == [ROUNDS * 3] * CLIENTS


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("log_kind", ["stream", "logger"])
def test_nothing_is_lost_or_counted_twice(
    loop: str, log_kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Thousands of requests on several threads: responses, calls, events and lines all agree."""
    pytest.importorskip(loop)
    app, counted = SharedApp(), Counted()
    path = tmp_path / "access.log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    output = LogOutput(descriptor)
    shared = LoggerAccessLog()
    caplog.set_level("INFO", "serverkit.access")
    try:
        serve_many(
            loop,
            app,
            BufferedCollector(max_buffer_size=100, on_flush=counted.add),
            lambda: shared if log_kind == "logger" else StreamAccessLog(output),
        )
    finally:
        os.close(descriptor)

    assert sum(counts.total() for counts in app.calls.values()) == REQUESTS
    assert len(app.calls) == WORKERS
    connections, streams = CLIENTS * ROUNDS // 25, CLIENTS * ROUNDS
    assert counted.kinds == {
        ConnectionOpened: connections,
        ConnectionCompleted: connections,
        RequestStarted: REQUESTS,
        ResponseCompleted: REQUESTS,
        StreamOpened: streams,
        StreamClosed: streams,
    }
    assert len(counted.connection_ids) == connections
    sent = sum(3 * (1 + 97 * n) for n in range(CLIENTS)) * ROUNDS
    assert counted.bytes_sent == counted.totals == sent
    lines = path.read_bytes().splitlines()
    assert len(lines if log_kind == "stream" else caplog.records) == REQUESTS
    assert all(line.count(b'"') == 2 for line in lines)


@pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(), reason="only where threads run at once"
)
def test_threads_run_at_once() -> None:
    """Serving leaves the GIL off."""
    with RunningWorker(SharedApp()) as running, running.client() as client:
        assert client.ask(GET).status == 200
    assert not sys._is_gil_enabled()  # type: ignore[attr-defined]


def test_workers_may_share_a_socket() -> None:
    """Each connection is served by one of them."""
    app = SharedApp()
    with RunningWorker(app) as first, RunningWorker(app, sockets=first.sockets) as second:
        for _ in range(50):
            with first.client() as client:
                assert client.ask(GET).status == 200
        first.worker.shutdown()
        first.join()
        for _ in range(50):
            with second.client() as client:
                assert client.ask(GET).status == 200

    assert sum(counts.total() for counts in app.calls.values()) == 100


@pytest.mark.parametrize("last", ["start_draining", "shutdown", "hand_over"])
def test_whoever_calls_whenever_it_ends_once(last: str) -> None:
    """Several threads ask it to end, and how it is, while it starts and while it serves."""
    for round_ in range(25):
        running = RunningWorker(SharedApp())
        worker = running.worker
        start = threading.Barrier(4)

        def ask(*, ends: str, worker: Worker = worker, start: threading.Barrier = start) -> None:
            start.wait(WAIT_S)
            for _ in range(20):
                worker.is_idle()
                worker.set_lifespan_state({"a": 1})
                getattr(worker, ends)()

        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(ask, ends=each) for each in ("start_draining", last, last)]
            if round_ % 2:
                running.start()
                start.wait(WAIT_S)
            else:
                start.wait(WAIT_S)
                running.start()
            for each in asked:
                each.result(WAIT_S)
        running.join()
        running.sockets[0].close()
        assert running.failure is None
        assert worker.is_idle()
        assert worker.unfinished_count == 0
