"""Asking a worker to end, also before it exists."""

from collections.abc import Callable

import pytest

from serverkit_supervisor.worker_slot import WorkerSlot


class Plain:
    """A worker that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def run(self) -> None:
        raise AssertionError("it is not run here")

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        raise AssertionError("it is not run here")

    def start_draining(self) -> None:
        self.calls.append("start_draining")

    def is_idle(self) -> bool:
        self.calls.append("is_idle")
        return False


class Full(Plain):
    """A worker with the methods that may be there."""

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def reopen_logs(self) -> None:
        self.calls.append("reopen_logs")


class Raising(Full):
    """A worker that raises at everything."""

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        if callable(value):

            def fail() -> None:
                raise ValueError(name)

            return fail
        return value


CALLS: list[tuple[Callable[[WorkerSlot], object], list[str], list[str]]] = [
    (WorkerSlot.drain, ["start_draining"], ["start_draining"]),
    (WorkerSlot.stop, ["shutdown"], ["start_draining"]),
    (WorkerSlot.reopen_logs, ["reopen_logs"], []),
    (WorkerSlot.is_idle, ["is_idle"], ["is_idle"]),
]


@pytest.mark.parametrize(("ask", "full", "plain"), CALLS)
def test_a_worker_is_asked(
    ask: Callable[[WorkerSlot], object], full: list[str], plain: list[str]
) -> None:
    """Each question calls its method, or the one that stands for it."""
    workers: tuple[tuple[Plain, list[str]], ...] = ((Full(), full), (Plain(), plain))
    for worker, calls in workers:
        slot = WorkerSlot()
        slot.put(worker)
        ask(slot)
        assert worker.calls == calls


def test_what_was_asked_before_is_not_forgotten() -> None:
    """A worker is asked as soon as it is there; to stop goes before to drain."""
    for asked, expected in (
        ([WorkerSlot.drain], ["start_draining"]),
        ([WorkerSlot.stop], ["shutdown"]),
        ([WorkerSlot.drain, WorkerSlot.stop], ["shutdown"]),
        ([], []),
        ([WorkerSlot.reopen_logs], []),
    ):
        slot = WorkerSlot()
        for each in asked:
            each(slot)
        assert slot.is_idle()
        worker = Full()
        slot.put(worker)
        assert worker.calls == expected


def test_it_is_known_what_was_asked() -> None:
    """Asked is who was to end, in either way, with a worker or without."""
    slot = WorkerSlot()
    slot.reopen_logs()
    slot.is_idle()
    before = slot.asked
    slot.drain()
    after_drain = slot.asked
    slot = WorkerSlot()
    slot.put(Full())
    slot.stop()
    assert (before, after_drain) == (False, True)
    assert slot.asked


def test_a_worker_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What a worker raises when it is asked something harms nobody; it counts as busy."""
    slot = WorkerSlot()
    slot.put(Raising())
    slot.drain()
    slot.stop()
    slot.reopen_logs()
    assert not slot.is_idle()
    assert len(caplog.records) == 4
    assert "ValueError: start_draining" in caplog.text
