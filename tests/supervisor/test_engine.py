"""Orders to the engine, and what holds whatever happens in whatever order."""

import logging

import pytest

from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from tests.supervisor.rig import Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)


def test_one_worker_more() -> None:
    """It has the next number, and serves when it is ready."""
    rig = Rig(2).start()

    rig.order(Order.ADD_WORKER)
    rig.runners[2].ready()
    rig.settle()

    assert rig.runners[2].spec.worker_id == 2
    assert rig.runners[2].is_in_service


def test_one_worker_more_that_cannot_start_crashes_like_any_other() -> None:
    """It is tried again, and the others go on."""
    rig = Rig(1).start()
    rig.order(Order.ADD_WORKER)

    rig.runners[1].crash()
    rig.pass_time(0.5)

    assert rig.runners[2].spec.worker_id == 1
    assert rig.runners[0].told == []


def test_one_worker_less() -> None:
    """The one with the highest number drains; its number is free again."""
    rig = Rig(3).start()

    rig.order(Order.REMOVE_WORKER)
    told = [list(runner.told) for runner in rig.runners]
    rig.order(Order.ADD_WORKER)

    assert told == [[], [], ["drain"]]
    assert rig.runners[3].spec.worker_id == 2


def test_the_last_worker_stays() -> None:
    """There is never none."""
    rig = Rig(1).start()

    rig.order(Order.REMOVE_WORKER)

    assert rig.runners[0].told == []


def test_a_worker_that_waits_to_be_started_again_can_be_removed() -> None:
    """Then it is not."""
    rig = Rig(2).start()
    rig.runners[1].killed()
    rig.settle()

    rig.order(Order.REMOVE_WORKER)
    rig.pass_time(100)

    assert len(rig.runners) == 2


def test_a_reload_has_as_many_workers_as_there_are_now() -> None:
    """Not as many as there were at the start."""
    rig = Rig(1).start()
    rig.order(Order.ADD_WORKER)
    rig.runners[1].ready()

    rig.order(Order.RELOAD)

    assert [r.spec.worker_id for r in rig.live(generation=1)] == [0, 1]


def test_only_the_first_group_grows_and_shrinks() -> None:
    """The further ones are what they were declared to be."""
    rig = Rig(1, groups=(POOL,)).start()

    rig.order(Order.ADD_WORKER)

    assert [r.spec.group for r in rig.runners] == ["tcp", "pool", "tcp"]


def test_every_worker_opens_its_logs_anew() -> None:
    """Those that drain as well."""
    rig = Rig(2, groups=(POOL,)).start()
    rig.order(Order.RELOAD)
    for runner in rig.live(generation=1):
        runner.ready()
    rig.settle()

    rig.order(Order.REOPEN_LOGS)

    assert all("reopen" in runner.told for runner in rig.runners)


def test_the_state_reaches_every_worker_made_later() -> None:
    """Of all groups, when started again, and of later generations."""
    rig = Rig(1, groups=(POOL,)).start()
    rig.fleet.state = {"made": "by lifespan"}

    for runner in rig.live():
        runner.killed()
    rig.pass_time(0.5)
    for runner in rig.live():
        runner.ready()
    rig.order(Order.RELOAD)

    assert [r.spec.state for r in rig.runners[2:]] == [{"made": "by lifespan"}] * 4


def test_what_comes_next_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Who gave an order sees what became of it."""
    caplog.set_level(logging.INFO, "serverkit.supervisor")
    rig = Rig(1).start()

    for order in (Order.ADD_WORKER, Order.REMOVE_WORKER, Order.REMOVE_WORKER, Order.RELOAD):
        rig.order(order)
    for order in (Order.ADD_WORKER, Order.RELOAD, Order.RELOAD):
        rig.order(order)

    assert [record.getMessage() for record in caplog.records] == [
        "worker 1 is added: 2 workers",
        "worker 1 is removed: 1 left",
        "No worker less: it is the last one",
        "Begun: reload of generation 0",
        "To come after what is under way: add a worker",
        "To come after what is under way: reload",
        "One more reload is not needed: one is to come already",
    ]


def test_who_listens_is_told_of_each_worker() -> None:
    """By name, generation and reason."""
    rig = Rig(1).start()
    error = ValueError("boom")

    rig.runners[0].crash(error)
    rig.settle()

    event = rig.events[-1]
    assert (event.kind, event.worker, event.generation) == (
        "worker_exited",
        "worker 0 (process 1000)",
        0,
    )
    assert event.reason == "it raised ValueError('boom')"
    assert event.error is error
