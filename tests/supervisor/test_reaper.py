"""Processes that have ended and that nobody waits for."""

import subprocess
import sys
from pathlib import Path

import pytest

WAIT_S = 60.0
# Becomes the one who inherits orphans, as process 1 is, without a container.
ADOPT = """
import ctypes, os, select, signal, subprocess, sys, threading, time
from pathlib import Path
from serverkit_supervisor.reaper import Reaper
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER

def orphan(code):
    "Have a process whose parent is gone, and give its number."
    reading, writing = os.pipe()
    line = f"import os; os.write({writing}, b'%d' % os.getpid()); os.read(0, 1); os._exit({code})"
    mid = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {line!r}], pass_fds=[{writing}]); "
        "import os; os._exit(0)"
    )
    holds, lets_go = os.pipe()
    subprocess.run([sys.executable, "-c", mid], stdin=holds, pass_fds=[writing], check=True)
    os.close(holds)
    os.close(writing)
    pid = int(os.read(reading, 20))
    os.close(reading)
    return pid, lets_go

def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"

def wait_for(pid, wanted):
    end = time.monotonic() + 40
    while state(pid) != wanted:
        assert time.monotonic() < end, (pid, state(pid), wanted)
        select.select([], [], [], 0.01)
"""
needs_linux = pytest.mark.skipif(
    not Path("/proc/self/stat").exists() or sys.platform != "linux",
    reason="who has no parent has no other than process 1",
)


def run(code: str) -> str:
    """Run code in a process that inherits orphans; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ADOPT + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@needs_linux
@pytest.mark.slow
def test_strangers_are_removed() -> None:
    """An orphan that ends is removed, be it dead already at the start or dying later."""
    run("""
early, lets_go = orphan(3)
os.close(lets_go)
wait_for(early, "Z")
with Reaper(patience_s=0.1) as reaper:
    wait_for(early, "gone")
    late, lets_go = orphan(4)
    signal.signal(signal.SIGCHLD, lambda *_: reaper.wake())
    os.close(lets_go)
    wait_for(late, "gone")
""")


@needs_linux
@pytest.mark.slow
def test_own_children_keep_their_exit_codes() -> None:
    """The exit code of a child that is waited for late is never taken, if it is known as own.

    Strangers that die meanwhile are removed nevertheless.
    """
    run("""
own = set()
with Reaper(own=lambda: own, patience_s=0.1) as reaper:
    signal.signal(signal.SIGCHLD, lambda *_: reaper.wake())
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    own.add(child.pid)
    wait_for(child.pid, "Z")
    for code in range(3):
        stranger, lets_go = orphan(code)
        os.close(lets_go)
        wait_for(stranger, "gone")
    assert state(child.pid) == "Z"
    assert child.wait() == 7
""")


@needs_linux
@pytest.mark.slow
def test_an_unknown_child_has_time_to_be_waited_for() -> None:
    """A child on no list that is waited for as usual gives its exit code to who waits."""
    run("""
with Reaper(patience_s=30) as reaper:
    signal.signal(signal.SIGCHLD, lambda *_: reaper.wake())
    for code in range(20):
        done = subprocess.run(["sh", "-c", f"exit {code}"])
        assert done.returncode == code
    child = subprocess.Popen(["sh", "-c", "exit 9"])
    wait_for(child.pid, "Z")
    for _ in range(100):
        reaper.wake()
    assert child.wait() == 9
""")


@needs_linux
@pytest.mark.slow
def test_a_list_that_cannot_be_had_does_not_end_it() -> None:
    """Who does not say which children are own is told of in the log, and asked again."""
    output = run("""
import logging
logging.basicConfig(stream=sys.stdout)
asked = threading.Event()
def own():
    if not asked.is_set():
        asked.set()
        raise RuntimeError("who knows")
    return ()
with Reaper(own=own, patience_s=0.1) as reaper:
    assert asked.wait(30)
    signal.signal(signal.SIGCHLD, lambda *_: reaper.wake())
    pid, lets_go = orphan(0)
    os.close(lets_go)
    wait_for(pid, "gone")
""")
    assert "who knows" in output


@needs_linux
@pytest.mark.slow
def test_process_1_removes_strangers() -> None:
    """In a container of its own, process 1 removes orphans as signals tell it of them."""
    code = """
import os, select, signal, subprocess, sys, time
from pathlib import Path
from serverkit_supervisor.reaper import Reaper, is_process_1
from serverkit_supervisor.signals import supervised
assert is_process_1()

class Target:
    def shutdown(self): pass
    kill_all = graceful_reload = add_worker = remove_worker = reopen_logs = shutdown

def zombies():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found += [int(name)] if fields[0] == "Z" else []
    return found

reading, writing = os.pipe()
with Reaper(patience_s=2) as reaper, supervised(Target(), reap=reaper.wake):
    line = f"(sh -c 'echo orphan >&{writing}' &)"
    done = subprocess.run(["sh", "-c", line + "; exit 5"], pass_fds=[writing])
    assert done.returncode == 5
    assert os.read(reading, 20) == b"orphan\\n"
    os.close(writing)
    assert os.read(reading, 20) == b""  # it has ended
    end = time.monotonic() + 40
    while zombies():
        assert time.monotonic() < end, zombies()
        select.select([], [], [], 0.01)
"""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=WAIT_S)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user cannot make a process 1 of its own")
    done = subprocess.run(
        [*command, sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
