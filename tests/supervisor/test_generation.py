"""Generations: when what their workers shared is put away."""

import threading

import pytest

from serverkit_supervisor import Generation, WorkerGroup
from serverkit_supervisor.generation import GenerationLife
from serverkit_supervisor.lineage import Lineage
from tests.supervisor.rig import BOUND_S, no_worker


class Shared:
    """What workers share; knows how often it was put away."""

    def __init__(self) -> None:
        self.may_be_put_away = threading.Event()
        self.may_be_put_away.set()
        self.times = 0
        self.done = threading.Semaphore(0)

    def retire(self) -> None:
        assert self.may_be_put_away.wait(BOUND_S)
        self.times += 1

    def when_retired(self) -> None:
        self.done.release()

    def made_of(self) -> Generation:
        return Generation(factory=no_worker, retire=self.retire)


def test_it_is_put_away_with_the_last_worker_once_no_more_come() -> None:
    """In a thread of its own, and once."""
    shared = Shared()
    life = GenerationLife(0, shared.made_of())
    for _ in range(2):
        life.enter()
    life.leave(shared.when_retired)
    life.is_wanted = False
    life.retire_if_over(shared.when_retired)
    before = shared.times

    life.leave(shared.when_retired)
    assert shared.done.acquire(timeout=BOUND_S)
    life.retire_if_over(shared.when_retired)

    assert before == 0
    assert shared.times == 1
    assert life.is_over


def test_one_that_may_get_more_workers_is_kept() -> None:
    """It has none only for a while."""
    shared = Shared()
    life = GenerationLife(0, shared.made_of())

    life.enter()
    life.leave(shared.when_retired)

    assert not life.is_retiring
    assert not life.is_over


def test_it_is_over_only_when_it_has_been_put_away() -> None:
    """That may take its time."""
    shared = Shared()
    shared.may_be_put_away.clear()
    life = GenerationLife(0, shared.made_of())
    life.is_wanted = False

    life.retire_if_over(shared.when_retired)
    during = (life.is_retiring, life.is_over)
    shared.may_be_put_away.set()
    assert shared.done.acquire(timeout=BOUND_S)

    assert during == (True, False)
    assert (life.is_retiring, life.is_over) == (False, True)


def test_what_cannot_be_put_away_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It is over all the same."""
    done = threading.Event()

    def retire() -> None:
        raise OSError("it is stuck")

    life = GenerationLife(7, Generation(factory=no_worker, retire=retire))
    life.is_wanted = False
    life.retire_if_over(done.set)
    assert done.wait(BOUND_S)

    assert life.is_over
    assert "What generation 7 left behind could not be put away" in caplog.text
    assert "it is stuck" in caplog.text


def test_what_two_generations_share_is_put_away_with_the_second() -> None:
    """Whichever ends first."""
    shared = Shared()
    lineage = Lineage(shared.made_of(), shared.when_retired)
    first = lineage.current
    second = lineage.conceive(first.made_of)
    lineage.succeed(second)
    before = shared.times

    lineage.give_up_all()
    assert shared.done.acquire(timeout=BOUND_S)

    assert before == 0
    assert shared.times == 1
    assert first.is_over


def test_generations_are_numbered_in_the_order_in_which_they_were_begun() -> None:
    """Also those that come to nothing."""
    lineage = Lineage(Generation(factory=no_worker), lambda: None)

    numbers = [lineage.conceive(Generation(factory=no_worker)).number for _ in range(3)]

    assert [lineage.current.number, *numbers] == [0, 1, 2, 3]
    assert str(lineage.current) == "generation 0"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "name must not be empty nor 'tcp', which is the first group, not ''"),
        ({"name": "tcp"}, "name must not be empty nor 'tcp', which is the first group, not 'tcp'"),
        ({"worker_count": 0}, "worker_count must be 1 or more, not 0"),
        ({"sockets": "tcp"}, "sockets must be one of none, udp, not 'tcp'"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(fields: dict[str, object], message: str) -> None:
    """The message names the field and the value."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        WorkerGroup(**{"name": "pool", "factory": no_worker, **fields})  # type: ignore[arg-type]

    assert str(caught.value) == message
