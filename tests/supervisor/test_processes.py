"""Workers in processes of their own: how they begin, are told something, and end."""

import functools
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Ready,
    RecycleWanted,
    Stacks,
    Status,
)
from serverkit_supervisor.processes import ProcessRunner, check_factory
from tests.supervisor import process_workers as workers
from tests.supervisor.process_workers import Acting, Waiting
from tests.supervisor.runs import BOUND_S, Run, acting, open_descriptors, spec_of


def test_a_worker_is_ready_and_ends_when_it_is_drained() -> None:
    """A worker runs in a process of its own, and ends in good order when asked to."""
    with Run(Waiting) as run:
        assert run.runner.identity == f"process {run.pid}"
        assert run.pid != os.getpid()
        assert run.next() == Ready(run.runner)
        exited = run.drained()
    assert exited == Exited(run.runner, ExitReason(code=0, asked=True))
    assert exited.reason.expected
    assert run.silent


def test_nothing_is_known_before_the_start() -> None:
    """A runner that was not started has no process, and nothing can be done to it."""
    runner = ProcessRunner(spec_of(Waiting), lambda _: None)
    assert runner.pid is None
    assert runner.rss_bytes() is None
    assert not runner.kill()
    assert not runner.terminate()
    runner.drain()
    runner.close()
    runner.close()


def test_the_worker_is_told_who_it_is() -> None:
    """The context in the process says what the spec says, and notices arrive as they were told."""
    with Run(
        acting(workers.say_all),
        worker_id=3,
        generation=2,
        group="pool",
        state={"x": 1},
        alive_interval=1.0,
    ) as run:
        assert run.next() == Ready(run.runner)
        assert run.next() == Alive(run.runner)
        assert run.next() == RecycleWanted(run.runner, "pool 3 2 {'x': 1}")
        assert run.drained().reason.expected


def test_alive_costs_nothing_where_nobody_watches() -> None:
    """A worker that is not watched sends no signs of life."""
    with Run(acting(workers.say_all)) as run:
        run.wait_for(RecycleWanted)
        assert not any(isinstance(each, Alive) for each in run.heard)


def test_a_worker_is_asked_for_its_state() -> None:
    """The answers to questions come as notices."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        run.runner.ask_status()
        assert run.next() == Status(run.runner, idle=True)
        run.runner.ask_stacks()
        stacks = run.wait_for(Stacks).text
        assert "MainThread" in stacks
        assert "process_workers.py" in stacks
        assert "serverkit-report" not in stacks
        run.runner.ask_status()
        assert run.next() == Status(run.runner, idle=True)


def test_questions_do_not_pile_up() -> None:
    """A worker that does not answer is asked once, so the channel never fills."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        run.pause()
        for _ in range(100_000):
            run.runner.ask_status()
            run.runner.ask_stacks()
        run.signal(signal.SIGCONT)
        run.wait_for(Stacks)
        run.runner.drain()
        run.exit()
    assert sum(isinstance(each, Status) for each in run.heard) == 1


def test_a_process_that_reads_nothing_holds_nobody_up() -> None:
    """Commands return at once also when the channel is full."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        run.pause()
        for _ in range(20_000):
            run.runner.reopen_logs()
        assert run.runner.kill()
        assert run.exit().reason.signal == "SIGKILL"


def test_drain_and_stop_and_reopen_are_three_things(tmp_path: Path) -> None:
    """Each command calls the method of its own, and drain alone does not stop."""
    path = tmp_path / "asked"
    with Run(functools.partial(workers.Writing, path=str(path))) as run:
        run.wait_for(Ready)
        run.runner.reopen_logs()
        assert run.wait_for(RecycleWanted).reason == "reopened"
        run.runner.drain()
        assert run.wait_for(RecycleWanted).reason == "drained"
        run.runner.stop()
        assert run.exit().reason.expected
    assert path.read_text() == "reopen\ndrain\nstop\n"


def test_stop_drains_who_knows_no_other_way() -> None:
    """A worker without `shutdown` is drained instead."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        run.runner.stop()
        assert run.exit().reason.expected


@pytest.mark.parametrize("way", ["drain", "stop"])
def test_what_is_asked_before_the_worker_exists_is_not_forgotten(way: str, tmp_path: Path) -> None:
    """A worker that is asked to end while it is being made ends as soon as it is made."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Run(functools.partial(workers.slow_in_factory, gate=str(gate))) as run:
        run.wait_for(RecycleWanted)
        getattr(run.runner, way)()
        run.runner.ask_status()  # answered after the command before it was carried out
        run.wait_for(Status)
        gate.write_bytes(b"")
        assert run.exit().reason.expected


def test_a_worker_that_hangs_while_it_is_made_says_where() -> None:
    """The stacks are there before the worker is."""
    with Run(workers.hang_in_factory) as run:
        run.wait_for(RecycleWanted)
        run.runner.ask_stacks()
        assert "hang_in_factory" in run.wait_for(Stacks).text


def test_sockets_are_passed_on_and_stay_open() -> None:
    """The worker has the sockets of the spec, under their own numbers, blocking as they were."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.socket() as second:
        second.settimeout(0)
        with Run(acting(say_sockets), sockets=(first, second)) as run:
            said = run.wait_for(RecycleWanted).reason
            assert said == f"[({first.fileno()}, None), ({second.fileno()}, 0.0)]"
            run.drained()
        with socket.create_connection(first.getsockname(), BOUND_S):
            first.accept()[0].close()


def say_sockets(worker: Acting) -> None:
    """Say which sockets the worker has."""
    sockets = worker.context.sockets
    workers.say(worker, repr([(each.fileno(), each.gettimeout()) for each in sockets]))
    worker.asked.wait()


def test_memory_is_measured_while_there_is_a_process() -> None:
    """The resident memory is that of the process; none is left when it has ended."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        rss = run.runner.rss_bytes()
        assert rss is not None
        assert 1_000_000 < rss < 1_000_000_000
        run.drained()
        assert run.runner.rss_bytes() is None


@pytest.mark.parametrize(
    "factory",
    [lambda context: Waiting(context), functools.partial(Acting, act=lambda _: None)],
    ids=["lambda", "partial of a lambda"],
)
def test_a_factory_that_cannot_be_sent_is_refused(factory: object) -> None:
    """The message says what is wrong and what to do."""
    with pytest.raises(TypeError, match=r"cannot be sent to a process.*\n.*top level of a module"):
        check_factory(factory)  # type: ignore[arg-type]
    runner = ProcessRunner(spec_of(factory), lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="worker factory"):
        runner.start()
    runner.close()


def test_a_factory_that_can_be_sent_is_accepted() -> None:
    """Functions, partials and classes of modules are fine."""
    check_factory(workers.fail_in_factory)
    check_factory(Waiting)
    check_factory(acting(workers.say_all))


def test_a_state_that_cannot_be_sent_is_refused() -> None:
    """The message names the state, not the factory."""
    runner = ProcessRunner(spec_of(Waiting, state={"lock": threading.Lock()}), lambda _: None)
    with pytest.raises(TypeError, match="the lifespan state"):
        runner.start()
    runner.close()


def test_no_process_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no process, the start raises, and nothing is left open."""
    before = open_descriptors()
    for executable in ("", "/nonexistent/python"):
        monkeypatch.setattr(sys, "executable", executable)
        runner = ProcessRunner(spec_of(Waiting, distribute=True), lambda _: None)
        with pytest.raises(OSError, match=r"python|executable"):
            runner.start()
        runner.close()
    assert open_descriptors() == before


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread to watch the process, it is ended, and the start raises."""
    before = open_descriptors()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runner = ProcessRunner(spec_of(Waiting, distribute=True), lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            runner.start()
    assert not runner.kill()
    runner.close()
    assert runner.pid is not None
    with pytest.raises(ChildProcessError):
        os.waitpid(runner.pid, os.WNOHANG)
    assert open_descriptors() == before


def test_without_descriptors_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has none, the end is told as well, also with a fork that lives on."""
    monkeypatch.delattr(os, "pidfd_open")
    with Run(Waiting) as run:
        run.wait_for(Ready)
        assert run.drained().reason.expected
    with Run(acting(workers.fork_and_return)) as run:
        fork = int(run.wait_for(RecycleWanted).reason)
        try:
            run.runner.kill()
            assert run.exit().reason.signal == "SIGKILL"
        finally:
            os.kill(fork, signal.SIGKILL)
