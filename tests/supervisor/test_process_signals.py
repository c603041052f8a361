"""Signals that reach the processes of workers from outside."""

import functools
import signal
from pathlib import Path

from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.notices import Ready, RecycleWanted, Status
from tests.supervisor import process_workers as workers
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run, acting


def test_signals_that_are_not_for_workers_do_nothing() -> None:
    """What the terminal or an operator sends to the whole group does not reach the worker."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        for number in ("INT", "HUP", "TTIN", "TTOU", "USR1"):
            run.signal(signal.Signals[f"SIG{number}"])
        run.runner.ask_status()
        assert run.next() == Status(run.runner, idle=True)
        assert run.drained().reason.expected


def test_no_moment_at_which_the_terminal_ends_a_process() -> None:
    """SIGINT is harmless from the first moment on."""
    with Run(Waiting) as run:
        while run.silent:
            run.signal(signal.SIGINT)
        run.wait_for(Ready)
        assert run.drained().reason.expected


def test_sigterm_from_outside_asks_for_a_replacement() -> None:
    """The first SIGTERM changes nothing but to ask; at the second the worker drains by itself."""
    with Run(Waiting) as run:
        run.wait_for(Ready)
        run.signal(signal.SIGTERM)
        assert run.next() == RecycleWanted(run.runner, "its process was sent SIGTERM")
        run.runner.ask_status()
        assert run.next() == Status(run.runner, idle=True)
        run.signal(signal.SIGTERM)
        assert run.exit().reason == ExitReason(code=0)


def test_sigterm_while_stopping_is_no_hurry(tmp_path: Path) -> None:
    """A process manager that signals the whole group does not cut the work of those who drain."""
    path = tmp_path / "asked"
    with Run(functools.partial(workers.Writing, path=str(path))) as run:
        run.wait_for(Ready)
        run.runner.drain()
        run.wait_for(RecycleWanted)
        run.signal(signal.SIGTERM)
        assert "SIGTERM" in run.wait_for(RecycleWanted).reason
        run.runner.stop()
        assert run.exit().reason.expected


def test_a_signal_that_does_not_wake_the_main_thread_is_noticed() -> None:
    """A SIGTERM that another thread takes, while the main thread sleeps, is acted on."""
    with Run(acting(workers.term_elsewhere)) as run:
        run.wait_for(Ready)
        assert "SIGTERM" in run.wait_for(RecycleWanted).reason
        assert run.drained().reason.expected
