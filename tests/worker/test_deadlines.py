"""Deadlines without timers: one sweep looks at all connections, and is on time."""

import asyncio

import pytest

from serverkit_worker.config import WorkerConfig
from serverkit_worker.deadlines import LONGEST_TICK_S, NEVER, Sweep, Timeouts
from tests.worker.driving import advance, stepped, the_loop

TICK_S = 0.25


class Due:
    """Something with deadlines, which notes when it expires."""

    def __init__(self, group: set["Due"]) -> None:
        self.deadline = NEVER
        self.write_deadline = NEVER
        self.expired_at: list[float] = []
        self._group = group
        group.add(self)

    def expire(self) -> None:
        """Note the time, and wait for nothing more."""
        self.expired_at.append(asyncio.get_running_loop().time())
        self.deadline = self.write_deadline = NEVER

    def leave(self) -> None:
        """Be looked at no more."""
        self._group.discard(self)


class Failing(Due):
    """Fails as it expires."""

    def expire(self) -> None:
        """Fail."""
        super().expire()
        raise RuntimeError("a bug")


def sweep_of(*groups: set[Due], tick_s: float = TICK_S) -> tuple[Sweep, list[float]]:
    """Return a sweep, and the times of its ticks."""
    ticks: list[float] = []
    loop = the_loop()
    return Sweep(loop, groups, lambda: ticks.append(loop.now), tick_s=tick_s), ticks


@pytest.mark.parametrize("name", ["deadline", "write_deadline"])
@pytest.mark.parametrize("offset_s", [0.0, 0.125, 0.2])
@stepped
async def test_a_deadline_is_never_early_and_two_ticks_late_at_most(
    name: str, offset_s: float
) -> None:
    """Wherever between two ticks it is set, as connections set it."""
    group: set[Due] = set()
    due = Due(group)
    sweep, _ = sweep_of(group)
    sweep.start()
    await advance(1 + offset_s)

    start = the_loop().now
    setattr(due, name, sweep.now + 3 + TICK_S)
    await advance(5)

    (expired_at,) = due.expired_at
    assert 3 <= expired_at - start <= 3 + 2 * TICK_S
    sweep.stop()


@stepped
async def test_what_is_not_due_is_left_alone() -> None:
    """As long as it likes."""
    group: set[Due] = set()
    due = Due(group)
    sweep, _ = sweep_of(group)
    sweep.start()

    await advance(1_000)

    assert due.expired_at == []
    sweep.stop()


@stepped
async def test_a_sweep_runs_only_while_there_is_something_to_look_at() -> None:
    """An idle worker is not woken."""
    group: set[Due] = set()
    other: set[Due] = set()
    sweep, ticks = sweep_of(group, other)
    await advance(2)
    assert ticks == []

    due = Due(other)
    sweep.start()
    await advance(2)
    assert len(ticks) == 9
    due.leave()
    await advance(20)
    assert len(ticks) == 10

    Due(group)
    sweep.start()
    assert sweep.now == the_loop().now
    await advance(1)
    assert len(ticks) == 15
    sweep.stop()


@stepped
async def test_starting_twice_is_starting_once() -> None:
    """Each connection starts it."""
    group: set[Due] = set()
    Due(group)
    sweep, ticks = sweep_of(group)

    sweep.start()
    sweep.start()
    await advance(1)

    assert len(ticks) == 5
    sweep.stop()


@stepped
async def test_a_stopped_sweep_is_quiet() -> None:
    """And stopping again does no harm."""
    group: set[Due] = set()
    due = Due(group)
    due.deadline = the_loop().now + 1
    sweep, _ = sweep_of(group)
    sweep.start()

    sweep.stop()
    sweep.stop()
    await advance(3)

    assert due.expired_at == []


@stepped
async def test_a_failure_does_not_stop_the_deadlines_of_others() -> None:
    """It is reported to the loop, and the sweep goes on."""
    reports: list[str] = []
    the_loop().set_exception_handler(lambda _, context: reports.append(str(context["exception"])))
    group: set[Due] = set()
    failing, others = Failing(group), [Due(group) for _ in range(20)]
    sweep, _ = sweep_of(group)
    sweep.start()

    failing.deadline = the_loop().now + 1
    for other in others:
        other.deadline = the_loop().now + 1
    await advance(2)

    assert reports == ["a bug"]
    assert [len(other.expired_at) for other in others] == [1] * 20
    sweep.stop()


@stepped
async def test_a_connection_may_leave_as_another_expires() -> None:
    """The sweep looks at a list of its own."""
    group: set[Due] = set()
    dues = [Due(group) for _ in range(5)]
    sweep, _ = sweep_of(group)
    sweep.start()
    for due in dues:
        due.deadline = the_loop().now + 1
        due.expire = group.clear  # type: ignore[method-assign]

    await advance(2)

    assert group == set()
    assert sweep._handle is None


def test_every_timeout_has_a_tick_added() -> None:
    """By which the time of the last tick may lag."""
    config = WorkerConfig(
        keep_alive_timeout=1,
        header_timeout=2,
        request_timeout=3,
        write_timeout=4,
        handler_timeout=5,
    )

    timeouts = Timeouts(config)

    tick_s = timeouts.tick_s
    assert tick_s == LONGEST_TICK_S
    waits = (timeouts.keep_alive_s, timeouts.head_s, timeouts.body_s, timeouts.write_s)
    assert waits == (1 + tick_s, 2 + tick_s, 3 + tick_s, 4 + tick_s)
    assert timeouts.handler_s == 5 + tick_s
    assert (timeouts.refusal_s, timeouts.linger_s) == (1 + tick_s, 2 + tick_s)
    assert timeouts.fresh_s == timeouts.head_s


def test_a_drain_shortens_what_idle_clients_are_waited_for() -> None:
    """On a reload the fresh ones have their whole time, for they are about to ask."""
    config = WorkerConfig(keep_alive_timeout=5, header_timeout=10)
    timeouts = Timeouts(config)
    tick_s = timeouts.tick_s

    timeouts.shorten("reload")
    assert (timeouts.keep_alive_s, timeouts.fresh_s) == (1 + tick_s, 10 + tick_s)
    timeouts.shorten("shutdown")
    assert (timeouts.keep_alive_s, timeouts.fresh_s) == (0.25 + tick_s, 0.25 + tick_s)
    timeouts.shorten("reload")
    assert (timeouts.keep_alive_s, timeouts.fresh_s) == (0.25 + tick_s, 0.25 + tick_s)
    assert timeouts.head_s == 10 + tick_s


def test_a_drain_lengthens_nothing() -> None:
    """Whoever is waited for less than that stays so."""
    timeouts = Timeouts(WorkerConfig(keep_alive_timeout=0.1, header_timeout=0.1))
    timeouts.shorten("reload")
    timeouts.shorten("shutdown")
    assert timeouts.keep_alive_s == timeouts.fresh_s == 0.1 + timeouts.tick_s


@stepped
async def test_the_clock_is_looked_at_between_ticks() -> None:
    """For what must not be early after a stall, in which there were no ticks."""
    sweep, _ = sweep_of(set())
    the_loop().now += 7
    sweep.look_at_clock()
    assert sweep.now == the_loop().now


def test_short_timeouts_have_short_ticks() -> None:
    """So that they are late by half of themselves at most."""
    assert Timeouts(WorkerConfig(header_timeout=0.1)).tick_s == pytest.approx(0.025)


def test_an_application_has_no_deadline_unless_configured() -> None:
    """Nobody knows how long its work takes."""
    assert Timeouts(WorkerConfig()).handler_s == NEVER
