"""How workers in processes end, and what is told about it."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from serverkit_supervisor.channel import Command
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.notices import Exited, Failed, Ready, RecycleWanted
from serverkit_supervisor.processes import ProcessRunner
from tests.supervisor import process_workers as workers
from tests.supervisor.runs import BOUND_S, Run, acting


def test_a_factory_that_raises() -> None:
    """The exception comes over with its traceback, and the exit reason has it in short."""
    with Run(workers.fail_in_factory, worker_id=5) as run:
        failed = run.wait_for(Failed)
        assert isinstance(failed.error, ValueError)
        assert failed.error.args == ("no worker 5",)
        assert "in fail_in_factory" in failed.traceback
        reason = run.exit().reason
    assert reason == ExitReason(code=1, error="ValueError: no worker 5")
    assert str(reason) == "it raised ValueError: no worker 5"
    assert not reason.expected


ENDS = {
    "raises": (acting(workers.raise_value_error), 1, "ValueError: the port is gone"),
    "odd": (acting(workers.raise_odd), 1, "OddError: two words"),
    "interrupt": (acting(workers.raise_keyboard_interrupt), 1, "KeyboardInterrupt"),
    "exit": (acting(workers.exit_with, code=3), 3, "SystemExit: 3"),
    "exit text": (acting(workers.exit_with, code="bye"), 1, "SystemExit: bye"),
    "exit 0": (acting(workers.exit_with, code=0), 0, "SystemExit: 0"),
    "os exit": (acting(workers.leave_at_once, code=4), 4, ""),
    "returns": (acting(workers.return_at_once), 0, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_has_its_reason(name: str) -> None:
    """However a worker ends unasked, it is told once, with its exit code, and not as expected."""
    factory, code, error = ENDS[name]
    with Run(factory) as run:
        while not isinstance(notice := run.next(), Exited):
            assert isinstance(notice, Ready | Failed)
        assert notice.reason == ExitReason(code=code, error=error)
        assert not notice.reason.expected
    assert run.silent
    assert any(isinstance(each, Failed) for each in run.heard) == bool(error)


def test_what_cannot_be_unpacked_comes_as_text() -> None:
    """An exception that does not survive the way has its traceback all the same."""
    for act, text in ((workers.raise_odd, "two words"), (workers.raise_unpackable, "holds a lock")):
        with Run(acting(act)) as run:
            failed = run.wait_for(Failed)
            assert failed.error is None
            assert text in failed.traceback


def test_kill_ends_at_once() -> None:
    """A process that is killed is told by the name of the signal, and can be told nothing more."""
    with Run(acting(workers.spin)) as run:
        run.wait_for(Ready)
        assert run.runner.kill()
        reason = run.exit().reason
        assert reason == ExitReason(signal="SIGKILL")
        assert str(reason) == "it was killed by SIGKILL"
        run.runner.close()
        assert not run.runner.kill()
        assert not run.runner.terminate()
        run.runner.ask_status()
        run.runner.stop()


@pytest.mark.parametrize("act", [workers.spin, workers.ignore_everything])
def test_terminate_ends_what_does_not_want_to(act: Callable[..., None]) -> None:
    """A worker that hangs in Python code is ended, and known to have been ended by force."""
    with Run(acting(act)) as run:
        run.wait_for(Ready)
        run.runner.stop()
        assert run.runner.terminate()
        reason = run.exit().reason
        assert reason == ExitReason(signal="SIGTERM", asked=True)
        assert not reason.expected


def test_a_worker_that_does_not_answer_shows_its_stacks(capfd: pytest.CaptureFixture[str]) -> None:
    """Stacks that were asked for and did not come are written by other means, before the end."""
    with Run(acting(workers.spin)) as run:
        run.wait_for(Ready)
        assert isinstance(run.runner, ProcessRunner)
        run.runner._unanswered.add(Command.STACKS)
        run.runner.terminate()
        assert run.exit().reason.signal == "SIGTERM"
    assert "in spin" in capfd.readouterr().err


def test_an_event_loop_is_ended_too() -> None:
    """SIGTERM is noticed by a loop that sleeps, and so is the end by force."""
    with Run(acting(workers.run_loop)) as run:
        run.wait_for(Ready)
        run.signal(signal.SIGTERM)
        assert "SIGTERM" in run.wait_for(RecycleWanted).reason
        run.runner.drain()
        assert run.exit().reason.expected
    with Run(acting(workers.sleep_in_loop)) as run:
        run.wait_for(Ready)
        run.runner.terminate()
        assert run.exit().reason.signal == "SIGTERM"


def test_what_was_printed_is_written_before_the_end(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is ended, and not killed, writes out its buffers."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with Run(acting(workers.print_and_spin)) as run:
        run.wait_for(Ready)
        run.runner.terminate()
        run.exit()
    assert capfd.readouterr().out == "last words\n"


def test_terminate_in_the_factory() -> None:
    """A worker that hangs while it is made is ended too."""
    with Run(workers.hang_in_factory) as run:
        run.wait_for(RecycleWanted)
        run.runner.terminate()
        assert run.exit().reason.signal == "SIGTERM"


def test_garbage_in_the_channel_is_skipped() -> None:
    """What is no notice is passed over, and so is what was told already; what follows is heard."""
    with Run(acting(workers.write_garbage)) as run:
        assert run.next() == Ready(run.runner)
        run.drained()
        assert [type(each) for each in run.heard] == [Ready, Exited]


def test_a_worker_that_closes_all_descriptors_ends() -> None:
    """A process that cannot be told anything any more takes its supervisor for gone."""
    with Run(workers.Closing) as run:
        run.wait_for(Ready)
        run.runner.reopen_logs()
        assert run.exit().reason == ExitReason(code=0)


def test_leftover_threads_do_not_keep_the_process(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that returned is gone within a moment, its buffered output written."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with Run(acting(workers.leave_thread)) as run:
        reason = run.exit().reason
    assert reason == ExitReason(code=0)
    out, err = capfd.readouterr()
    assert out == "last words\n"
    assert "clinging" in err


@pytest.mark.parametrize("act", [workers.fork_and_return, workers.fork_unnoticed])
def test_forks_do_not_hide_the_end(act: Callable[..., None]) -> None:
    """A fork that lives on may hold the channel open: the end is told all the same."""
    with Run(acting(act)) as run:
        fork = int(run.wait_for(RecycleWanted).reason)
        try:
            run.runner.kill()
            assert run.exit().reason.signal == "SIGKILL"
        finally:
            os.kill(fork, signal.SIGKILL)


@pytest.mark.parametrize(
    ("act", "status", "printed"),
    [
        (workers.fork_and_exit, 7, ""),
        (workers.fork_and_terminate, -signal.SIGTERM, ""),
        (workers.fork_and_raise, 1, "ValueError: of the fork\n"),
    ],
)
def test_forks_are_processes_like_any_others(
    act: Callable[..., None], status: int, printed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fork that ends says nothing in the worker's name, and SIGTERM ends it as usual."""
    with Run(acting(act)) as run:
        assert run.wait_for(RecycleWanted).reason == str(status)
        assert run.drained().reason.expected
    assert not any(isinstance(each, Failed) for each in run.heard)
    assert capfd.readouterr().err.endswith(printed)


def test_an_end_that_somebody_else_has_waited_for_is_told() -> None:
    """When the exit status is lost, the end is still told, and known not to be known."""
    with Run(acting(workers.ignore_everything)) as run:
        run.wait_for(Ready)
        stolen = threading.Event()

        def steal() -> None:
            os.waitpid(run.pid, 0)
            stolen.set()

        runner = run.runner
        assert isinstance(runner, ProcessRunner)
        thief = threading.Thread(target=steal)
        with runner._process._lock:  # type: ignore[union-attr]
            thief.start()
            run.signal(signal.SIGKILL)
            assert stolen.wait(BOUND_S)
        thief.join()
        reason = run.exit().reason
        assert reason.lost
        assert not reason.expected
        assert not runner.kill()
