"""Signals to a process, and what they command."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from serverkit_supervisor.signals import SIGNAL_COMMANDS, supervised

WAIT_S = 30.0


class Target:
    """Notes what it is told, and by which thread."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def _note(self, what: str) -> None:
        self.told.put((what, threading.current_thread().name))

    def shutdown(self) -> None:
        self._note("shutdown")

    def kill_all(self) -> None:
        self._note("kill_all")

    def graceful_reload(self) -> None:
        self._note("graceful_reload")

    def add_worker(self) -> None:
        self._note("add_worker")

    def remove_worker(self) -> None:
        self._note("remove_worker")

    def reopen_logs(self) -> None:
        self._note("reopen_logs")

    def upgrade(self) -> None:
        self._note("upgrade")

    def reap(self) -> None:
        self._note("reap")

    def next(self) -> tuple[str, str]:
        """Wait for what it is told next."""
        return self.told.get(timeout=WAIT_S)


def send(name: str) -> None:
    """Send a signal to this process."""
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize("row", SIGNAL_COMMANDS, ids=lambda row: row.signal)
def test_every_signal_has_its_command(row: object) -> None:
    """A signal calls what the table says: the end and reaping in place, the rest by a thread."""
    assert row in SIGNAL_COMMANDS
    found = next(each for each in SIGNAL_COMMANDS if each == row)
    target = Target()
    with supervised(target, upgrade=target.upgrade, reap=target.reap):
        send(found.signal)
        what, thread = target.next()
    assert what == found.command
    in_place = found.command in ("shutdown", "reap")
    assert thread == (threading.main_thread().name if in_place else "serverkit-signals")


def test_the_table_lacks_none() -> None:
    """Every signal by which servers are commanded is in the table, once."""
    assert sorted(row.signal for row in SIGNAL_COMMANDS) == [
        "SIGCHLD",
        "SIGHUP",
        "SIGINT",
        "SIGTERM",
        "SIGTTIN",
        "SIGTTOU",
        "SIGUSR1",
        "SIGUSR2",
    ]


def test_handlers_are_put_back() -> None:
    """Afterwards every signal does what it did before, and no thread is left."""
    numbers = [getattr(signal, row.signal) for row in SIGNAL_COMMANDS]
    before = [signal.getsignal(number) for number in numbers]
    target = Target()
    with supervised(target, reap=target.reap):
        assert all(signal.getsignal(number) not in before for number in numbers)
    assert [signal.getsignal(number) for number in numbers] == before
    assert not [each for each in threading.enumerate() if each.name.startswith("serverkit-")]


def test_off_the_main_thread_nothing_is_handled() -> None:
    """Where signals cannot be handled the block runs all the same, with no handler."""
    before = signal.getsignal(signal.SIGHUP)
    seen: list[object] = []

    def run() -> None:
        with supervised(Target()):
            seen.append(signal.getsignal(signal.SIGHUP))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(WAIT_S)
    assert seen == [before]


def test_a_program_keeps_its_own_handlers() -> None:
    """A handler that the program has set for another signal than the end stays, and works."""
    called: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: called.append(number))
    try:
        target = Target()
        with supervised(target):
            send("SIGUSR1")
            send("SIGHUP")
            assert target.next()[0] == "graceful_reload"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert called == [signal.SIGUSR1]


def test_commands_come_in_order_and_survive_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """A command that raises is told of in the log, and those after it are carried out."""

    class Failing(Target):
        def add_worker(self) -> None:
            raise RuntimeError("no worker for you")

    target = Failing()
    with supervised(target):
        for name in ("SIGHUP", "SIGTTIN", "SIGTTOU"):
            send(name)
        assert [target.next()[0] for _ in range(2)] == ["graceful_reload", "remove_worker"]
    assert "no worker for you" in caplog.text


def test_an_upgrade_that_cannot_be_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Without anybody to upgrade, SIGUSR2 leads to one line in the log and nothing else."""
    caplog.set_level(logging.WARNING, "serverkit.supervisor")
    with supervised(Target()):
        send("SIGUSR2")
    assert "SIGUSR2 is ignored" in caplog.text


def test_a_command_may_come_while_one_is_carried_out() -> None:
    """Handlers never wait for a command that takes its time, nor does the end."""
    entered, goes_on = threading.Event(), threading.Event()

    class Slow(Target):
        def reopen_logs(self) -> None:
            entered.set()
            goes_on.wait(WAIT_S)
            super().reopen_logs()

    target = Slow()
    with supervised(target):
        send("SIGUSR1")
        assert entered.wait(WAIT_S)
        send("SIGHUP")
        send("SIGTERM")
        assert target.next()[0] == "shutdown"
        goes_on.set()
        assert [target.next()[0] for _ in range(2)] == ["reopen_logs", "graceful_reload"]


SECOND = """
import os, signal, threading
from serverkit_supervisor.signals import supervised

class Target:
    def shutdown(self):
        print("drains")
        drains.set()
    def kill_all(self): print("kills")
    graceful_reload = add_worker = remove_worker = reopen_logs = shutdown

def clean_up():
    print("cleans up")
    {failure}

drains = threading.Event()
with supervised(Target(), on_second=clean_up):
    os.kill(os.getpid(), signal.{first})
    drains.wait(30)
    print("goes on")
    os.kill(os.getpid(), signal.{second})
    threading.Event().wait(30)
"""


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["", "raise RuntimeError"])
@pytest.mark.parametrize("names", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGTERM")])
def test_the_second_time_ends_at_once(names: tuple[str, str], failure: str) -> None:
    """A second SIGTERM or SIGINT kills the workers, cleans up, flushes and ends with 1."""
    first, second = names
    code = SECOND.format(first=first, second=second, failure=failure)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 1
    assert done.stdout.split("\n")[:-1] == ["drains", "goes on", "kills", "cleans up"]
    assert done.stderr == f"serverkit: {second} came a second time, so it ends at once.\n"


def test_a_storm_of_signals_harms_nobody() -> None:
    """Handlers that interrupt whatever runs, at any instruction, deadlock nothing."""
    target = Target()
    ended = threading.Event()

    def storm(send_one: Callable[[str], None]) -> None:
        for _ in range(500):
            send_one("SIGHUP")
        ended.set()

    with supervised(target):
        sender = threading.Thread(target=storm, args=(send,))
        sender.start()
        busy: queue.SimpleQueue[int] = queue.SimpleQueue()
        while not ended.is_set():
            busy.put(len(threading.enumerate()))  # which takes locks all the time
            busy.get()
        sender.join(WAIT_S)
        assert target.next()[0] == "graceful_reload"


FORKED = """
import os, signal, threading
from serverkit_supervisor.signals import supervised

class Target:
    def shutdown(self): print("drains", flush=True)
    def kill_all(self): print("kills", flush=True)
    graceful_reload = add_worker = remove_worker = reopen_logs = shutdown

with supervised(Target(), on_second=lambda: print("cleans up", flush=True)):
    pid = os.fork()
    if pid == 0:
        try:
            os.kill(os.getpid(), signal.{name})
            os._exit(7)
        except KeyboardInterrupt:
            os._exit(8)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [("SIGTERM", -signal.SIGTERM), ("SIGINT", 8), ("SIGHUP", -signal.SIGHUP), ("SIGCHLD", 7)],
)
def test_a_forked_process_commands_nobody(name: str, code: int) -> None:
    """A signal to a process that was forked has the effect there that it had before."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED.format(name=name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{code}\n", "")


IN_TERMINAL = """
import fcntl, os, sys, termios, threading
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its own from now on
from serverkit_supervisor.signals import supervised

done, report = threading.Event(), int(sys.argv[1])

class Target:
    def shutdown(self):
        os.write(report, b"shutdown ")
        done.set()
    def graceful_reload(self): os.write(report, b"reload ")
    kill_all = add_worker = remove_worker = reopen_logs = graceful_reload

with supervised(Target()):
    os.write(report, b"ready ")
    done.wait(60)
"""


@pytest.mark.slow
def test_a_terminal_that_is_gone_is_the_end() -> None:
    """SIGHUP by a person is a reload; by the system, when the terminal is closed, the end."""
    reading, writing = os.pipe()
    terminal, inside = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, str(writing)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        pass_fds=[writing],
        start_new_session=True,
    ) as process:
        try:
            os.close(inside)
            os.close(writing)
            assert os.read(reading, 100) == b"ready "
            process.send_signal(signal.SIGHUP)
            assert os.read(reading, 100) == b"reload "
            os.close(terminal)
            assert os.read(reading, 100) == b"shutdown "
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
            os.close(reading)
