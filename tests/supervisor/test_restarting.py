"""A restart: the last old worker is gone before the first new one starts."""

from serverkit_supervisor.errors import RestartLimitReached, Unstopped
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from serverkit_supervisor.restart_policy import RestartPolicy
from tests.supervisor.rig import Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)


def test_no_new_worker_starts_while_an_old_one_lives() -> None:
    """All are stopped, and the last one to end brings the new ones."""
    rig = Rig(2).start()
    first, second = rig.live()

    rig.order(Order.RESTART)
    told = (first.told, second.told, rig.distributor.outlets)
    first.end()
    rig.settle()
    before = len(rig.runners)
    second.end()
    rig.settle()

    assert told == (["stop"], ["stop"], [])
    assert before == 2
    assert [runner.spec.generation for runner in rig.live()] == [1, 1]
    for runner in rig.live():
        runner.ready()
    rig.settle()
    assert all(runner.is_in_service for runner in rig.live())
    assert rig.kinds()[-1] == "reloaded"


def test_groups_stop_in_order() -> None:
    """Who hands work to others is gone before those that are handed it are told."""
    rig = Rig(1, groups=(POOL,)).start()
    tcp, pool = rig.live()

    rig.order(Order.RESTART)
    before = list(pool.told)
    tcp.end()
    rig.settle()

    assert before == []
    assert pool.told == ["stop"]


def test_an_old_worker_that_does_not_stop_is_ended_by_force() -> None:
    """And then the new ones start."""
    rig = Rig(1, shutdown_timeout=10).start()
    (old,) = rig.live()
    rig.order(Order.RESTART)

    rig.pass_time(10 + 1 + 2)
    assert old.told == ["stop", "stacks", "terminate", "kill"]
    old.killed()
    rig.settle()

    assert len(rig.live(generation=1)) == 1


def test_a_thread_that_does_not_stop_ends_the_supervisor() -> None:
    """Two generations at work at once are what a restart is there to rule out."""
    rig = Rig(2, threads=True, shutdown_timeout=10).start()
    rig.order(Order.RESTART)
    rig.runners[1].end()

    rig.pass_time(10 + 1 + 2)
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("worker 0 (process 1000)",)
    assert len(rig.runners) == 2


def test_a_worker_that_crashed_before_is_started_with_the_others() -> None:
    """The wait before its restart is over with the old generation."""
    rig = Rig(2, restart=RestartPolicy(backoff_s=30)).start()
    rig.runners[0].killed()
    rig.settle()

    rig.order(Order.RESTART)
    rig.runners[1].end()
    rig.settle()
    rig.pass_time(60)

    assert [runner.spec.worker_id for runner in rig.runners] == [0, 1, 0, 1]


def test_a_new_worker_that_crashes_is_started_again() -> None:
    """There is no old one to go back to, so it is a crash like any other."""
    rig = Rig(1, restart=RestartPolicy(budget=1)).start()
    rig.order(Order.RESTART)
    rig.end_all()

    rig.one(generation=1).crash()
    rig.pass_time(0.5)
    rig.one(generation=1).crash()
    rig.wait_for(lambda: rig.engine.is_over)

    assert isinstance(rig.outcome(), RestartLimitReached)


def test_code_that_cannot_be_imported_stops_nobody() -> None:
    """Where something gets the new code, it is got before the old workers are stopped."""

    def renew() -> Generation:
        raise SyntaxError("bad code")

    rig = Rig(1, renew=renew).start()
    rig.order(Order.RESTART)
    rig.wait_for(lambda: rig.kinds()[-1] == "reload_failed")
    rig.pass_time(10)

    assert rig.runners[0].told == []
    assert rig.runners[0].is_in_service


def test_a_reload_during_a_restart_comes_after_it() -> None:
    """When all new workers are ready."""
    rig = Rig(1).start()
    rig.order(Order.RESTART)
    rig.order(Order.RELOAD)
    rig.end_all()
    before = len(rig.runners)

    rig.one(generation=1).ready()
    rig.settle()

    assert before == 2
    assert len(rig.live(generation=2)) == 1


def test_a_shutdown_wins_over_a_restart() -> None:
    """No new worker is started."""
    rig = Rig(2).start()
    rig.order(Order.RESTART)
    rig.runners[0].end()
    rig.settle()

    rig.shut_down()

    assert len(rig.runners) == 2
    assert rig.outcome() is None


def test_the_old_generation_is_put_away_before_it_is_over() -> None:
    """What the old workers shared is given back when they are gone."""
    put_away = []
    first = Generation(factory=no_worker, retire=lambda: put_away.append("first"))
    rig = Rig(1, generation=first, renew=lambda: Generation(factory=no_worker)).start()
    rig.order(Order.RESTART)
    rig.wait_for(lambda: bool(rig.runners[0].told))

    rig.end_all()
    rig.wait_for(lambda: bool(put_away))

    assert put_away == ["first"]
