"""A worker that crashes is started again, later and later, until that is in vain."""

import logging

import pytest

from serverkit_supervisor.errors import RestartLimitReached, Unstopped
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.orders import Order
from serverkit_supervisor.restart_policy import RestartPolicy
from tests.supervisor.rig import Rig


def test_a_crashed_worker_is_started_again_after_a_while() -> None:
    """The replacement has the same number, and serves when it is ready."""
    rig = Rig(2).start()

    rig.runners[1].crash()
    rig.settle()
    at_once = len(rig.runners)
    rig.pass_time(0.49)
    before = len(rig.runners)
    rig.pass_time(0.01)

    assert (at_once, before) == (2, 2)
    fresh = rig.runners[2]
    assert (fresh.spec.worker_id, fresh.spec.generation) == (1, 0)
    served_before = fresh.is_in_service
    fresh.ready()
    rig.settle()
    assert (served_before, fresh.is_in_service) == (False, True)
    assert rig.runners[1].is_closed
    assert len(rig.live()) == 2


def test_other_workers_are_not_touched_by_a_crash() -> None:
    """They go on, are told nothing, and are handed all connections."""
    rig = Rig(3).start()

    rig.runners[1].killed()
    rig.pass_time(5)

    for other in (rig.runners[0], rig.runners[2]):
        assert other.told == []
        assert other.is_in_service


def test_the_log_says_who_crashed_how_and_what_comes_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One record holds the worker, its process, the cause, the traceback and the delay."""
    rig = Rig(1).start()

    rig.runners[0].crash(ValueError("boom"))
    rig.settle()

    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.name == "serverkit.supervisor"
    assert record.getMessage() == (
        "worker 0 (process 1000) crashed: it raised ValueError('boom'); again in 0.5 s.\n"
        "Traceback: ValueError('boom')"
    )


def crash_times(rig: Rig, crashes: int) -> list[float]:
    """Crash each replacement as soon as it is ready; give the delays before the replacements."""
    delays = []
    for _ in range(crashes):
        runner = rig.one()
        crashed_at = rig.now
        runner.ready()
        runner.killed()
        rig.settle()
        if rig.engine.next_deadline() is None or not rig.live():
            rig.pass_time((rig.engine.next_deadline() or rig.now) - rig.now)
        delays.append(rig.now - crashed_at)
    return delays


def test_the_delay_doubles_up_to_a_bound() -> None:
    """0.5 s, 1 s, 2 s and so on; never more than backoff_max_s."""
    policy = RestartPolicy(budget=8, backoff_max_s=10, window_s=1000)
    rig = Rig(1, restart=policy).start()

    assert crash_times(rig, 7) == pytest.approx([0.5, 1, 2, 4, 8, 10, 10])


def test_one_crash_more_than_the_budget_ends_the_supervisor_with_the_reason() -> None:
    """All others are stopped in order, and the error says who crashed, and how."""
    rig = Rig(2, restart=RestartPolicy(budget=2)).start()

    for _ in range(3):
        rig.live(worker_id=1)[0].ready()
        rig.live(worker_id=1)[0].killed()
        rig.settle()
        if rig.live(worker_id=0)[0].told:
            break
        rig.pass_time(3)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    assert rig.runners[0].told == ["stop"]
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, RestartLimitReached)
    assert outcome.reason == "it was killed by SIGKILL"
    assert "worker 1 crashed more than 2 times within 60 s" in str(outcome)
    assert len(rig.runners) == 4  # two at the start, and two restarts


def test_then_the_others_are_told_at_once() -> None:
    """Where there is nobody who distributes, there is nothing to wait for first."""
    rig = Rig(2, restart=RestartPolicy(budget=0))
    rig.distribution.distributor = None
    rig.start()

    rig.runners[0].killed()
    rig.settle()

    assert rig.runners[1].told == ["stop"]


def test_the_budget_is_each_workers_own() -> None:
    """Two workers may crash as often as each of them may."""
    rig = Rig(2, restart=RestartPolicy(budget=1)).start()

    for worker_id in (0, 1):
        rig.live(worker_id=worker_id)[0].killed()
        rig.pass_time(1)
        rig.live(worker_id=worker_id)[0].ready()
        rig.settle()

    assert len(rig.live()) == 2
    assert "stopping" not in rig.kinds()


def test_crashes_are_forgotten_after_the_window() -> None:
    """A worker that crashes now and then is started again for ever."""
    rig = Rig(1, restart=RestartPolicy(budget=1, window_s=60)).start()

    for _ in range(5):
        rig.one().killed()
        rig.pass_time(1)
        rig.one().ready()
        rig.pass_time(60)

    assert "stopping" not in rig.kinds()


def test_waiting_before_a_restart_holds_up_nothing() -> None:
    """While one worker waits to be started again, another is, and orders are obeyed."""
    rig = Rig(3, restart=RestartPolicy(backoff_s=30)).start()
    rig.runners[0].killed()
    rig.settle()
    rig.pass_time(10)

    rig.runners[1].killed()
    rig.order(Order.ADD_WORKER)
    rig.pass_time(20)

    assert [runner.spec.worker_id for runner in rig.runners] == [0, 1, 2, 3, 0]


def test_a_replacement_that_is_never_ready_counts_as_a_crash() -> None:
    """It is asked what it does, ended by force, and another is started."""
    rig = Rig(1, startup_timeout=5).start()
    rig.runners[0].killed()
    rig.pass_time(0.5)

    rig.pass_time(5)
    rig.runners[1].say_stacks("importing for ever")
    rig.settle()
    assert rig.runners[1].told == ["stacks", "terminate"]
    rig.runners[1].killed()
    rig.settle()
    rig.pass_time(1)

    assert len(rig.runners) == 3


def test_a_replacement_that_cannot_be_started_is_tried_again() -> None:
    """A system that is short of processes for a moment costs one crash of the budget."""
    rig = Rig(1).start()
    rig.runners[0].killed()
    rig.settle()

    rig.start_error = OSError("no more processes")
    rig.pass_time(0.5)
    rig.start_error = None
    rig.pass_time(1)

    rig.one().ready()
    rig.settle()
    assert rig.one().is_in_service


def test_a_worker_that_returns_unasked_has_crashed() -> None:
    """Its exit code may be 0: it was to go on."""
    rig = Rig(1).start()

    rig.runners[0].end(ExitReason(code=0))
    rig.pass_time(0.5)

    assert len(rig.runners) == 2


# Those that hang.


def test_a_worker_that_gives_no_sign_of_life_is_replaced() -> None:
    """Its stacks are logged, it is terminated, then killed, and another is started."""
    rig = Rig(2, worker_timeout=60).start()
    hung, well = rig.runners
    for _ in range(4):
        well.alive()
        hung.alive()
        rig.pass_time(15)
    for _ in range(3):
        well.alive()
        rig.pass_time(15)
    well.alive()
    rig.settle()
    assert hung.told == ["stacks"]
    assert not hung.is_in_service

    hung.say_stacks("waiting for a lock")
    rig.settle()
    terminated = list(hung.told)
    rig.pass_time(2)

    assert terminated == ["stacks", "terminate"]
    assert hung.told == ["stacks", "terminate", "kill"]
    hung.killed()
    rig.settle()
    rig.pass_time(0.5)
    assert [runner.spec.worker_id for runner in rig.live()] == [1, 0]
    assert well.told == []


def test_the_stacks_of_a_hung_worker_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Where it hangs is what its owner needs to know."""
    rig = Rig(1, worker_timeout=60).start()
    rig.runners[0].alive()
    rig.pass_time(60)

    rig.runners[0].say_stacks("waiting for a lock")
    rig.settle()

    assert (
        "it gave no sign of life for 60 s (worker_timeout). Its threads:\nwaiting for"
        in caplog.text
    )


def test_a_worker_that_never_speaks_of_its_life_is_not_watched() -> None:
    """Only who has once said that it is alive is expected to say so again."""
    rig = Rig(1, worker_timeout=60).start()

    rig.pass_time(1000)

    assert rig.runners[0].told == []


def test_a_worker_is_not_watched_before_it_is_ready() -> None:
    """Starting has a bound of its own."""
    rig = Rig(1, worker_timeout=5, startup_timeout=100)

    rig.runners[0].alive()
    rig.pass_time(50)

    assert rig.runners[0].told == []


def test_a_sign_of_life_before_it_is_ready_counts_as_the_first() -> None:
    """From then on, once it serves, silence means that it hangs."""
    rig = Rig(1, worker_timeout=60)
    rig.runners[0].alive()
    rig.start()

    rig.pass_time(59.9)
    before = list(rig.runners[0].told)
    rig.pass_time(0.1)

    assert before == []
    assert rig.runners[0].told == ["stacks"]


@pytest.mark.parametrize(("timeout", "interval"), [(60, 15), (0, None)])
def test_workers_are_told_how_often_to_give_a_sign_of_life(
    timeout: float, interval: float | None
) -> None:
    """Four times within the timeout; never where there is none."""
    assert Rig(1, worker_timeout=timeout).runners[0].spec.alive_interval == interval


def test_silence_is_excused_where_it_was_the_supervisor_that_did_not_listen() -> None:
    """After the supervisor was stopped for a while, each has its full time anew."""
    rig = Rig(1, worker_timeout=60).start()
    rig.runners[0].alive()
    rig.settle()

    rig.now += 100
    rig.fleet.excuse_silence()
    rig.engine.step(None)
    rig.pass_time(59)
    told = list(rig.runners[0].told)
    rig.pass_time(1)

    assert told == []
    assert rig.runners[0].told == ["stacks"]


def test_a_hung_thread_is_replaced_and_named_at_the_end() -> None:
    """It is asked to stop, left behind when it does not, and the end says so."""
    rig = Rig(1, threads=True, worker_timeout=60).start()
    hung = rig.runners[0]
    hung.alive()
    rig.pass_time(60)
    hung.say_stacks("waiting for a lock")
    rig.pass_time(2)
    assert hung.told == ["stacks", "terminate", "stop", "kill"]

    rig.pass_time(0.5)
    fresh = rig.runners[1]
    fresh.ready()
    rig.settle()
    assert fresh.is_in_service
    rig.order(Order.SHUTDOWN)
    rig.wait_for(lambda: bool(fresh.told))
    fresh.end()
    rig.wait_for(lambda: rig.engine.is_over)

    outcome = rig.outcome()
    assert isinstance(outcome, Unstopped)
    assert outcome.names == ("worker 0 (process 1000)",)


def test_a_thread_that_was_left_behind_may_end_after_all() -> None:
    """Then it is not named at the end."""
    rig = Rig(1, threads=True, worker_timeout=60).start()
    hung = rig.runners[0]
    hung.alive()
    rig.pass_time(64)

    hung.end()
    rig.settle()
    rig.live()[0].ready()
    rig.shut_down()

    assert rig.outcome() is None
    assert hung.is_closed


# The distributor.


def test_a_distributor_that_fails_is_started_again() -> None:
    """It goes on with the workers that it had, after a while."""
    rig = Rig(2).start()

    rig.distributor.failure = MemoryError()
    rig.distributor.is_running = False
    rig.distribution.note_end()
    rig.pass_time(0.49)
    before = rig.distributor.starts
    rig.pass_time(0.01)

    assert (before, rig.distributor.starts) == (1, 2)
    assert len(rig.distributor.outlets) == 2


def test_a_distributor_is_started_again_only_when_it_has_ended() -> None:
    """Its thread may still be in its last moments when the time has come."""
    rig = Rig(2, restart=RestartPolicy(backoff_s=0)).start()

    rig.distribution.note_end()
    rig.pass_time(0.1)
    before = rig.distributor.starts
    rig.distributor.is_running = False
    rig.pass_time(0.1)

    assert (before, rig.distributor.starts) == (1, 2)


def test_a_distributor_that_fails_too_often_ends_the_supervisor() -> None:
    """Without it nobody is served."""
    rig = Rig(1, restart=RestartPolicy(budget=1)).start()

    for _ in range(2):
        rig.distributor.is_running = False
        rig.distribution.note_end()
        rig.pass_time(1)
    rig.wait_for(lambda: bool(rig.runners[0].told))
    rig.end_all()
    rig.wait_for(lambda: rig.engine.is_over)

    assert "the distributor of connections crashed more than 1 times" in str(rig.outcome())
