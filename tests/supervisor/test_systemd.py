"""What is said to systemd, and what it hands over."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serverkit_supervisor.systemd import Notifier, listen_fds

WAIT_S = 30.0


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0"))
        listener.settimeout(WAIT_S)
        yield listener


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an address of either kind."""
    if request.param == "path":
        return str(tmp_path / "notify")
    if sys.platform != "linux":
        pytest.skip("only Linux has abstract addresses")
    return f"@serverkit-test-{os.getpid()}"


def test_what_is_said(address: str) -> None:
    """Each state is one datagram in the words of sd_notify(3)."""
    with listening(address) as listener:
        notifier = Notifier({"NOTIFY_SOCKET": address})
        assert notifier.is_enabled
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notifier.ready()
        notifier.ready("2 workers")
        notifier.status("serves\nin two  lines")
        notifier.watchdog()
        notifier.stopping()
        notifier.reloading()
        said = [listener.recv(4096).decode() for _ in range(6)]
        assert said[:5] == [
            "READY=1",
            "READY=1\nSTATUS=2 workers",
            "STATUS=serves in two lines",
            "WATCHDOG=1",
            "STOPPING=1",
        ]
        state, clock = said[5].split("\n")
        assert state == "RELOADING=1"
        name, _, value = clock.partition("=")
        after_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert name == "MONOTONIC_USEC"
        assert before_us <= int(value) <= after_us


def test_who_hands_over_is_silent(address: str) -> None:
    """After another process has been named the service, nothing is said any more."""
    variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"}
    with listening(address) as listener:
        notifier = Notifier(variables)
        notifier.main_pid(4711)
        notifier.stopping()
        notifier.status("gone")
        assert listener.recv(4096) == b"MAINPID=4711"
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.recv(4096)
    assert not notifier.is_enabled
    assert notifier.watchdog_interval_s is None


@pytest.mark.parametrize("text", ["", "relative", "vsock:2:1234"])
def test_nobody_listens(text: str) -> None:
    """Without a socket that can be spoken to nothing is said, and nothing is watched."""
    notifier = Notifier({"NOTIFY_SOCKET": text, "WATCHDOG_USEC": "1000000"})
    assert not notifier.is_enabled
    assert notifier.watchdog_interval_s is None
    notifier.ready()


def test_errors_are_kept_quiet(address: str) -> None:
    """A systemd that has gone away, or does not read, disturbs nobody."""
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    with listening(address):
        for _ in range(5000):  # more than any system's queue of datagrams holds
            notifier.watchdog()


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("3000000", "", 1.5),
        ("3000000", "mine", 1.5),
        ("3000000", "1", None),
        ("", "mine", None),
        ("0", "mine", None),
        ("soon", "mine", None),
    ],
)
def test_the_watchdog(address: str, usec: str, pid: str, interval: float | None) -> None:
    """It is to hear from this process twice as often as it looks, if it watches this process."""
    own = str(os.getpid())
    variables = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": usec,
        "WATCHDOG_PID": own if pid == "mine" else pid,
    }
    assert Notifier(variables).watchdog_interval_s == interval


TAKE = """
import os, socket, subprocess, sys
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"].replace("mine", str(os.getpid()))
from serverkit_supervisor.systemd import listen_fds
found = listen_fds()
print([tuple(each) for each in found])
print([os.get_inheritable(each.fd) for each in found])
print([name for name in os.environ if name.startswith("LISTEN_")], listen_fds())
"""


def take(environ: dict[str, str], count: int) -> list[str]:
    """Start a process as systemd does, with so many sockets; return the lines it prints."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Descriptors from 3 on, which only a shell can lay out.
        numbers = " ".join(f"{3 + index}<&{listener.fileno()}" for index in range(count))
        script = f'exec "$0" -W error -c "$1" {numbers}'
        done = subprocess.run(
            ["bash", "-c", script, sys.executable, TAKE],
            env={**os.environ, **environ},
            pass_fds=[listener.fileno()],
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_sockets_are_taken_once() -> None:
    """Sockets come with their names, and neither they nor the variables get any further."""
    names = {"LISTEN_FDNAMES": "web:admin"}
    lines = take({"LISTEN_PID": "mine", "LISTEN_FDS": "2", **names}, 2)
    assert lines == ["[(3, 'web'), (4, 'admin')]", "[False, False]", "[] []"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"LISTEN_PID": "mine", "LISTEN_FDS": "1"}, "[(3, 'unknown')]"),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, "[]"),
        ({"LISTEN_PID": "mine", "LISTEN_FDS": "many"}, "[]"),
        ({"LISTEN_PID": "mine", "LISTEN_FDS": "-1"}, "[]"),
    ],
)
def test_variables_that_are_not_for_us(environ: dict[str, str], found: str) -> None:
    """What is meant for another process, or makes no sense, gives no sockets."""
    lines = take(environ, 1)
    assert lines[0] == found
    assert lines[2] == "[] []"


def test_a_descriptor_that_is_not_open(caplog: pytest.LogCaptureFixture) -> None:
    """A count that is too high gives those that are there, and a line in the log."""
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "100000"}
    kept = {fd: os.get_inheritable(fd) for fd in _open_from_3()}
    try:
        found = listen_fds(environ)
    finally:
        for fd, is_inheritable in kept.items():
            os.set_inheritable(fd, is_inheritable)
    assert len(found) < 100_000
    assert "is not open" in caplog.text


def _open_from_3() -> list[int]:
    """Find the descriptors from 3 up to the first that is not open."""
    found: list[int] = []
    fd = 3
    while True:
        try:
            os.fstat(fd)
        except OSError:
            return found
        found.append(fd)
        fd += 1
