"""How many workers there are, and where."""

import pytest

from serverkit_server import gil, worker_plan
from serverkit_server.config import ServerConfig
from serverkit_server.worker_plan import WorkerPlan, plan_anew, plan_workers

CPUS = 6


@pytest.fixture(params=["ordinary", "free-threaded", "free-threaded with GIL"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this Python pass for one of the kinds there are."""
    kind: str = request.param
    pass_for(monkeypatch, kind)
    return kind


def pass_for(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let this Python pass for one of the kinds there are."""
    for module in (gil, worker_plan):
        monkeypatch.setattr(module, "is_gil_enabled", lambda: kind != "free-threaded")
        monkeypatch.setattr(module, "is_free_threaded_build", lambda: kind != "ordinary")


def plan(**settings: object) -> WorkerPlan:
    """Plan on a machine of a few CPUs."""
    return plan_workers(ServerConfig.from_mapping(settings), count_cpus=lambda: CPUS)


@pytest.mark.parametrize("mode", ["auto", "async"])
def test_one_worker_needs_nobody_else(build: str, mode: str) -> None:
    """One worker runs in the server itself, whatever the build."""
    assert plan(worker_mode=mode) == WorkerPlan(place="single", count=1, is_free=True)


@pytest.mark.parametrize("mode", ["auto", "async"])
def test_several_run_where_python_lets_them(build: str, mode: str) -> None:
    """Several workers are threads where the GIL is off, and processes elsewhere."""
    found = plan(worker_mode=mode, workers=4)
    place = "thread" if build == "free-threaded" else "process"
    assert (found.place, found.count) == (place, 4)


@pytest.mark.parametrize("mode", ["thread", "process"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_place_that_is_asked_for_is_taken(build: str, mode: str, count: int) -> None:
    """Threads and processes are what is asked for, also one of them."""
    assert plan(worker_mode=mode, workers=count) == WorkerPlan(
        place="thread" if mode == "thread" else "process", count=count, is_free=False
    )


def test_as_many_workers_as_cpus(build: str) -> None:
    """0 workers are one for each CPU, but no more than there may be connections."""
    assert plan(workers=0).count == CPUS
    assert plan(workers=0, max_connections=2).count == 2
    assert plan(workers=0, max_connections=0).count == CPUS


def test_as_many_as_cpus_can_be_replaced_on_one_cpu_too(build: str) -> None:
    """Whether a signal reloads is no matter of the machine: 0 workers have a supervisor."""
    lone = plan_workers(ServerConfig(workers=0), count_cpus=lambda: 1)

    assert (lone.count, lone.place) == (1, "thread" if build == "free-threaded" else "process")


@pytest.mark.parametrize(
    "settings",
    [{"max_requests": 5}, {"worker_lifetime": 9.0}, {"worker_timeout": 3.0}, {"reload": True}],
)
def test_one_worker_is_supervised_where_that_is_needed(
    build: str, settings: dict[str, object]
) -> None:
    """What only a supervisor can do makes one worker a thread or a process."""
    place = "thread" if build == "free-threaded" else "process"
    assert (plan(**settings).place, plan(**settings).count) == (place, 1)


def test_memory_is_measured_in_processes(build: str) -> None:
    """A bound on the memory of a worker makes it a process, and says so where that is unusual."""
    found = plan(worker_max_rss=1, workers=2)
    assert found.place == "process"
    assert ("worker_max_rss" in found.reason) == (build == "free-threaded")


def test_says_why_a_free_threaded_python_uses_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an ordinary build processes need no reason; where the GIL could be off, they do."""
    pass_for(monkeypatch, "ordinary")
    assert plan(workers=2).reason == ""
    pass_for(monkeypatch, "free-threaded with GIL")
    assert plan(workers=2).reason.startswith("The GIL is on: ")


def test_a_module_that_needs_the_gil_makes_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the application has switched the GIL on, workers are processes, and it is said why."""
    pass_for(monkeypatch, "free-threaded")
    planned = plan(workers=3)
    assert plan_anew(planned, []) is planned
    pass_for(monkeypatch, "free-threaded with GIL")
    monkeypatch.setattr(gil, "_is_gil_asked_for", lambda: False)
    found = plan_anew(planned, ["old_one", "other"])
    assert (found.place, found.count) == ("process", 3)
    assert found.reason == (
        "The GIL is on: the module 'old_one' needs it. Workers run in processes, not in threads."
    )


@pytest.mark.parametrize("kind", ["ordinary", "free-threaded with GIL"])
def test_threads_that_wait_for_each_other_are_told(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Threads are threads if asked for, but it is said that they do not run at the same time."""
    pass_for(monkeypatch, kind)
    found = plan_anew(plan(workers=3, worker_mode="thread"), [])
    assert (found.place, found.count) == ("thread", 3)
    assert "do not run at the same time: the GIL is on" in found.reason


def test_other_places_do_not_care_for_the_gil(build: str) -> None:
    """For one worker, and for processes, the GIL makes no difference."""
    for planned in (plan(), plan(workers=3, worker_mode="process")):
        assert plan_anew(planned, ["some"]) is planned
