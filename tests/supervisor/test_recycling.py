"""A worker that has served long enough is replaced by a fresh one, which is ready first."""

import pytest

from serverkit_supervisor.orders import Order
from serverkit_supervisor.restart_policy import RestartPolicy
from tests.supervisor.rig import Rig


def test_the_fresh_one_is_ready_before_the_old_one_drains() -> None:
    """It takes number, generation and connections over."""
    rig = Rig(1).start()
    (old,) = rig.live()

    old.want_recycling("it has served 1000 requests")
    rig.settle()
    fresh = rig.runners[1]
    before = (list(old.told), old.is_in_service)
    fresh.ready()
    rig.settle()

    assert before == ([], True)
    assert (fresh.spec.worker_id, fresh.spec.generation) == (0, 0)
    assert old.told == ["drain"]
    assert (old.is_in_service, fresh.is_in_service) == (False, True)


def test_one_at_a_time() -> None:
    """The next is replaced when the old one of the one before is gone."""
    rig = Rig(3).start()
    old = rig.live()
    for runner in old:
        runner.want_recycling("it is old")
    rig.settle()
    seen = [len(rig.live())]
    for _ in range(3):
        rig.runners[-1].ready()
        rig.settle()
        seen.append(len(rig.live()))
        rig.end_all()

    assert seen == [4, 4, 4, 4]
    assert all(runner.is_gone for runner in old)
    assert sorted(runner.spec.worker_id for runner in rig.live()) == [0, 1, 2]


def test_a_fresh_one_that_fails_leaves_the_old_one_alone() -> None:
    """It is tried again, less and less often, and never ends the supervisor."""
    rig = Rig(1, restart=RestartPolicy(budget=3, backoff_max_s=10)).start()
    (old,) = rig.live()
    old.want_recycling("it is old")
    rig.settle()

    delays = []
    for _ in range(6):
        tries = len(rig.runners)
        rig.runners[-1].crash()
        failed_at = rig.now
        while len(rig.runners) == tries:
            rig.pass_time(0.5)
        delays.append(rig.now - failed_at)

    assert delays == [0.5, 1, 2, 10, 10, 10]
    assert old.told == []
    assert old.is_in_service
    assert "stopping" not in rig.kinds()


def test_a_fresh_one_that_cannot_be_started_is_tried_again() -> None:
    """As one that fails."""
    rig = Rig(1).start()
    rig.start_error = OSError("no more processes")
    rig.runners[0].want_recycling("it is old")
    rig.settle()

    rig.start_error = None
    rig.pass_time(0.5)

    assert len(rig.runners) == 2


def test_failures_are_forgotten_when_a_fresh_one_serves() -> None:
    """The next one that fails is tried again soon."""
    rig = Rig(1).start()
    rig.runners[0].want_recycling("it is old")
    rig.settle()
    rig.runners[1].crash()
    rig.pass_time(0.5)
    rig.runners[2].ready()
    rig.settle()
    rig.end_all()

    rig.runners[2].want_recycling("it is old")
    rig.settle()
    rig.runners[3].crash()
    rig.pass_time(0.5)

    assert len(rig.runners) == 5


def test_an_old_one_that_crashes_meanwhile_is_replaced_by_the_fresh_one() -> None:
    """There is one on its way already."""
    rig = Rig(1).start()
    rig.runners[0].want_recycling("it is old")
    rig.settle()

    rig.runners[0].killed()
    rig.pass_time(10)
    rig.runners[1].ready()
    rig.settle()

    assert len(rig.runners) == 2
    assert rig.runners[1].is_in_service


def test_others_are_replaced_after_such_a_crash() -> None:
    """It does not hold up the next."""
    rig = Rig(2).start()
    for runner in rig.live():
        runner.want_recycling("it is old")
    rig.settle()
    rig.runners[0].killed()
    rig.settle()
    rig.runners[2].ready()
    rig.settle()

    assert rig.runners[3].spec.worker_id == 1


def test_a_lifetime_ends() -> None:
    """Counted from when the worker was ready."""
    rig = Rig(1, worker_lifetime=100, recycle_jitter=0)
    rig.pass_time(10)
    rig.start()

    rig.pass_time(99.9)
    before = len(rig.runners)
    rig.pass_time(0.2)

    assert (before, len(rig.runners)) == (1, 2)


def test_lifetimes_are_spread() -> None:
    """By the jitter, so that workers that started together do not end together."""
    rig = Rig(8, worker_lifetime=100, recycle_jitter=0.5).start()

    lifetimes = {run.limits.lifetime_s for run in rig.fleet.runs.values()}

    assert len(lifetimes) == 8
    assert all(100 <= (lifetime or 0) <= 150 for lifetime in lifetimes)


def test_a_worker_that_grew_too_large_is_replaced() -> None:
    """Memory is looked at now and then."""
    rig = Rig(2, worker_max_rss=1000, recycle_jitter=0).start()
    rig.pass_time(30)
    before = len(rig.runners)

    rig.runners[1].rss = 1001
    rig.pass_time(10)

    assert before == 2
    assert rig.runners[2].spec.worker_id == 1


def test_a_worker_without_a_size_is_not_too_large() -> None:
    """Such as one that has just ended."""
    rig = Rig(1, worker_max_rss=1000).start()

    rig.runners[0].rss = None
    rig.pass_time(30)

    assert len(rig.runners) == 1


def test_nothing_is_looked_at_where_nothing_is_bounded() -> None:
    """An idle supervisor waits for messages alone."""
    assert Rig(1).start().engine.next_deadline() is None


def test_none_begins_during_a_reload() -> None:
    """The reload replaces it anyway."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)

    rig.runners[0].want_recycling("it is old")
    rig.settle()
    rig.one(generation=1).ready()
    rig.pass_time(10)

    assert len(rig.runners) == 2


def test_a_reload_meanwhile_takes_both_out() -> None:
    """The old one drains; the fresh one, never ready, is stopped."""
    rig = Rig(1).start()
    rig.runners[0].want_recycling("it is old")
    rig.settle()

    rig.order(Order.RELOAD)
    rig.one(generation=1).ready()
    rig.settle()

    assert rig.runners[0].told == ["drain"]
    assert rig.runners[1].told == ["stop"]
    rig.end_all()
    rig.one(generation=1).want_recycling("it is old too")
    rig.settle()
    assert len(rig.live(generation=1)) == 2


def test_a_fresh_one_that_is_ready_during_a_reload_takes_its_place() -> None:
    """If then the reload fails, all is as it should be."""
    rig = Rig(1).start()
    rig.runners[0].want_recycling("it is old")
    rig.settle()
    rig.order(Order.RELOAD)

    rig.runners[1].ready()
    rig.one(generation=1).crash()
    rig.settle()

    assert rig.runners[0].told == ["drain"]
    assert rig.runners[1].is_in_service


def test_a_worker_that_is_removed_meanwhile_goes_with_its_fresh_one() -> None:
    """Neither stays, and the next can be replaced."""
    rig = Rig(2).start()
    rig.runners[1].want_recycling("it is old")
    rig.settle()

    rig.order(Order.REMOVE_WORKER)
    told = (rig.runners[1].told, rig.runners[2].told)
    rig.end_all()
    rig.runners[0].want_recycling("it is old too")
    rig.settle()

    assert told == (["drain"], ["stop"])
    assert [runner.spec.worker_id for runner in rig.live()] == [0, 0]


@pytest.mark.parametrize("late", [False, True])
def test_a_fresh_one_that_is_never_ready_is_ended(*, late: bool) -> None:
    """Its start has the bound that each start has."""
    rig = Rig(1, startup_timeout=5).start()
    rig.runners[0].want_recycling("it is old")
    rig.settle()

    rig.pass_time(5 + 1 + 2 if late else 4.9)

    assert rig.runners[1].told == (["stacks", "terminate", "kill"] if late else [])
    assert rig.runners[0].told == []
