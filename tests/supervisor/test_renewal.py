"""What a new generation is made of, and what becomes of it when it comes too late or not at all."""

import threading

import pytest

from serverkit_supervisor.errors import ReloadFailed
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.orders import Order
from tests.supervisor.rig import BOUND_S, FakeRunner, Rig, no_worker

POOL = WorkerGroup(name="pool", factory=no_worker)


def ready(*runners: FakeRunner) -> None:
    """Let them be ready."""
    for runner in runners:
        runner.ready()
    runners[0].rig.settle()


class Renew:
    """Gets a generation when a test lets it."""

    def __init__(self, outcome: Generation | BaseException) -> None:
        self.outcome = outcome
        self.may_return = threading.Event()
        self.has_returned = threading.Event()

    def __call__(self) -> Generation:
        assert self.may_return.wait(BOUND_S)
        try:
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome
        finally:
            self.has_returned.set()


def other_factory(context: object) -> None:
    """What the new generation is made of."""


def other_pool(context: object) -> None:
    """What the pool of the new generation is made of."""


def made_anew(**fields: object) -> Generation:
    """A generation made of other things."""
    return Generation(factory=other_factory, **fields)  # type: ignore[arg-type]


def test_a_new_generation_is_made_of_what_renew_returns() -> None:
    """Factories of all groups and the state are the new ones; a group not named keeps its own."""
    last = WorkerGroup(name="last", factory=no_worker)
    renew = Renew(made_anew(factories={"pool": other_pool}, state={"new": True}))
    rig = Rig(1, groups=(POOL, last), renew=renew)
    rig.fleet.state = {"old": True}
    rig.start()

    rig.order(Order.RELOAD)
    before = len(rig.runners)
    renew.may_return.set()
    rig.wait_for(lambda: len(rig.runners) > before)

    specs = [runner.spec for runner in rig.live(generation=1)]
    assert [spec.factory for spec in specs] == [other_factory, other_pool, no_worker]
    assert [spec.state for spec in specs] == [{"new": True}] * 3
    assert before == 3


@pytest.mark.parametrize("error", [SyntaxError("bad code"), SystemExit(3)])
def test_code_that_cannot_be_imported_changes_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """No worker is started, and the error is told with its traceback."""
    renew = Renew(error)
    renew.may_return.set()
    rig = Rig(1, renew=renew).start()

    rig.order(Order.RELOAD)
    rig.wait_for(lambda: rig.kinds()[-1] == "reload_failed")
    rig.look()
    rig.pass_time(100)

    assert rig.kinds().count("reload_failed") == 1
    assert getattr(rig.events[-1].error, "error", None) is error
    assert len(rig.runners) == 1
    assert type(error).__name__ in caplog.text
    assert "generation 0 goes on serving" in caplog.text


def test_who_knows_why_it_cannot_be_made_is_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """An error for people is told as it is: what, what to do about it, and where."""
    failure = ReloadFailed("nothing new is there.", "Write something.", traceback="It is here: x")
    renew = Renew(failure)
    renew.may_return.set()
    rig = Rig(1, renew=renew).start()

    rig.order(Order.RELOAD)
    rig.wait_for(lambda: rig.kinds()[-1] == "reload_failed")

    assert rig.events[-1].error is failure
    assert caplog.messages[-1].splitlines() == [
        "Reload failed: nothing new is there. generation 0 goes on serving.",
        "Write something.",
        "It is here: x",
    ]


def test_an_import_that_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """After startup_timeout the reload fails; what comes of it later is put away at once."""
    put_away = threading.Event()
    renew = Renew(made_anew(retire=put_away.set))
    rig = Rig(1, renew=renew, startup_timeout=5).start()

    rig.order(Order.RELOAD)
    rig.pass_time(5)

    assert rig.kinds()[-1] == "reload_failed"
    assert "may_return.wait" in getattr(rig.events[-1].error, "traceback", "")
    assert "not made within 5 s" in caplog.text
    assert "startup_timeout" in caplog.text
    renew.may_return.set()
    rig.wait_for(put_away.is_set)
    assert len(rig.runners) == 1


def test_what_comes_after_the_shutdown_is_put_away() -> None:
    """An import that returns when all is over starts nothing."""
    put_away = threading.Event()
    renew = Renew(made_anew(retire=put_away.set))
    rig = Rig(1, renew=renew).start()
    rig.order(Order.RELOAD)
    rig.order(Order.SHUTDOWN)

    renew.may_return.set()
    rig.wait_for(put_away.is_set)

    assert len(rig.runners) == 1


def test_an_old_generation_is_put_away_when_its_last_worker_is_gone() -> None:
    """Not before, and once."""
    put_away = []
    first = Generation(factory=no_worker, retire=lambda: put_away.append("first"))
    renew = Renew(made_anew(retire=lambda: put_away.append("second")))
    renew.may_return.set()
    rig = Rig(2, generation=first, renew=renew).start()
    rig.order(Order.RELOAD)
    rig.wait_for(lambda: len(rig.live(generation=1)) == 2)
    ready(*rig.live(generation=1))

    rig.runners[0].end()
    rig.settle()
    before = list(put_away)
    rig.runners[1].end()
    rig.wait_for(lambda: bool(put_away))
    rig.shut_down()

    assert before == []
    assert put_away == ["first", "second"]


def test_what_a_failed_generation_shared_is_put_away() -> None:
    """When the last of its workers is gone; that of the old one is kept."""
    put_away = []
    first = Generation(factory=no_worker, retire=lambda: put_away.append("first"))
    renew = Renew(made_anew(retire=lambda: put_away.append("second")))
    renew.may_return.set()
    rig = Rig(2, generation=first, renew=renew).start()
    rig.order(Order.RELOAD)
    rig.wait_for(lambda: len(rig.live(generation=1)) == 2)

    rig.live(generation=1)[0].crash()
    rig.settle()
    before = list(put_away)
    rig.live(generation=1)[0].end()
    rig.wait_for(lambda: bool(put_away))

    assert before == []
    assert put_away == ["second"]


def test_what_generations_share_is_put_away_with_the_last_of_them() -> None:
    """Without renew each generation is made of the same."""
    put_away = []
    first = Generation(factory=no_worker, retire=lambda: put_away.append("first"))
    rig = Rig(1, generation=first).start()
    rig.order(Order.RELOAD)
    ready(rig.one(generation=1))
    rig.runners[0].end()
    rig.settle()
    before = list(put_away)

    rig.shut_down()

    assert before == []
    assert put_away == ["first"]
