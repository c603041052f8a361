"""A program with a supervisor, from outside: signals to it, and its sudden death."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supervisor.supervised import BOUND_S

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
both_modes = pytest.mark.parametrize("mode", ["thread", "process"])


class Program:
    """The program, ready.

    Attributes:
        pids: of its workers.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.port = int(self.line().split()[1])
        self.pids = [int(pid) for pid in self.wait_for("ready").split()[1:]]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait_for(self, kind: str) -> str:
        """Read up to the line that tells of something."""
        while line := self.line():
            if line.split()[:1] == [kind]:
                return line
        raise AssertionError(f"it ended without {kind}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), BOUND_S)

    def rest(self) -> list[str]:
        """Wait for the end; give what it has printed."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        self.process.wait(BOUND_S)
        return text.splitlines()


@contextlib.contextmanager
def program(mode: str, *options: str) -> Iterator[Program]:
    """Run it for the length of the block."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.supervisor.supervised_program",
            mode,
            *options,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Program(process)
        finally:
            process.kill()


@contextlib.contextmanager
def ends_of(pids: list[int]) -> Iterator[list[int]]:
    """Open descriptors that are readable when these processes are gone."""
    found = [os.pidfd_open(pid) for pid in pids]
    try:
        yield found
    finally:
        for each in found:
            os.close(each)


def test_workers_leave_when_their_supervisor_is_killed() -> None:
    """Nobody told them to; one of them has a client that says nothing."""
    with program("process") as running, running.connect() as silent:
        silent.sendall(b"slow")
        assert silent.recv(1) == b"?"
        with ends_of(running.pids) as ends:
            running.process.kill()
            left = set(ends)
            while left:
                gone, _, _ = select.select(left, [], [], BOUND_S)
                assert gone, "they are still there"
                left -= set(gone)

    assert len(running.pids) == 2


@both_modes
def test_ctrl_c_is_a_shutdown_where_nobody_handles_it(mode: str) -> None:
    """All end in order, and then it is the KeyboardInterrupt that the program waits for."""
    with program(mode) as running, running.connect() as client:
        client.sendall(b"slow")
        assert client.recv(1) == b"?"
        running.process.send_signal(signal.SIGINT)
        running.wait_for("stopping")
        client.sendall(b"!")
        assert client.recv(100).endswith(b"slow")
        lines = running.rest()
        assert running.process.stderr is not None
        error = running.process.stderr.read()

    assert "over" not in lines
    assert error.rstrip().endswith("KeyboardInterrupt")
    assert running.process.returncode == -signal.SIGINT


@both_modes
def test_a_second_ctrl_c_aborts_where_nobody_handles_it(mode: str) -> None:
    """It does not wait for the client in hand."""
    with program(mode) as running, running.connect() as client:
        client.sendall(b"slow")
        assert client.recv(1) == b"?"
        running.process.send_signal(signal.SIGINT)
        running.wait_for("closed")
        running.process.send_signal(signal.SIGINT)
        running.rest()

    assert running.process.returncode == -signal.SIGINT


@both_modes
def test_signals_are_commands(mode: str) -> None:
    """Reload, one more, one less, and the end, by signals; the exit code is 0."""
    with program(mode, "signals") as running:
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("reloaded")
        running.process.send_signal(signal.SIGTTIN)
        running.wait_for("worker_started")
        running.process.send_signal(signal.SIGTTOU)
        running.process.send_signal(signal.SIGTERM)
        lines = running.rest()

    assert lines[-1] == "over"
    assert running.process.returncode == 0


def test_the_second_sigterm_ends_it_all_at_once() -> None:
    """Workers are killed, also one that would never have ended."""
    with program("process", "signals") as running, running.connect() as client:
        client.sendall(b"hang")
        with ends_of(running.pids) as ends:
            running.process.send_signal(signal.SIGTERM)
            running.wait_for("stopping")
            running.process.send_signal(signal.SIGTERM)
            running.rest()
            left = set(ends)
            while left:
                gone, _, _ = select.select(left, [], [], BOUND_S)
                assert gone, "they are still there"
                left -= set(gone)

    assert running.process.returncode == 1
