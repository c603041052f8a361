"""The interpreter of a worker's process."""

import ast
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serverkit_supervisor.launch import launch
from serverkit_supervisor.notices import Ready, RecycleWanted
from tests.supervisor import process_workers as workers
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run, acting

OPTIONS = [
    [],
    ["-W", "error", "-X", "dev"],
    ["-W", "error::ValueError", "-W", "ignore:some text:DeprecationWarning"],
    ["-O"],
    ["-OO", "-B"],
    ["-bb", "-q"],
    ["-I"],
    ["-E", "-s", "-P"],
    ["-S"],
    ["-X", "faulthandler", "-X", "utf8=1"],
    ["-X", "importtime"],
]
LOOK = """
import sys
sys.path.extend({path})
from serverkit_supervisor.launch import interpreter_options
print([sys.flags, sys.warnoptions, sys._xoptions, interpreter_options()])
"""


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_of_the_interpreter_are_the_same_again(options: list[str]) -> None:
    """Another Python with the same options has the same flags, warnings and -X options."""
    program = LOOK.format(path=[each for each in sys.path if each])

    def look(*arguments: str) -> str:
        command = [sys.executable, *arguments, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    first = look(*options)
    again = ast.literal_eval(first[first.rindex(", [") + 2 : -2])
    assert look(*again) == first


def test_options_of_this_interpreter_reach_the_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Warnings, path, directory, arguments and environment are the parent's of this moment."""
    monkeypatch.setenv("SERVERKIT_TEST_VARIABLE", "carried over")
    monkeypatch.setattr(sys, "argv", ["program", "--option", "\udcff"])
    monkeypatch.setattr(sys, "path", [*sys.path, "/nonexistent/\udcff", str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    with Run(acting(workers.say_surroundings)) as run:
        said = [run.wait_for(RecycleWanted).reason for _ in range(6)]
    flags = sys.flags
    assert said == [
        f"{sys.warnoptions} {sys._xoptions} {flags.optimize} {flags.dev_mode}",
        f"{flags.isolated} {flags.dont_write_bytecode}",
        repr(sys.path),
        str(tmp_path),
        repr(sys.argv),
        "carried over",
    ]


def test_a_path_that_python_does_not_know_by_itself() -> None:
    """The process finds all modules that the program has found, however it came by its path."""
    program = f"""
import sys
sys.path[:0] = {[each for each in sys.path if each]}
from serverkit_supervisor.notices import Ready
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run
with Run(Waiting) as run:
    run.wait_for(Ready)
    print(run.drained().reason)
"""
    command = [sys.executable, "-I", "-S", "-W", "error", "-X", "dev", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert (done.stdout, done.stderr) == ("it returned, as it was asked to\n", "")


def test_a_directory_full_of_modules_of_the_same_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files of the current directory are not taken for those of the standard library."""
    for name in ("socket", "pickle", "threading", "serverkit_supervisor"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('the wrong one')")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    monkeypatch.chdir(tmp_path)
    with Run(Waiting) as run:
        run.wait_for(Ready)
        assert run.drained().reason.expected


def test_the_list_of_processes_shows_what_it_is() -> None:
    """Who looks at the processes of the machine sees which worker each one is."""
    with Run(Waiting, worker_id=4, generation=2, group="pool") as run:
        run.wait_for(Ready)
        arguments = Path(f"/proc/{run.pid}/cmdline").read_bytes().split(b"\0")
    assert b"serverkit worker pool 4 generation 2" in arguments
    assert b"serverkit_supervisor.child" in b" ".join(arguments)


def test_signals_are_blocked_only_meanwhile() -> None:
    """The thread that starts a process takes signals as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with Run(Waiting) as run:
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
        run.wait_for(Ready)


def open_files(pid: int) -> list[str]:
    """Say what the descriptors of a process stand for; those apart that it closes meanwhile."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(each))  # noqa: PTH115 - no path
    return found


def test_programs_of_a_worker_are_normal_ones() -> None:
    """A program that a worker starts has no signal blocked, nor any descriptor of the worker."""
    with Run(acting(workers.start_program)) as run:
        pid = int(run.wait_for(RecycleWanted).reason)
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            blocked = int(status.split("SigBlk:")[1].split()[0], 16)
            files = open_files(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
    assert blocked == 0
    assert not [each for each in files if each.startswith(("socket:", "/memfd:", "anon_inode:"))]


def test_a_process_that_has_ended_gets_no_signals(tmp_path: Path) -> None:
    """Its number may be that of another process by then."""
    with (tmp_path / "no payload").open("w+b") as file:
        process = launch((file.fileno(), -1, file.fileno()), (), "not a worker")
        status = process.wait()
    assert status is not None
    assert os.waitstatus_to_exitcode(status) == 1  # it had nothing to read
    assert process.fileno() == -1
    assert not process.send_signal(signal.SIGKILL)
