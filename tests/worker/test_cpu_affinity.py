"""A worker's thread is tied to one processor, or goes on without."""

import os
import sys
import threading

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.cpu_affinity import pin_to_cpu
from tests.worker.driving import GET, hello
from tests.worker.running import WAIT_S, RunningWorker

if sys.platform != "linux":
    pytest.skip("only Linux ties threads to processors", allow_module_level=True)


def in_thread(cpu: int) -> set[int]:
    """Return where a thread may run that was tied to a processor."""
    found: list[set[int]] = []

    def run() -> None:
        pin_to_cpu(cpu)
        found.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(WAIT_S)
    return found[0]


def test_the_calling_thread_is_tied() -> None:
    """And no other."""
    before = os.sched_getaffinity(0)
    for cpu in before:
        assert in_thread(cpu) == {cpu}
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("cpu", [100_000, -1])
def test_a_processor_that_is_not_there_is_reported(
    caplog: pytest.LogCaptureFixture, cpu: int
) -> None:
    """The thread runs where it did."""
    assert in_thread(cpu) == os.sched_getaffinity(0)
    (record,) = caplog.records
    assert f"processor {cpu}" in record.getMessage()


def test_elsewhere_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing else happens."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert in_thread(0) == os.sched_getaffinity(0)
    assert len(caplog.records) == 1


def test_a_worker_serves_where_it_is_told(any_loop: WorkerConfig) -> None:
    """On that processor alone."""
    cpu = max(os.sched_getaffinity(0))
    seen: list[set[int]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append(os.sched_getaffinity(0))
            await hello(scope, receive, send)

    with RunningWorker(app, config=any_loop, cpu=cpu) as running, running.client() as client:
        assert client.ask(GET).status == 200
    assert seen == [{cpu}]
