"""Processes of workers whose supervisor is gone."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.supervisor.runs import BOUND_S

# They are to leave within 2 s; on a machine that is busy with other things it may be more.
GONE_S = 60


@contextmanager
def supervising(*names: str) -> Iterator[tuple[subprocess.Popen[str], list[list[int]]]]:
    """Start the program with these workers.

    Yields:
        the program, and for each name the processes: the worker's and what it has started.
    """
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.supervisor.supervising", *names],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pids: list[list[int]] = []
    with program:
        try:
            assert program.stdout is not None
            pids.extend([int(each) for each in program.stdout.readline().split()] for _ in names)
            yield program, pids
        finally:
            program.kill()
            for each in [pid for some in pids for pid in some]:
                if is_there(each):
                    os.kill(each, signal.SIGKILL)


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    return not ends_within(pid, 0)


def ends_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a process that is no child of this one."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def test_workers_do_not_outlive_their_supervisor() -> None:
    """When the supervisor is killed, the workers leave, those too that hang or do not listen."""
    names = ["wait", "spin", "ignore_everything"]
    with supervising(*names) as (program, pids):
        assert all(is_there(pid) for (pid,) in pids)
        program.kill()
        for name, (pid,) in zip(names, pids, strict=True):
            assert ends_within(pid, GONE_S), name


def test_forks_of_the_supervisor_do_not_hide_its_end() -> None:
    """A copy of the supervisor, with all its descriptors, is not the supervisor."""
    with supervising("wait", "fork", "wait") as (program, ((first,), (fork,), (second,))):
        program.kill()
        assert ends_within(first, GONE_S)
        assert ends_within(second, GONE_S)
        assert is_there(fork)


def test_what_a_worker_has_started_does_not_keep_it() -> None:
    """Forks and programs of a worker do not keep it, and are not its supervisor's to end."""
    names = ["fork_and_return", "start_program"]
    with supervising(*names) as (program, pids):
        program.kill()
        for worker, started in pids:
            assert ends_within(worker, GONE_S)
            assert is_there(started)


def test_a_worker_that_was_stopped_meanwhile_leaves_when_it_goes_on() -> None:
    """A worker that did not run when its supervisor ended notices as soon as it does."""
    with supervising("wait") as (program, ((pid,),)):
        os.kill(pid, signal.SIGSTOP)
        program.kill()
        program.wait(BOUND_S)
        os.kill(pid, signal.SIGCONT)
        assert ends_within(pid, GONE_S)
