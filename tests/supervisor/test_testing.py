"""The check of the contract finds each breach, and nothing where there is none."""

import socket
from collections.abc import Iterator

import pytest

from serverkit_supervisor import WorkerFactory
from serverkit_supervisor.testing import Rule, check_worker
from tests.supervisor import broken_workers as broken

pytestmark = pytest.mark.slow
IN_VAIN_S = 4.0
"""How long to wait for what does not come; long enough for what does come before it."""

WAITED_FOR = {
    broken.AliveOnce,
    broken.ForgetsEarlyDrain,
    broken.NeverEnds,
    broken.NeverReady,
    broken.SlowToAsk,
    broken.SlowToShutDown,
    broken.TakesNothing,
}

BREACHES: list[tuple[Rule, WorkerFactory]] = [
    (Rule.SHAPE, broken.Shapeless),  # type: ignore[list-item]
    (Rule.NEW_EACH_TIME, broken.always_the_same),
    (Rule.READY_IN_RUN, broken.ReadyTooEarly),
    (Rule.READY_IN_RUN, broken.ReadyWithState),
    (Rule.READY, broken.NeverReady),
    (Rule.READY, broken.FailsAtStart),
    (Rule.READY_ONCE, broken.ReadyTwice),
    (Rule.STAYS, broken.ReturnsUnasked),
    (Rule.STAYS, broken.ReturnsAtOnce),
    (Rule.IDLE, broken.NeverIdle),
    (Rule.IDLE, broken.NeverIdleAgain),
    (Rule.ASKED_RETURNS_AT_ONCE, broken.SlowToAsk),
    (Rule.ASKED_RETURNS_AT_ONCE, broken.SlowToShutDown),
    (Rule.ENDS, broken.NeverEnds),
    (Rule.ENDS_WELL, broken.RaisesAtTheEnd),
    (Rule.REPEATABLE, broken.DrainsOnce),
    (Rule.EARLY_DRAIN, broken.ForgetsEarlyDrain),
    (Rule.TAKES, broken.TakesNothing),
    (Rule.CLOSES, broken.ClosesNothing),
    (Rule.ALIVE, broken.AliveOnce),
    (Rule.REOPENS, broken.CannotReopen),
]
IN_PROCESSES: list[tuple[Rule, WorkerFactory]] = [
    (Rule.TRAVELS, lambda context: broken.Good(context)),
    (Rule.IN_PROCESS, broken.LeavesItsProcess),
    (Rule.IN_PROCESS, broken.NotInProcesses),
    (Rule.IN_PROCESS, broken.NeverReady),
    (Rule.IN_PROCESS, broken.ReturnsAtOnce),
    (Rule.TAKES, broken.TakesNothing),
]


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    """End what waits for ever, and close what was kept, after the test."""
    broken.LET_GO.clear()
    yield
    broken.LET_GO.set()
    while broken.KEPT:
        broken.KEPT.pop()()


def time_for(factory: WorkerFactory) -> float:
    """Give the time for each step: little only where something is waited for in vain."""
    return IN_VAIN_S if factory in WAITED_FOR else 60


@pytest.mark.parametrize("factory", [broken.Good, broken.Complete])
def test_a_good_worker_passes(factory: WorkerFactory) -> None:
    """With and without what a worker need not have; in threads and in processes."""
    check_worker(factory, state={"a": 1})


@pytest.mark.parametrize(("rule", "factory"), BREACHES)
def test_a_breach_is_found_in_a_thread(rule: Rule, factory: WorkerFactory) -> None:
    """The failure names the rule."""
    with pytest.raises(AssertionError, match=rf"^{rule.name}: "):
        check_worker(factory, mode="thread", timeout_s=time_for(factory))


@pytest.mark.parametrize(("rule", "factory"), IN_PROCESSES)
def test_a_breach_is_found_in_a_process(rule: Rule, factory: WorkerFactory) -> None:
    """Also what goes wrong there alone."""
    with pytest.raises(AssertionError, match=rf"^{rule.name}: "):
        check_worker(factory, mode="process", timeout_s=time_for(factory))


def test_sockets_must_stay_open() -> None:
    """They belong to somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check_worker(broken.Good, mode="thread", sockets=[listener])
        with pytest.raises(AssertionError, match=r"^LEAVES_SOCKETS: "):
            check_worker(broken.ClosesSockets, mode="thread", sockets=[listener])


def test_what_is_asked_returns_soon_however_long_the_steps_may_take() -> None:
    """The time that a worker is given for its work is not for that."""
    with pytest.raises(AssertionError, match=r"^ASKED_RETURNS_AT_ONCE: "):
        check_worker(broken.SlowToAsk, mode="thread", timeout_s=60)


def test_every_rule_can_be_broken() -> None:
    """There is a worker for each that breaks it."""
    found = {rule for rule, _ in (*BREACHES, *IN_PROCESSES)} | {Rule.LEAVES_SOCKETS}

    assert found == set(Rule)


def test_a_failure_says_what_happened() -> None:
    """With the traceback of what the worker raised."""
    with pytest.raises(AssertionError) as caught:
        check_worker(broken.RaisesAtTheEnd, mode="thread")

    assert "ENDS_WELL: run raises nothing" in str(caught.value)
    assert "RuntimeError: cannot let go" in str(caught.value)
