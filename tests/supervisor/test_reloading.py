"""A graceful reload: nothing is asked of the old generation before the new one is ready."""

import pytest

from serverkit_supervisor.errors import ReloadFailed, RestartLimitReached
from serverkit_supervisor.events import SupervisorEvent
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from serverkit_supervisor.restart_policy import RestartPolicy
from tests.supervisor.rig import FakeRunner, Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)


def ready(*runners: FakeRunner) -> None:
    """Let them be ready."""
    for runner in runners:
        runner.ready()
    runners[0].rig.settle()


def test_the_new_generation_is_ready_before_the_old_one_drains() -> None:
    """The last of the new workers to be ready brings the switch, all at once."""
    rig = Rig(2).start()
    old = rig.live()

    rig.order(Order.RELOAD)
    new = rig.live(generation=1)
    ready(new[0])
    before = [runner.told for runner in old], [runner.is_in_service for runner in old + new]
    before = ([list(told) for told in before[0]], before[1])
    ready(new[1])

    assert before == ([[], []], [True, True, False, False])
    assert [runner.told for runner in old] == [["drain"], ["drain"]]
    assert [runner.is_in_service for runner in old + new] == [False, False, True, True]
    assert rig.kinds()[-4:] == ["worker_started", "worker_started", "reloaded", "draining"]
    rig.end_all()
    assert rig.live() == new


def test_new_workers_are_in_service_before_old_ones_leave_it() -> None:
    """There is no moment without a worker: connections never wait."""
    rig = Rig(1).start()
    seen = []
    remove = rig.distributor.remove

    def watched_remove(outlet: object) -> None:
        seen.append(len(rig.distributor.outlets))
        remove(outlet)

    rig.distributor.remove = watched_remove  # type: ignore[method-assign]

    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))

    assert seen == [2]


def test_who_is_told_of_the_reload_can_rely_on_it() -> None:
    """When "reloaded" is told, no old worker is given connections any more."""
    rig = Rig(1).start()
    (old,) = rig.live()
    seen = []

    def look(event: SupervisorEvent) -> None:
        if event.kind == "reloaded":
            seen.append((old.is_in_service, list(old.told), event.generation))

    rig.fleet._announce = look

    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))

    assert seen == [(False, ["drain"], 1)]


def test_an_old_worker_that_does_not_finish_is_stopped_then_ended_by_force() -> None:
    """It has reload_timeout to drain, then shutdown_timeout to stop, then it is ended."""
    rig = Rig(1, reload_timeout=30, shutdown_timeout=10).start()
    (old,) = rig.live()
    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))

    rig.pass_time(29.9)
    drained = list(old.told)
    rig.pass_time(0.1)
    stopped = list(old.told)
    rig.pass_time(10 + 1 + 2)

    assert drained == ["drain"]
    assert stopped == ["drain", "stop"]
    assert old.told == ["drain", "stop", "stacks", "terminate", "kill"]


def test_a_new_worker_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The old generation goes on untouched, the new one is stopped, and the cause is told."""
    rig = Rig(2).start()
    old = rig.live()
    error = ImportError("no module named nothing")

    rig.order(Order.RELOAD)
    first, second = rig.live(generation=1)
    ready(first)
    second.crash(error)
    rig.settle()

    assert [runner.told for runner in old] == [[], []]
    assert all(runner.is_in_service for runner in old)
    assert first.told == ["stop"]
    event = rig.events[-1]
    assert event.kind == "reload_failed"
    assert isinstance(event.error, ReloadFailed)
    assert event.error.error is error
    assert "Reload failed: worker 1 (process 1003)" in caplog.text
    assert "Traceback: ImportError" in caplog.text
    rig.end_all()
    rig.pass_time(100)
    assert rig.live() == old


def test_a_new_worker_that_hangs_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """After startup_timeout the reload fails, with what the worker was doing, told once."""
    rig = Rig(1, startup_timeout=5).start()
    (old,) = rig.live()

    rig.order(Order.RELOAD)
    new = rig.one(generation=1)
    rig.pass_time(5)
    new.say_stacks("importing for ever")
    rig.settle()

    assert rig.kinds()[-1] == "reload_failed"
    assert "importing for ever" in getattr(rig.events[-1].error, "traceback", "")
    assert caplog.text.count("importing for ever") == 1
    assert old.told == []
    assert new.told == ["stacks", "terminate"]


def test_a_reload_after_a_failed_one_may_succeed() -> None:
    """Numbers of generations are not used twice."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)
    rig.one(generation=1).crash()
    rig.settle()

    rig.order(Order.RELOAD)
    ready(rig.one(generation=2))

    assert rig.one(generation=2).is_in_service
    assert rig.runners[0].told == ["drain"]


def test_all_groups_rotate_together_and_drain_in_order() -> None:
    """Who hands work to others drains before those that are handed it."""
    rig = Rig(1, groups=(POOL,)).start()
    tcp, pool = rig.live()

    rig.order(Order.RELOAD)
    new_tcp, new_pool = rig.live(generation=1)
    ready(new_tcp)
    assert tcp.told == []
    ready(new_pool)
    at_switch = (list(tcp.told), list(pool.told))
    tcp.end()
    rig.settle()

    assert at_switch == (["drain"], [])
    assert pool.told == ["drain"]


def test_generations_may_drain_at_the_same_time() -> None:
    """A reload need not wait until the last one's old generation is gone."""
    rig = Rig(1).start()

    for generation in (1, 2):
        rig.order(Order.RELOAD)
        ready(rig.one(generation=generation))

    assert [runner.told for runner in rig.runners] == [["drain"], ["drain"], []]


def test_a_reload_during_a_reload_is_remembered_once() -> None:
    """However often it is asked for, one more follows."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)
    for _ in range(3):
        rig.order(Order.RELOAD)

    ready(rig.one(generation=1))
    ready(rig.one(generation=2))
    rig.pass_time(1)

    assert rig.live(generation=3) == []
    assert rig.one(generation=2).is_in_service


# Crashes and orders meanwhile.


def test_an_old_worker_that_crashes_meanwhile_is_started_again() -> None:
    """The new generation may not come up, so the old one is kept whole."""
    rig = Rig(2).start()
    rig.order(Order.RELOAD)

    rig.runners[0].killed()
    rig.pass_time(0.5)

    fresh = rig.live(generation=0)[-1]
    assert fresh.spec.worker_id == 0
    ready(*rig.live(generation=1))
    assert fresh.told == ["stop"]  # it was never ready: there is nothing to finish


def test_a_restart_that_waits_is_forgotten_at_the_switch() -> None:
    """No worker of the old generation is started any more."""
    rig = Rig(2).start()
    rig.order(Order.RELOAD)
    rig.runners[0].killed()
    rig.settle()

    ready(*rig.live(generation=1))
    rig.pass_time(10)

    assert len(rig.runners) == 4


def test_a_spent_budget_waits_for_the_reload_to_succeed() -> None:
    """The new code may be what does not crash."""
    rig = Rig(1, restart=RestartPolicy(budget=0)).start()
    rig.order(Order.RELOAD)
    rig.runners[0].killed()
    rig.settle()

    ready(rig.one(generation=1))
    rig.pass_time(10)

    assert rig.one(generation=1).is_in_service
    assert "stopping" not in rig.kinds()


def test_a_spent_budget_ends_the_supervisor_where_the_reload_fails() -> None:
    """Then there is no worker left."""
    rig = Rig(1, restart=RestartPolicy(budget=0)).start()
    rig.order(Order.RELOAD)
    rig.runners[0].killed()
    rig.settle()

    rig.one(generation=1).crash()
    rig.wait_for(lambda: rig.engine.is_over)

    assert isinstance(rig.outcome(), RestartLimitReached)


def test_a_new_worker_that_crashes_after_the_switch_is_a_crash_like_any_other() -> None:
    """It is started again in its own generation, with a history of its own."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))

    rig.one(generation=1).killed()
    rig.pass_time(0.5)

    assert rig.one(generation=1).spec.worker_id == 0


def test_a_new_worker_that_crashes_between_ready_and_the_switch_fails_the_reload() -> None:
    """All must be ready at the same time."""
    rig = Rig(2).start()
    rig.order(Order.RELOAD)
    first, _ = rig.live(generation=1)
    ready(first)

    first.killed()
    rig.settle()

    assert rig.kinds()[-1] == "reload_failed"


def test_an_old_worker_that_ends_badly_while_it_drains_is_not_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is told in the log, and counts for nothing."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))

    rig.runners[0].end(ExitReason(signal="SIGKILL", asked=True))
    rig.pass_time(10)

    assert len(rig.runners) == 2
    assert "worker 0 (process 1000) did not end well: it was killed by SIGKILL" in caplog.text


@pytest.mark.parametrize("order", [Order.ADD_WORKER, Order.REMOVE_WORKER])
def test_workers_more_or_less_come_after_the_reload(order: Order) -> None:
    """The number does not change while a generation is made."""
    rig = Rig(2).start()
    rig.order(Order.RELOAD)

    rig.order(order)
    during = len(rig.live())
    ready(*rig.live(generation=1))
    rig.end_all()

    assert during == 4
    assert len(rig.live()) == (3 if order is Order.ADD_WORKER else 1)


def test_a_shutdown_wins_over_a_reload() -> None:
    """All workers of both generations are stopped; none drains, none is started."""
    rig = Rig(2).start()
    rig.order(Order.RELOAD)
    rig.runners[2].ready()
    rig.order(Order.RELOAD)

    rig.shut_down()

    assert [runner.told for runner in rig.runners] == [["stop"]] * 4
    assert rig.outcome() is None


def test_a_notice_of_a_runner_that_is_gone_is_ignored() -> None:
    """What comes late means nobody else."""
    rig = Rig(1).start()
    (old,) = rig.live()
    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))
    old.end()
    rig.settle()

    old.ready()
    old.say_stacks("long gone")
    old.want_recycling("long gone")
    old.alive()
    rig.pass_time(10)

    assert len(rig.live()) == 1
