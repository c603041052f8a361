"""A worker whose sockets another one listens on as well leaves them to that one."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from serverkit_worker.config import WorkerConfig
from tests.worker.driving import GET, hello
from tests.worker.gate import Gate
from tests.worker.recorder import Recorder
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually, listening

ROUNDS = 5
REQUESTS = 100


def test_nobody_is_refused(any_loop: WorkerConfig) -> None:
    """Who connects while it finishes what it has is served by the other one."""
    app = Gate()
    config = replace(any_loop, reload_timeout=WAIT_S)
    with listening() as sock:
        old = RunningWorker(app, config=config, sockets=[sock])
        with old, old.client() as client:
            client.send(GET)
            eventually(lambda: app.entered == 1)
            with RunningWorker(hello, config=config, sockets=[sock]) as new:
                old.worker.hand_over()
                eventually(lambda: old.worker._serving and old.worker._serving.draining)
                for _ in range(20):
                    with new.client() as other:
                        assert other.ask(GET).status == 200
                assert old.thread.is_alive()
                with old.ended_within(WAIT_S):
                    app.let_go()
                    assert client.read().closes


def test_the_application_is_told_of_a_reload(any_loop: WorkerConfig) -> None:
    """Which it is."""
    app = Recorder()
    with RunningWorker(app, config=any_loop) as running, running.ended_within(WAIT_S):
        running.worker.hand_over()
    assert [scope["reason"] for scope in app.scopes if "reason" in scope] == ["reload"]


def test_it_may_come_at_any_time(any_loop: WorkerConfig) -> None:
    """Before it serves, and when it has served."""
    with RunningWorker(hello, config=any_loop) as running:
        running.worker.hand_over()
        running.join()
        running.worker.hand_over()
    before = RunningWorker(hello, config=any_loop)
    before.worker.hand_over()
    with before:
        before.join()


def test_new_connections_at_full_speed_notice_nothing(any_loop: WorkerConfig) -> None:
    """While one worker after another takes over: every one is served."""
    stop = threading.Event()
    served = 0

    def ask() -> None:
        nonlocal served
        while not stop.is_set():
            with Client(sock.getsockname()) as client:
                assert client.ask(GET).status == 200
                served += 1

    with listening() as sock, ThreadPoolExecutor(3) as pool:
        old = RunningWorker(hello, config=any_loop, sockets=[sock])
        old.start()
        talks = [pool.submit(ask) for _ in range(3)]
        try:
            for _ in range(ROUNDS):
                enough = served + REQUESTS
                eventually(lambda: served > enough or any(talk.done() for talk in talks))  # noqa: B023
                new = RunningWorker(hello, config=any_loop, sockets=[sock])
                new.start()
                old.worker.hand_over()
                old.join()
                old = new
        finally:
            stop.set()
            wait(talks, timeout=2 * WAIT_S)
            old.worker.abort()
            old.join()
        for talk in talks:
            talk.result(0)
