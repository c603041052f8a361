"""Workers in threads of this process."""

import functools
import threading
from typing import Any

import pytest

from serverkit_supervisor import WorkerContext, WorkerFactory
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Failed,
    Ready,
    RecycleWanted,
    Stacks,
    Status,
)
from serverkit_supervisor.threads import ThreadRunner
from tests.supervisor import process_workers as workers
from tests.supervisor.process_workers import Acting, Waiting
from tests.supervisor.runs import BOUND_S, Run, acting, open_descriptors, spec_of

in_thread = functools.partial(Run, kind=ThreadRunner)


def test_a_worker_is_ready_and_ends_when_it_is_drained() -> None:
    """A worker runs in a thread of its own, and ends in good order when asked to."""
    with in_thread(Waiting) as run:
        assert run.next() == Ready(run.runner)
        exited = run.drained()
    assert exited == Exited(run.runner, ExitReason(asked=True))
    assert exited.reason.expected
    assert run.silent


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ({}, "serverkit-worker-0"),
        ({"worker_id": 7}, "serverkit-worker-7"),
        ({"worker_id": 1, "generation": 3}, "serverkit-worker-1-g3"),
        ({"group": "pool"}, "serverkit-worker-pool-0"),
    ],
)
def test_the_thread_has_a_name(place: dict[str, Any], name: str) -> None:
    """People find the worker by the name of its thread, which keeps no process from ending."""
    threads: list[threading.Thread] = []
    with in_thread(acting(lambda _: threads.append(threading.current_thread())), **place) as run:
        assert run.runner.identity == f"thread {name}"
        run.exit()
    assert [(each.name, each.daemon) for each in threads] == [(name, True)]


def test_the_worker_is_told_who_it_is() -> None:
    """The context says what the spec says; the state is the very object."""
    state: dict[str, object] = {"x": 1}
    made: list[Waiting] = []

    def make(context: WorkerContext) -> Waiting:
        made.append(Acting(context, workers.say_all))
        return made[0]

    with in_thread(
        make, worker_id=3, generation=2, group="pool", state=state, alive_interval=1.0
    ) as run:
        assert run.next() == Ready(run.runner)
        assert run.next() == Alive(run.runner)
        assert run.next() == RecycleWanted(run.runner, "pool 3 2 {'x': 1}")
        assert made[0].state is state
        assert run.drained().reason.expected


def test_without_a_state_none_is_set() -> None:
    """A worker is not handed a state that is not there, nor watched where nobody watches."""
    with in_thread(acting(workers.say_all)) as run:
        assert run.wait_for(RecycleWanted).reason == "tcp 0 0 None"
        assert not any(isinstance(each, Alive) for each in run.heard)


def test_a_worker_is_asked_for_its_state() -> None:
    """The answers to questions come as notices; the stacks are those of its thread alone."""
    with in_thread(Waiting) as run:
        run.wait_for(Ready)
        run.runner.ask_status()
        assert run.next() == Status(run.runner, idle=True)
        run.runner.ask_stacks()
        text = run.wait_for(Stacks).text
        assert text.count("Thread ") == 1
        assert "process_workers.py" in text


def test_what_a_thread_does_not_have() -> None:
    """A thread has no process, no memory of its own, and cannot be ended by force."""
    with in_thread(Waiting) as run:
        run.wait_for(Ready)
        assert run.runner.pid is None
        assert run.runner.rss_bytes() is None
        assert not run.runner.terminate()
        assert not run.runner.kill()
        assert run.silent


@pytest.mark.parametrize("way", ["drain", "stop"])
def test_what_is_asked_before_the_worker_exists_is_not_forgotten(way: str) -> None:
    """A worker that is asked to end before it is made ends as soon as it is made."""
    gate = threading.Event()

    def make(context: WorkerContext) -> Waiting:
        assert gate.wait(BOUND_S)
        return Waiting(context)

    with in_thread(make) as run:
        getattr(run.runner, way)()
        gate.set()
        assert run.exit().reason.expected


@pytest.mark.parametrize("way", ["drain", "stop"])
def test_what_is_asked_before_the_start_is_not_forgotten(way: str) -> None:
    """Also a thread that does not run yet can be told to end."""
    run = in_thread(Waiting)
    getattr(run.runner, way)()
    with run:
        assert run.exit().reason.expected


ENDS: dict[str, tuple[WorkerFactory, str]] = {
    "raises": (acting(workers.raise_value_error), "ValueError: the port is gone"),
    "odd": (acting(workers.raise_unpackable), "Unpackable: ('holds a lock'"),
    "interrupt": (acting(workers.raise_keyboard_interrupt), "KeyboardInterrupt"),
    "exit": (acting(workers.exit_with, code=3), "SystemExit: 3"),
    "factory": (workers.fail_in_factory, "ValueError: no worker 0"),
    "returns": (acting(workers.return_at_once), ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_has_its_reason(name: str) -> None:
    """However a worker ends unasked, it is told once, and not as expected."""
    factory, error = ENDS[name]
    with in_thread(factory) as run:
        while not isinstance(notice := run.next(), Exited):
            assert isinstance(notice, Ready | Failed)
        assert notice.reason.error.startswith(error)
        assert bool(notice.reason.error) == bool(error)
        assert not notice.reason.expected
    assert run.silent
    failed = [each for each in run.heard if isinstance(each, Failed)]
    assert len(failed) == bool(error)
    for each in failed:
        assert each.error is not None
        assert each.traceback.startswith("Traceback")
        assert each.summary == notice.reason.error


def test_nothing_is_told_after_the_end() -> None:
    """What a worker says when it is over is not passed on; what it is asked harms nobody."""
    contexts: list[WorkerContext] = []

    def make(context: WorkerContext) -> Waiting:
        contexts.append(context)
        return Waiting(context)

    with in_thread(make, alive_interval=1.0) as run:
        run.wait_for(Ready)
        run.drained()
        (context,) = contexts
        context.ready()
        context.alive()
        context.recycle("too late")
        run.runner.ask_status()
        run.runner.ask_stacks()
        run.runner.drain()
        run.runner.stop()
        run.runner.reopen_logs()
        assert run.silent


def test_ready_is_told_once_by_whichever_thread() -> None:
    """Many threads that say ready at once are one notice."""

    def shout(worker: Acting) -> None:
        threads = [threading.Thread(target=worker.context.ready) for _ in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    with in_thread(acting(shout)) as run:
        run.exit()
    assert sum(isinstance(each, Ready) for each in run.heard) == 1


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, the start raises OSError, and nothing is told."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runner = ThreadRunner(spec_of(Waiting), lambda _: pytest.fail("told something"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OSError, match="serverkit-worker-0: can't start new thread"):
        runner.start()
    runner.close()


def test_nothing_is_left_behind() -> None:
    """Threads and descriptors are as many as before, also with a way for connections."""
    threads, descriptors = threading.active_count(), open_descriptors()
    for _ in range(50):
        with in_thread(Waiting, distribute=True) as run:
            assert run.runner.outlet is not None
            run.wait_for(Ready)
            run.drained()
        run.runner.close()
    assert threading.active_count() == threads
    assert open_descriptors() == descriptors


def test_connections_are_handed_over() -> None:
    """The context has a source where connections are distributed, and none elsewhere."""
    sources = []

    def make(context: WorkerContext) -> Waiting:
        sources.append(context.connections)
        return Waiting(context)

    for distribute in (True, False):
        with in_thread(make, distribute=distribute) as run:
            run.wait_for(Ready)
            assert (run.runner.outlet is not None) == distribute
            run.drained()
    assert [each is not None for each in sources] == [True, False]
