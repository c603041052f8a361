"""The distributor is kept at work, or there is none."""

import threading

import pytest

from serverkit_supervisor.distribution import Distribution
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.restart_policy import RestartHistory, RestartPolicy
from tests.supervisor.rig import BOUND_S, FakeDistributor

POLICY = RestartPolicy(budget=1)


class Site:
    """A distribution, and what it tells."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.changed = threading.Semaphore(0)
        self.fake = FakeDistributor()
        self.distribution = Distribution(RestartHistory(POLICY), self.changed.release)
        if is_there:
            self.distribution.distributor = self.fake


def some_outlet() -> Outlet:
    """An outlet that is told apart from others, and nothing else."""
    return object()  # type: ignore[return-value]


def test_without_a_distributor_nothing_is_to_be_done() -> None:
    """Each step is harmless."""
    distribution = Site(is_there=False).distribution

    distribution.start()
    distribution.add(some_outlet())
    distribution.remove(some_outlet())
    distribution.advance(0.0)
    distribution.begin_stop(1.0)

    assert not distribution.is_stopping


def test_its_end_is_told_at_once() -> None:
    """Nobody has to look again and again."""
    site = Site()

    site.distribution.note_end()

    assert site.changed.acquire(blocking=False)


def test_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """And with what comes next."""
    site = Site()
    site.distribution.start()
    site.fake.failure = ValueError("no idea")
    site.distribution.note_end()

    site.distribution.advance(10.0)

    assert "failed: it raised ValueError('no idea'); again in 0.5 s" in caplog.text
    assert site.distribution.start_at == 10.5


def test_an_end_without_a_failure_is_one() -> None:
    """It was to go on. And its budget is that of a worker."""
    site = Site()
    site.distribution.start()
    for now in (10.0, 11.0):
        site.fake.is_running = False
        site.distribution.note_end()
        site.distribution.advance(now)

    assert site.distribution.given_up == "it returned without having been asked to"


def test_an_end_during_the_stop_is_no_failure() -> None:
    """It is what was asked for."""
    site = Site()
    site.distribution.start()
    site.distribution.begin_stop(1.0)
    assert site.fake.is_stopped.wait(BOUND_S)

    site.distribution.note_end()
    site.distribution.advance(10.0)

    assert site.distribution.start_at is None


def test_a_stop_waits_in_a_thread_of_its_own() -> None:
    """And tells when it is over; asked twice, it stops once."""
    site = Site()
    site.fake.may_stop.clear()
    site.distribution.start()

    site.distribution.begin_stop(1.0)
    site.distribution.begin_stop(1.0)
    during = site.distribution.is_stopping
    site.fake.may_stop.set()
    assert site.changed.acquire(timeout=BOUND_S)

    assert during
    assert not site.distribution.is_stopping
    assert not site.changed.acquire(blocking=False)


def test_a_stop_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The workers are stopped in any case."""
    site = Site()

    def fail(*, within_s: float) -> None:
        raise OSError("no way")

    site.fake.stop = fail  # type: ignore[method-assign]
    site.distribution.begin_stop(1.0)
    assert site.changed.acquire(timeout=BOUND_S)

    assert not site.distribution.is_stopping
    assert "no way" in caplog.text
