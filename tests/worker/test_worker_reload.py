"""Workers take turns while clients ask at full speed: every request is answered."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.driving import CHUNKED, GET, STREAM_START, chunk, post
from tests.worker.gate import Gate
from tests.worker.handing import Handing
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually, listening

RELOADS = 6
# So much is asked of each generation at least.
REQUESTS = 300

type Kind = Callable[[Client, bytes], bool]


class Turns:
    """Accepts connections and hands each to the worker whose turn it is."""

    def __init__(self) -> None:
        self.listener = listening()
        self._lock = threading.Lock()
        self._turn: Handing | None = None
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_S)
        self.listener.close()

    def next(self, handing: Handing) -> None:
        """Let another worker have what comes from now on."""
        with self._lock:
            self._turn = handing

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                assert self._turn is not None
                self._turn.give(accepted)


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the target and the body; in pieces if asked for."""
    if scope["type"] != "http":
        return
    body, more = scope["query_string"], True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    if scope["path"] == "/stream":
        await send(STREAM_START)
        for byte in body:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


def plain(client: Client, number: bytes) -> bool:
    """Ask one thing."""
    return expect(client, GET.replace(b"/ ", b"/?%b " % number, 1), number)


def streamed(client: Client, number: bytes) -> bool:
    """Ask for pieces."""
    return expect(client, GET.replace(b"/ ", b"/stream?%b " % number, 1), number)


def with_body(client: Client, number: bytes) -> bool:
    """Send a body whose length is known, or not."""
    if number.endswith(b"0"):
        return expect(client, CHUNKED + chunk(number) + chunk(b""), number)
    return expect(client, post(number), number)


def pipelined(client: Client, number: bytes) -> bool:
    """Ask four things at once."""
    client.send(GET.replace(b"/ ", b"/?%b " % number, 1) * 4)
    closes = False
    for _ in range(4):
        assert not closes, "the last response is not the last"
        closes = expect(client, b"", number)
    return closes


def expect(client: Client, data: bytes, body: bytes) -> bool:
    """See that a request is answered rightly; return whether its connection closes."""
    response = client.ask(data) if data else client.read()
    assert (response.status, response.body) == (200, body)
    return response.closes


class Asking:
    """Clients that ask until they are told to stop."""

    def __init__(self, turns: Turns) -> None:
        self.stop = threading.Event()
        self.count = itertools.count()
        self.asked = 0
        self._address = turns.listener.getsockname()

    def go_on_for(self, count: int, talks: list[Future[None]]) -> None:
        """Wait until so much more is asked, or somebody has given up."""
        enough = self.asked + count
        eventually(lambda: self.asked > enough or any(talk.done() for talk in talks))

    def ask(self, kind: Kind) -> None:
        """Ask on one connection after another, each used until it is announced to close."""
        while not self.stop.is_set():
            with Client(self._address) as client:
                closes = False
                while not (closes or self.stop.is_set()):
                    self.asked = next(self.count)
                    closes = kind(client, b"%d" % self.asked)


def test_a_reload_loses_no_request(any_loop: WorkerConfig) -> None:
    """However fast they come: none is refused, none is reset, none stays without its answer."""
    config = replace(any_loop, reload_timeout=WAIT_S)
    kinds = (plain, plain, streamed, with_body, pipelined)
    with ExitStack() as stack, Turns() as turns, ThreadPoolExecutor(len(kinds)) as pool:
        asking = Asking(turns)
        old: RunningWorker | None = None
        talks: list[Future[None]] = []
        try:
            for _ in range(RELOADS):
                handing = stack.enter_context(Handing())
                new = RunningWorker(mirror, config=config, connections=handing)
                new.start()
                turns.next(handing)
                if old is None:
                    talks = [pool.submit(asking.ask, kind) for kind in kinds]
                else:
                    end(old)
                old = new
                asking.go_on_for(REQUESTS, talks)
        finally:
            asking.stop.set()
        for talk in talks:
            talk.result(WAIT_S)
        assert old is not None
        end(old)


def end(running: RunningWorker) -> None:
    """Let a worker end as for a reload."""
    with running.ended_within(WAIT_S):
        running.worker.start_draining()
    running.__exit__(None, None, None)


def test_a_worker_that_is_relieved_ends_by_itself(any_loop: WorkerConfig) -> None:
    """When its last request is answered, long before the time it has for that."""
    app = Gate()
    config = replace(any_loop, reload_timeout=10 * WAIT_S)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        running.worker.start_draining()
        app.let_go()
        with running.ended_within(WAIT_S):
            response = client.read()
        assert (response.status, response.closes) == (200, True)


def test_a_worker_that_is_relieved_while_idle_ends_at_once(any_loop: WorkerConfig) -> None:
    """It has nothing to finish."""
    config = replace(any_loop, reload_timeout=10 * WAIT_S)
    with RunningWorker(mirror, config=config) as running, running.ended_within(WAIT_S):
        running.worker.start_draining()
        running.worker.start_draining()


def test_a_reload_is_bounded(any_loop: WorkerConfig, caplog: pytest.LogCaptureFixture) -> None:
    """What has not ended by its own deadline is cut off and counted."""
    app = Gate()
    config = replace(any_loop, reload_timeout=0.1, shutdown_timeout=10 * WAIT_S)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        with running.ended_within(WAIT_S):
            running.worker.start_draining()
        assert client.read_to_end() == b""
        assert running.worker.unfinished_count == 1
    assert "1" in caplog.text


def waits(running: RunningWorker) -> bool:
    """Say whether the worker drains, and has a deadline for that."""
    drain = running.worker._drain
    return drain is not None and drain._timeout is not None


@pytest.mark.parametrize(("reload_s", "shutdown_s"), [(0.1, 10 * WAIT_S), (10 * WAIT_S, 0.1)])
def test_the_nearer_deadline_counts(
    any_loop: WorkerConfig, reload_s: float, shutdown_s: float
) -> None:
    """A shutdown during a reload never prolongs it, and may shorten it."""
    app = Gate()
    config = replace(any_loop, reload_timeout=reload_s, shutdown_timeout=shutdown_s)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        with running.ended_within(WAIT_S):
            running.worker.start_draining()
            eventually(lambda: waits(running) or not running.thread.is_alive())
            running.worker.shutdown()
        assert running.worker.unfinished_count == 1


def test_abort_ends_a_reload(any_loop: WorkerConfig) -> None:
    """Without waiting for anybody."""
    app = Gate()
    config = replace(any_loop, reload_timeout=10 * WAIT_S)
    with RunningWorker(app, config=config) as running, running.client() as client:
        client.send(GET)
        eventually(lambda: app.entered == 1)
        running.worker.start_draining()
        with running.ended_within(WAIT_S):
            running.worker.abort()
        assert running.worker.unfinished_count == 1


def test_a_hook_is_no_request(any_loop: WorkerConfig) -> None:
    """What the application is told does not count as unfinished when it is cut off."""
    began = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "serverkit.worker.draining":
            began.set()
            await asyncio.Event().wait()

    with RunningWorker(app, config=any_loop) as running, running.client():
        running.worker.start_draining()
        assert began.wait(WAIT_S)
        running.worker.abort()
        running.join()
        assert running.worker.unfinished_count == 0


@pytest.mark.parametrize("name", ["start_draining", "shutdown"])
def test_what_the_kernel_had_accepted_is_served(any_loop: WorkerConfig, name: str) -> None:
    """Though the worker had not when its end began; who comes later is refused."""
    clients: list[Client] = []
    entered, go_on = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] == b"hold":
            entered.set()
            go_on.wait(WAIT_S)  # The loop accepts nobody meanwhile.
        await mirror(scope, receive, send)

    with RunningWorker(app, config=any_loop) as running, running.client() as first:
        first.send(GET.replace(b"/ ", b"/?hold ", 1))
        assert entered.wait(WAIT_S)
        clients += [running.client() for _ in range(3)]
        getattr(running.worker, name)()
        go_on.set()
        assert first.read().body == b"hold"
        for client in clients:
            client.send(GET)
        for client in clients:
            with client:
                assert client.read().status == 200
                assert client.read_to_end() == b""  # It said so, or was done before.


def test_a_client_that_asks_in_the_last_moment_is_answered(any_loop: WorkerConfig) -> None:
    """While the loop is busy until its time is over."""
    entered, go_on = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] == b"hold":
            entered.set()
            go_on.wait(WAIT_S)
        await mirror(scope, receive, send)

    config = replace(any_loop, keep_alive_timeout=0.5)
    with RunningWorker(app, config=config) as running:
        idle, busy = running.client(), running.client()
        with idle, busy:
            busy.send(GET)
            assert busy.read().status == 200
            busy.send(GET.replace(b"/ ", b"/?hold ", 1))
            idle.send(GET)
            assert entered.wait(WAIT_S)
            time.sleep(0.7)  # The time that is to be over.
            go_on.set()
            assert busy.read().body == b"hold"
            assert idle.read().status == 200
