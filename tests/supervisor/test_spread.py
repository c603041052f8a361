"""Who is given which connection."""

import errno
from collections.abc import Callable, Sequence

import pytest

from serverkit_supervisor.handover import Accepted, counted
from serverkit_supervisor.shortage import PAUSE_S
from serverkit_supervisor.spread import Spread


class FakeOutlet:
    """A worker with room for so many, that closes when told."""

    def __init__(self, room: int = 1000, opened: int = 0) -> None:
        self.room = room
        self.given: list[Accepted] = []
        self.opened = opened
        self.calls: list[Callable[[], None]] = []
        self.error: Exception | None = None

    def fileno(self) -> int:
        return -1

    def give(self, connections: Sequence[Accepted]) -> int:
        if self.error:
            raise self.error
        taken = connections[: self.room - len(self.given)]
        self.given += taken
        return len(taken)

    def open_count(self) -> int:
        return self.opened + counted(self.given)

    def take_back(self) -> list[Accepted]:
        back, self.given = self.given, []
        return back

    def untaken_count(self) -> int:
        return len(self.given)

    def call_when_changed(self, call: Callable[[], None], *, or_closed: bool) -> None:
        assert or_closed
        self.calls.append(call)

    def heard(self) -> bool:
        return False

    def numbers(self) -> list[int]:
        """What it was given, by the descriptors."""
        return [each.descriptor for each in self.given]


def spread_over(*outlets: FakeOutlet, count_leaving: bool = False) -> Spread:
    """Over these workers."""
    spread = Spread(count_leaving=count_leaving)
    for outlet in outlets:
        spread.add(outlet)
    return spread


def accept(spread: Spread, *numbers: int, surplus: bool = False) -> None:
    """Let connections be pending; no descriptor is ever touched."""
    spread.pending += [Accepted(number, 2, 0, surplus) for number in numbers]


@pytest.mark.parametrize("together", [True, False])
def test_equals_are_served_in_turn(*, together: bool) -> None:
    """Whether connections come together or one by one."""
    outlets = [FakeOutlet() for _ in range(4)]
    spread = spread_over(*outlets)

    for group in [range(8)] if together else [[number] for number in range(8)]:
        accept(spread, *group)
        spread.hand_out(now=0)

    assert [outlet.numbers() for outlet in outlets] == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert spread.pending == []


def test_turns_go_on_where_connections_are_closed_at_once() -> None:
    """Short connections do not all go to the first."""
    outlets = [FakeOutlet() for _ in range(3)]
    spread = spread_over(*outlets)
    served = []

    for number in range(6):
        accept(spread, number)
        spread.hand_out(now=0)
        served += [index for index, outlet in enumerate(outlets) if outlet.take_back()]

    assert served == [0, 1, 2, 0, 1, 2]


def test_the_one_that_has_the_fewest_comes_first() -> None:
    """Until all have as many."""
    busy, idle = FakeOutlet(opened=5), FakeOutlet()
    spread = spread_over(busy, idle)

    accept(spread, *range(9))
    spread.hand_out(now=0)

    assert (busy.open_count(), idle.open_count()) == (7, 7)


def test_who_has_no_room_is_passed_over() -> None:
    """The others take what it cannot; what nobody takes stays."""
    small, large = FakeOutlet(room=1), FakeOutlet(room=5)
    spread = spread_over(small, large)

    accept(spread, *range(8))
    spread.hand_out(now=0)

    assert (len(small.given), len(large.given), len(spread.pending)) == (1, 5, 2)
    assert {each.descriptor for each in [*small.given, *large.given, *spread.pending]} == set(
        range(8)
    )


def test_without_workers_everything_is_pending() -> None:
    """Nothing is lost before the first comes, or after the last went."""
    spread = spread_over()
    accept(spread, 1, 2)
    spread.hand_out(now=0)
    before = len(spread.pending)
    outlet = FakeOutlet()
    spread.add(outlet)
    spread.hand_out(now=0)

    spread.remove(outlet)
    spread.remove(outlet)

    assert before == 2
    assert [each.descriptor for each in spread.pending] == [1, 2]
    assert not spread.has_outlets


def test_one_that_rests_gives_back_and_is_given_nothing() -> None:
    """Until its time has come."""
    resting, other = FakeOutlet(), FakeOutlet()
    spread = spread_over(resting, other)
    accept(spread, 0, 1)
    spread.hand_out(now=0)

    spread.rest(resting, until=5)
    spread.hand_out(now=4.9)
    then = (resting.numbers(), sorted(other.numbers()))
    accept(spread, 2)
    spread.hand_out(now=5)

    assert then == ([], [0, 1])
    assert resting.numbers() == [2]
    assert 5 in spread.ends_of_rests()


def test_an_error_of_one_worker_loses_nothing() -> None:
    """Every connection is with a worker, or pending."""
    good, bad = FakeOutlet(), FakeOutlet()
    bad.error = RuntimeError("broken")
    spread = spread_over(good, bad)
    accept(spread, *range(6))

    with pytest.raises(RuntimeError, match="broken"):
        spread.hand_out(now=0)

    assert sorted([*good.numbers(), *(each.descriptor for each in spread.pending)]) == [*range(6)]


def test_one_that_the_system_takes_nothing_for_rests(caplog: pytest.LogCaptureFixture) -> None:
    """The others are given its share, it is tried again, and it is logged once."""
    good, bad = FakeOutlet(), FakeOutlet()
    bad.error = OSError(errno.ETOOMANYREFS, "Too many references")
    spread = spread_over(good, bad)

    for now in (1.0, 2.0):
        accept(spread, 1, 2, 3)
        spread.hand_out(now)
    bad.error = None
    accept(spread, 4)
    spread.hand_out(now=2.0)
    resting = bad.numbers()
    accept(spread, 5)
    spread.hand_out(now=2.0 + PAUSE_S)

    assert len(good.given) == 7
    assert (resting, bad.numbers()) == ([], [5])
    assert [record.getMessage() for record in caplog.records] == [
        "Cannot hand connections to a worker (Too many references); trying again every 0.1 s"
    ]


@pytest.mark.parametrize(("count_leaving", "expected"), [(True, 4), (False, 2)])
def test_those_of_workers_that_leave_count_where_it_matters(
    *, count_leaving: bool, expected: int
) -> None:
    """Until they are closed."""
    leaving, other = FakeOutlet(opened=2), FakeOutlet(opened=1)
    spread = spread_over(leaving, other, count_leaving=count_leaving)
    accept(spread, 1)
    accept(spread, 2, surplus=True)

    spread.remove(leaving)
    with_them = spread.open_count()
    watched = leaving in spread.watched()
    leaving.opened = 0

    assert (with_them, watched) == (expected, count_leaving)
    assert spread.open_count() == 2
    assert spread.watched() == [other]
    assert spread.outlets() == [other]


def test_all_whose_connections_count_are_asked_for_changes() -> None:
    """Also those that leave."""
    leaving, other = FakeOutlet(opened=1), FakeOutlet()
    spread = spread_over(leaving, other, count_leaving=True)
    spread.remove(leaving)

    spread.call_when_changed(test_all_whose_connections_count_are_asked_for_changes, or_closed=True)

    assert len(leaving.calls) == len(other.calls) == 1


def test_a_worker_is_awaited_when_it_has_taken_everything() -> None:
    """One is enough, unless it rests."""
    busy, other = FakeOutlet(), FakeOutlet()
    spread = spread_over(busy, other)
    accept(spread, 1)
    spread.hand_out(1.0)
    waits_for_other = spread.is_awaited(1.0)
    accept(spread, 2)
    spread.hand_out(1.0)
    waits_for_nobody = spread.is_awaited(1.0)
    other.take_back()
    waits_again = spread.is_awaited(1.0)
    spread.rest(other, 2.0)

    assert (waits_for_other, waits_for_nobody, waits_again) == (True, False, True)
    assert not spread.is_awaited(1.0)
    assert spread.is_awaited(2.0)
    assert not spread_over().is_awaited(1.0)
