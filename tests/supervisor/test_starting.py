"""The start: all are ready, or nothing is served."""

import pytest

from serverkit_supervisor.errors import StartupFailed
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from tests.supervisor.rig import Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)


def test_nothing_is_served_before_all_are_ready() -> None:
    """Connections come only when the last worker of the last group has said that it is ready."""
    rig = Rig(2, groups=(POOL,))
    first, second, pool = rig.runners
    for runner in (first, pool):
        runner.ready()
    rig.settle()
    before = (rig.distributor.starts, rig.ready_calls, rig.distributor.outlets)
    before_outlets = list(before[2])

    second.ready()
    rig.settle()

    assert before[:2] == (0, 0)
    assert before_outlets == []
    assert (rig.distributor.starts, rig.ready_calls) == (1, 1)
    assert rig.distributor.outlets_at_start == 2
    assert rig.distributor.outlets == [first.outlet, second.outlet]
    assert rig.kinds() == ["worker_started"] * 3 + ["ready"]


def test_workers_of_a_group_are_numbered_from_zero() -> None:
    """Each group counts its own."""
    rig = Rig(2, groups=(POOL,))

    assert [(r.spec.group, r.spec.worker_id) for r in rig.runners] == [
        ("tcp", 0),
        ("tcp", 1),
        ("pool", 0),
    ]


def test_a_worker_that_raises_ends_the_start_with_its_own_error() -> None:
    """The failure holds what the worker raised and its traceback; all others are stopped."""
    rig = Rig(2)
    error = ImportError("no module named nothing")

    rig.runners[0].ready()
    rig.runners[1].crash(error)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, StartupFailed)
    assert outcome.error is error
    assert "no module named nothing" in outcome.traceback
    assert "worker 1 (process 1001) did not start" in str(outcome)
    assert rig.runners[0].told == ["stop"]
    assert rig.ready_calls == 0


def test_a_worker_that_was_ready_and_crashes_before_the_others_ends_the_start() -> None:
    """Until all are ready, a crash is not mended."""
    rig = Rig(2)

    rig.runners[0].ready()
    rig.runners[0].killed()
    rig.wait_for(lambda: bool(rig.runners[1].told))
    rig.runners[1].end()
    rig.wait_for(lambda: rig.engine.is_over)

    assert "killed by SIGKILL" in str(rig.outcome())
    assert len(rig.runners) == 2


def test_a_worker_that_is_never_ready_ends_the_start_with_what_it_was_doing() -> None:
    """After startup_timeout its stacks are asked for, and are in the failure."""
    rig = Rig(1, startup_timeout=3)
    (runner,) = rig.runners

    rig.pass_time(2.9)
    early = list(runner.told)
    rig.pass_time(0.1)
    asked = list(runner.told)
    runner.say_stacks("importing for ever")
    rig.wait_until_swept()

    assert early == []
    assert asked == ["stacks"]
    assert runner.told == ["stacks", "terminate"]
    runner.killed()
    rig.wait_for(lambda: rig.engine.is_over)
    outcome = rig.outcome()
    assert isinstance(outcome, StartupFailed)
    assert "not ready within 3 s" in str(outcome)
    assert outcome.traceback == "importing for ever"


def test_a_worker_that_cannot_say_what_it_does_is_ended_all_the_same() -> None:
    """Stacks that do not come are not waited for."""
    rig = Rig(1, startup_timeout=3)
    (runner,) = rig.runners

    rig.pass_time(3 + 1 + 2)
    runner.killed()
    rig.wait_for(lambda: rig.engine.is_over)

    assert runner.told == ["stacks", "terminate", "kill"]
    assert isinstance(rig.outcome(), StartupFailed)


def test_a_worker_that_is_not_ready_yet_is_not_waited_for() -> None:
    """Told to stop while it starts, a worker has no more time than it had to become ready."""
    rig = Rig(2, startup_timeout=3, shutdown_timeout=60)
    hanging, failing = rig.runners

    rig.pass_time(2.5)
    failing.crash()
    rig.wait_for(lambda: "stop" in hanging.told)
    rig.pass_time(0.5)
    rig.wait_for(lambda: "stacks" in hanging.told)

    assert hanging.told == ["stop", "stacks"]
    hanging.end()
    rig.wait_for(lambda: rig.engine.is_over)


def test_a_system_without_processes_ends_the_start() -> None:
    """A worker that cannot even be started is a failure like any other."""

    class Full(Rig):
        def __init__(self) -> None:
            self.start_error: Exception | None = OSError("no more processes")
            super().__init__(1)

        def __setattr__(self, name: str, value: object) -> None:
            if name != "start_error" or value is not None:
                super().__setattr__(name, value)

    rig = Full()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, StartupFailed)
    assert "no more processes" in str(outcome)
    assert isinstance(outcome.error, OSError)


def test_a_shutdown_during_the_start_is_no_failure() -> None:
    """Who is told to end before all are ready ends, and raises nothing."""
    rig = Rig(2)
    rig.runners[0].ready()

    rig.shut_down()

    assert rig.outcome() is None
    assert [runner.told for runner in rig.runners] == [["stop"], ["stop"]]
    assert rig.ready_calls == 0


@pytest.mark.parametrize("order", [Order.RELOAD, Order.ADD_WORKER, Order.RESTART])
def test_orders_during_the_start_come_after_it(order: Order) -> None:
    """They are remembered, and carried out when all are ready."""
    rig = Rig(1)

    rig.order(order)
    before = len(rig.runners)
    rig.start()

    assert before == 1
    assert len(rig.runners) == 2 or rig.runners[0].told == ["stop"]


def test_the_others_are_told_at_once() -> None:
    """Where there is nobody who distributes, there is nothing to wait for first."""
    rig = Rig(2)
    rig.distribution.distributor = None

    rig.runners[0].crash()
    rig.settle()

    assert rig.runners[1].told == ["stop"]
