"""A program that starts anew in its own place."""

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from serverkit_supervisor.inheritance import UPGRADE_VARIABLE, inherited
from serverkit_supervisor.upgrade import Upgrade, UpgradeState, own_command

WAIT_S = 30.0
# What the new process does in these tests, after it has taken over.
START = """
import os, socket, sys
from serverkit_supervisor.inheritance import inherited
found = inherited()
assert inherited() is None and "SERVERKIT_UPGRADE" not in os.environ
"""


class OldOne:
    """A process that upgrades, and what it is told."""

    def __init__(self, code: str, *, startup_timeout: float = WAIT_S) -> None:
        self.ready: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.upgrade = Upgrade(
            sockets=lambda: [("web", self.listener.fileno())],
            on_ready=self.ready.put,
            startup_timeout=startup_timeout,
            notes=lambda: {"greeting": "hello"},
            command=[sys.executable, "-W", "error", "-c", START + code],
        )

    def ask(self) -> bytes:
        """Connect and read until the end."""
        with socket.create_connection(self.listener.getsockname(), WAIT_S) as client:
            received = b""
            while data := client.recv(100):
                received += data
            return received


def wait_for(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until a line is in the log."""
    lock = threading.Event()
    for _ in range(3000):
        if text in caplog.text:
            return
        lock.wait(0.01)
    raise AssertionError(f"{text!r} is not in the log:\n{caplog.text}")


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Keep everything that is logged."""
    caplog.set_level(logging.DEBUG, "serverkit.supervisor")
    return caplog


SERVE_ONE = """
((address, fd),) = found.sockets
assert address == "web" and found.notes == {"greeting": "hello"}
assert not os.get_inheritable(fd) and not os.get_inheritable(found.ready_fd)
assert found.predecessor == os.getppid()
listener = socket.socket(fileno=fd)
found.say_ready()
client, _ = listener.accept()
client.sendall(str(os.getpid()).encode())
client.close()
listener.close()
"""


@pytest.mark.slow
def test_the_new_process_serves(log: pytest.LogCaptureFixture) -> None:
    """It inherits the sockets and notes, says that it is ready, and then the old one is told."""
    old = OldOne(SERVE_ONE)
    with old.listener:
        old.upgrade.start()
        pid = old.ready.get(timeout=WAIT_S)
        assert old.upgrade.state is UpgradeState.DONE
        assert old.ask() == str(pid).encode()
        wait_for(log, f"The new process {pid} ended with exit code 0.")
        old.upgrade.start()
        assert "No upgrade: the new process serves already." in log.text
        old.upgrade.cancel()
        assert old.upgrade.state is UpgradeState.DONE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit(3)", "ended with exit code 3"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("os.close(found.ready_fd); import select; select.select([], [], [])", "SIGKILL"),
    ],
)
def test_a_new_process_that_ends_changes_nothing(
    code: str, reason: str, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is not told, goes on, says why in one line, and may try again."""
    monkeypatch.setattr("serverkit_supervisor.upgrade._TERMINATE_S", 0.5)
    old = OldOne(code)
    with old.listener:
        for attempt in (1, 2):
            old.upgrade.start()
            for _ in range(3000):
                if log.text.count("The upgrade failed, this process goes on to serve") == attempt:
                    break
                threading.Event().wait(0.01)
            assert old.upgrade.state is UpgradeState.IDLE
        assert log.text.count(reason) == 2
        assert old.ready.empty()


@pytest.mark.slow
def test_a_new_process_that_hangs_is_ended(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not ready in time is ended, though it ignores SIGTERM."""
    monkeypatch.setattr("serverkit_supervisor.upgrade._TERMINATE_S", 0.5)
    code = "import select, signal; signal.signal(15, signal.SIG_IGN); select.select([], [], [])"
    old = OldOne(code, startup_timeout=1.0)
    with old.listener:
        old.upgrade.start()
        wait_for(log, "did not serve within 1 s and was ended")
        assert old.upgrade.state is UpgradeState.IDLE
        assert old.ready.empty()


@pytest.mark.slow
def test_one_at_a_time(log: pytest.LogCaptureFixture) -> None:
    """A second wish while the new process starts is refused, and one that is over ends it."""
    old = OldOne("import select; select.select([], [], [])")
    with old.listener:
        old.upgrade.start()
        old.upgrade.start()
        assert "No upgrade: a new process starts already." in log.text
        old.upgrade.cancel()
        for thread in threading.enumerate():
            if thread.name == "serverkit-upgrade":
                thread.join(WAIT_S)
                assert not thread.is_alive()
        assert old.ready.empty()
        assert "failed" not in log.text
        old.upgrade.start()
        assert "No upgrade: this process ends already." in log.text


def test_what_cannot_be_started(log: pytest.LogCaptureFixture) -> None:
    """A program that is not there any more is a line in the log."""
    upgrade = Upgrade(
        sockets=list,
        on_ready=lambda _pid: None,
        startup_timeout=WAIT_S,
        command=["/nowhere/serverkit"],
    )
    upgrade.start()
    assert "the new process cannot be started: [Errno 2]" in log.text
    assert upgrade.state is UpgradeState.IDLE


def test_process_1_stays(log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container ends with its process 1, so that one is not replaced."""
    old = OldOne("")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with old.listener:
        old.upgrade.start()
    assert "process 1 of a container" in log.text


class NoProcess:
    """A process that has ended with 0."""

    pid = 99_999_999

    def wait(self, timeout: float | None = None) -> int:
        return 0

    def send_signal(self, sig: int) -> None:
        raise AssertionError("it has ended")


def test_what_the_new_process_gets() -> None:
    """It gets the command line, the folder and the environment, but for what is this one's own."""
    started: queue.SimpleQueue[tuple[list[str], dict[str, str], str | None]] = queue.SimpleQueue()

    def spawn(
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: str | None,
        _fds: Sequence[int],
    ) -> NoProcess:
        started.put((list(command), dict(environment), folder))
        return NoProcess()

    folder = str(Path.cwd())
    before = {"WATCHDOG_PID": "1", "LISTEN_PID": "1", "NOTIFY_SOCKET": "/run/notify"}
    upgrade = Upgrade(
        sockets=list,
        on_ready=lambda _pid: None,
        startup_timeout=WAIT_S,
        environment=before,
        spawn=spawn,
    )
    upgrade.start()
    command, environment, where = started.get(timeout=WAIT_S)
    assert (command, where) == (sys.orig_argv, folder)
    message = json.loads(environment.pop(UPGRADE_VARIABLE))
    assert environment == {"NOTIFY_SOCKET": "/run/notify"}
    assert (message["pid"], message["sockets"]) == (os.getpid(), [])


def test_a_python_that_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that goes by another name is started by the Python that runs it."""
    monkeypatch.setattr(sys, "orig_argv", ["shop-server", "-m", "serverkit"])
    assert own_command() == [sys.executable, "-m", "serverkit"]
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "pass"])
    assert own_command() == [sys.executable, "-c", "pass"]


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose folder was removed can be started anew all the same."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    upgrade = Upgrade(sockets=list, on_ready=lambda _pid: None, startup_timeout=WAIT_S)
    assert upgrade.state is UpgradeState.IDLE


@pytest.mark.slow
def test_the_environment_of_the_beginning() -> None:
    """What a program has put into its environment is not what it was started with."""
    code = """
import os
from serverkit_supervisor.upgrade import initial_environment
os.environ["GREETING"], os.environ["ADDED"] = "changed", "1"
found = initial_environment()
assert found["GREETING"] == "as it was, = and all" and "ADDED" not in found, found
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "GREETING": "as it was, = and all"},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '{"sockets": [], "pid": 1}', "descriptor", "null"]
)
def test_what_makes_no_sense_is_ignored(text: str) -> None:
    """A variable from elsewhere hands over nothing, and is removed all the same."""
    if text == "descriptor":
        message = {"sockets": [["web", 999_999]], "pid": 1, "notes": {}, "ready": 999_998}
        text = json.dumps(message)
    environ = {UPGRADE_VARIABLE: text}
    assert inherited(environ) is None
    assert environ == {}


def test_nobody_hears_the_word() -> None:
    """To say ready to an old process that has died meanwhile harms nobody."""
    reading, writing = os.pipe()
    os.close(reading)
    message = {"sockets": [], "pid": 1, "notes": {}, "ready": writing}
    found = inherited({UPGRADE_VARIABLE: json.dumps(message)})
    assert found is not None
    found.say_ready()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(writing)


WHOLE = """
import os, signal, socket, sys, threading
from serverkit_supervisor.signals import supervised
from serverkit_supervisor.upgrade import Upgrade
from serverkit_supervisor.inheritance import inherited

found = inherited()
if found:
    listener = socket.socket(fileno=found.sockets[0][1])
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
stopping = threading.Event()

class Target:
    def shutdown(self):
        stopping.set()
        upgrade.cancel()
        leave.shutdown(socket.SHUT_RDWR)
    def kill_all(self): pass
    graceful_reload = add_worker = remove_worker = reopen_logs = kill_all

leave, _wake = socket.socketpair()
upgrade = Upgrade(
    sockets=lambda: [("web", listener.fileno())],
    on_ready=lambda pid: (stopping.set(), leave.shutdown(socket.SHUT_RDWR)),
    startup_timeout=30,
)
import select
listener.setblocking(False)
with supervised(Target(), upgrade=upgrade.start):
    if found:
        found.say_ready()
    while not stopping.is_set():
        select.select([listener, leave], [], [])
        if stopping.is_set():
            break
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            continue
        client.setblocking(True)
        client.sendall(str(os.getpid()).encode())
        client.close()
os._exit(0)
"""


@pytest.mark.slow
def test_generations_under_load() -> None:
    """A program is replaced again and again; everybody who connects meanwhile is answered."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WHOLE],
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as first:
        group = first.pid
        try:
            assert first.stdout is not None
            address = ("127.0.0.1", int(first.stdout.readline()))
            seen = [_pid_at(address)]
            assert seen == [first.pid]
            for _ in range(3):
                os.kill(seen[-1], signal.SIGUSR2)
                pid = seen[-1]
                end = time.monotonic() + WAIT_S
                while pid in seen and time.monotonic() < end:  # the one before may still accept
                    pid = _pid_at(address)
                seen.append(pid)
            assert len(set(seen)) == 4
            first.wait(WAIT_S)
        finally:
            os.killpg(group, signal.SIGKILL)


def _pid_at(address: tuple[str, int]) -> int:
    with socket.create_connection(address, WAIT_S) as client:
        return int(client.makefile("rb").read())
