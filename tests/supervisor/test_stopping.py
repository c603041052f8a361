"""The end: nothing is accepted any more, workers stop in order, what did not stop is named."""

import threading

import pytest

from serverkit_supervisor.errors import StartupFailed, Unstopped
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order, Question
from serverkit_supervisor.stopping import SWEEP_S
from tests.supervisor.rig import BOUND_S, Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker, worker_count=2)
LAST = WorkerGroup(name="last", factory=no_worker)


def test_what_was_accepted_is_handed_out_before_anybody_stops() -> None:
    """Workers are told when the distributor has ended, and keep their connections."""
    rig = Rig(2).start()
    rig.distributor.may_stop.clear()

    rig.order(Order.SHUTDOWN)
    before = [list(runner.told) for runner in rig.runners]
    rig.distributor.may_stop.set()
    rig.wait_for(lambda: bool(rig.runners[0].told))

    assert before == [[], []]
    assert rig.distributor.is_stopped.is_set()
    assert [runner.told for runner in rig.runners] == [["stop"], ["stop"]]
    assert len(rig.distributor.outlets) == 2
    assert rig.kinds()[-2:] == ["stopping", "closed"]


def test_a_distributor_that_does_not_end_is_not_waited_for_for_ever() -> None:
    """The workers stop all the same, and it is named."""
    rig = Rig(1).start()
    rig.distributor.may_stop.clear()
    rig.order(Order.SHUTDOWN)

    rig.pass_time(2)
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    rig.distributor.may_stop.set()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("the distributor of connections",)


def test_groups_stop_one_after_the_other() -> None:
    """All workers of a group are told at once, the next group when the last of them is gone."""
    rig = Rig(2, groups=(POOL, LAST)).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    told = [[bool(runner.told) for runner in rig.runners]]

    for ending in (0, 1, 2, 3, 4):
        rig.runners[ending].end()
        rig.settle()
        told.append([bool(runner.told) for runner in rig.runners])
    rig.wait_for(lambda: rig.engine.is_over)

    assert told == [
        [True, True, False, False, False],
        [True, True, False, False, False],
        [True, True, True, True, False],
        [True, True, True, True, False],
        [True, True, True, True, True],
        [True, True, True, True, True],
    ]
    assert rig.outcome() is None


def test_each_worker_has_its_own_deadline_and_all_together_one_timeout() -> None:
    """However many do not stop, it takes no longer than one of them."""
    rig = Rig(5, shutdown_timeout=10).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))

    rig.pass_time(10 + 1 + 2)

    assert [runner.told for runner in rig.runners] == [["stop", "stacks", "terminate", "kill"]] * 5
    for runner in rig.live():
        runner.killed()
    rig.wait_for(lambda: rig.engine.is_over)
    assert rig.outcome() is None


def test_a_process_that_even_sigkill_does_not_end_is_named() -> None:
    """Such as one that waits for a disk that does not answer."""
    rig = Rig(1, shutdown_timeout=10).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))

    rig.pass_time(10 + 1 + 2 + 5)

    outcome = rig.outcome()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("worker 0 (process 1000)",)


def test_threads_that_do_not_stop_are_named_and_the_next_group_is_told() -> None:
    """One that is left behind does not keep others from their orderly end."""
    rig = Rig(2, groups=(LAST,), threads=True, shutdown_timeout=10).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    rig.runners[1].end()

    rig.pass_time(10 + 1 + 2)
    assert rig.runners[2].told == ["stop"]
    rig.runners[2].end()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("worker 0 (process 1000)",)
    assert "worker 0 (process 1000)" in str(outcome)


def test_what_did_not_stop_is_noted_on_the_failure_that_ended_it_all() -> None:
    """The first cause is what is raised."""
    rig = Rig(2, threads=True, shutdown_timeout=10)
    rig.runners[0].crash()

    rig.pass_time(2 + 10 + 1 + 2)
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, StartupFailed)
    assert outcome.__notes__ == ["Not stopped: worker 1 (process 1001)."]


def test_old_generations_stop_too() -> None:
    """Who still drains after a reload is told that all end."""
    rig = Rig(1).start()
    rig.order(Order.RELOAD)
    rig.one(generation=1).ready()
    rig.settle()

    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: rig.runners[0].told == ["drain", "stop"])

    assert rig.runners[1].told == ["stop"]


def test_a_worker_that_crashes_now_is_not_started_again() -> None:
    """Nor one that was waiting for it."""
    rig = Rig(3).start()
    rig.runners[0].killed()
    rig.settle()
    rig.order(Order.SHUTDOWN)
    rig.runners[1].killed()
    rig.pass_time(1)
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    assert len(rig.runners) == 3
    assert rig.outcome() is None


@pytest.mark.parametrize("order", [each for each in Order if each is not Order.ABORT])
def test_orders_come_too_late(order: Order) -> None:
    """Nothing is started, and nobody is told twice."""
    rig = Rig(1).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))

    rig.order(order)
    rig.pass_time(1)

    assert rig.runners[0].told == ["stop"]
    assert len(rig.runners) == 1
    assert rig.kinds().count("stopping") == 1


@pytest.mark.parametrize("first", [Order.SHUTDOWN, Order.ABORT])
def test_an_abort_waits_for_no_worker(first: Order) -> None:
    """All are killed, of all groups at once, also when an orderly end is under way."""
    rig = Rig(1, groups=(LAST,)).start()
    rig.distributor.may_stop.clear()
    rig.order(first)
    rig.order(Order.ABORT)

    assert [runner.told for runner in rig.runners] == [["kill"], ["kill"]]
    for runner in rig.live():
        runner.killed()
    rig.distributor.may_stop.set()
    rig.wait_for(lambda: rig.engine.is_over)


def test_an_abort_waits_a_moment_for_the_distributor() -> None:
    """It ends by itself; where it does not, that is no reason to stay."""
    rig = Rig(1).start()
    rig.distributor.may_stop.clear()
    rig.order(Order.ABORT)
    rig.runners[0].killed()

    was_over = []
    for seconds in (2 * SWEEP_S - 0.5, 0.5):
        rig.pass_time(seconds)
        was_over.append(rig.engine.is_over)

    rig.distributor.may_stop.set()
    assert was_over == [False, True]


def test_an_abort_leaves_threads_behind() -> None:
    """They cannot be killed; they are named."""
    rig = Rig(1, threads=True).start()

    rig.order(Order.ABORT)

    outcome = rig.outcome()
    assert isinstance(outcome, Unstopped)
    assert "worker 0 (process 1000)" in outcome.names


def test_what_workers_shared_is_put_away_at_the_end() -> None:
    """After the last of them, and it is waited for."""
    may_return, put_away = threading.Event(), threading.Event()

    def retire() -> None:
        assert may_return.wait(BOUND_S)
        put_away.set()

    rig = Rig(1, generation=Generation(factory=no_worker, retire=retire)).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    rig.end_all()
    before = rig.engine.is_over
    may_return.set()
    rig.wait_for(lambda: rig.engine.is_over)

    assert not before
    assert put_away.is_set()
    assert rig.outcome() is None


def test_what_cannot_be_put_away_in_time_is_named() -> None:
    """After shutdown_timeout."""
    may_return = threading.Event()

    def retire() -> None:
        assert may_return.wait(BOUND_S)

    generation = Generation(factory=no_worker, retire=retire)
    rig = Rig(1, shutdown_timeout=10, generation=generation).start()
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    rig.end_all()

    rig.pass_time(10)

    outcome = rig.outcome()
    may_return.set()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("what generation 0 shared",)


def test_who_hands_over_drains_with_the_patience_of_a_reload() -> None:
    """Workers are drained, and keep what waits for them: there is nobody else to take it."""
    rig = Rig(2, shutdown_timeout=10, reload_timeout=30).start()

    rig.order(Order.HAND_OVER)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    kept = len(rig.distributor.outlets)
    rig.pass_time(29)
    before = [list(runner.told) for runner in rig.runners]
    rig.runners[0].end()
    rig.pass_time(1)
    after = list(rig.runners[1].told)
    rig.runners[1].end()
    rig.wait_for(lambda: rig.engine.is_over)

    assert kept == 2
    assert before == [["drain"], ["drain"]]
    assert after == ["drain", "stop"]
    assert rig.outcome() is None


def test_a_shutdown_overtakes_a_hand_over() -> None:
    """Who is in a hurry waits no longer than for any shutdown."""
    rig = Rig(1, shutdown_timeout=10, reload_timeout=600).start()
    rig.order(Order.HAND_OVER)
    rig.wait_for(lambda: bool(rig.runners[0].told))

    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: len(rig.runners[0].told) == 2)
    rig.order(Order.HAND_OVER)
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    assert rig.runners[0].told == ["drain", "stop"]
    assert rig.outcome() is None


def test_the_engine_answers_as_long_as_it_lives() -> None:
    """Also while it ends."""
    rig = Rig(1).start()
    answers: list[str] = []
    rig.post(Question(lambda: answers.append("serving")))
    rig.settle()
    rig.order(Order.SHUTDOWN)
    rig.post(Question(lambda: answers.append("ending")))
    rig.settle()
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    assert answers == ["serving", "ending"]
    assert rig.outcome() is None
