"""Signals that the main thread would not notice, and a thread that sees to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial

import pytest

from serverkit_supervisor.signal_thread import WAKING, SignalThread

WAIT_S = 60.0
# A signal that the system gives to another thread than the main one does not end a wait of that.
ELSEWHERE = """
import signal, sys, threading, time
from serverkit_supervisor.signals import supervised

drains = threading.Event()

class Target:
    def shutdown(self):
        print("drains", flush=True)
        drains.set()
    def kill_all(self): pass
    graceful_reload = add_worker = remove_worker = reopen_logs = kill_all

def send():
    time.sleep(0.2)  # until the main thread waits
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    drains.wait(600)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(600)

with supervised(Target()):
    threading.Thread(target=send, daemon=True).start()
    {wait}
"""
WAITS = {
    "sleep": "time.sleep(600)",
    "lock": "threading.Event().wait(600)",
    "queue": "import queue; queue.SimpleQueue().get(timeout=600)",
    "select": "import select; select.select([], [], [], 600)",
}


@pytest.mark.slow
@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_to_another_thread_is_handled_at_once(wait: str) -> None:
    """Whatever the main thread waits for: both signals are handled, long before the wait ends."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ELSEWHERE.format(wait=WAITS[wait])],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (done.returncode, done.stdout) == (1, "drains\n")
    assert done.stderr == "serverkit: SIGTERM came a second time, so it ends at once.\n"


# The same, where the program leaves SIGINT as it is and runs a supervisor.
CTRL_C = """
import signal, socket, threading, time
from serverkit_supervisor import Supervisor, SupervisorConfig
from tests.supervisor.echo_workers import Echo

def send(event):
    if event.kind == "ready":
        time.sleep(0.2)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

def tell(event):
    threading.Thread(target=send, args=(event,), daemon=True).start()

with socket.create_server(("127.0.0.1", 0)) as listener:
    Supervisor(Echo, SupervisorConfig(), mode="thread", on_event=tell).run([listener])
"""


@pytest.mark.slow
def test_ctrl_c_to_another_thread_ends_a_supervisor_at_once() -> None:
    """Not when something else happens to wake it, which may be never."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CTRL_C],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_nothing_is_left() -> None:
    """Afterwards no signal is listened to, and every descriptor is closed."""
    thread = SignalThread({signal.SIGHUP})
    descriptors = (thread._reading, thread._writing)
    done = threading.Event()
    thread.order(done.set)
    assert done.wait(WAIT_S)
    thread.end()
    assert signal.set_wakeup_fd(-1) == -1
    assert WAKING is not None
    assert signal.getsignal(WAKING) is signal.SIG_DFL
    for each in descriptors:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(each)


def test_what_was_asked_for_last_is_carried_out() -> None:
    """A command that is given just before the end is not lost."""
    done: list[int] = []
    thread = SignalThread(())
    for number in range(1000):
        thread.order(partial(done.append, number))
    thread.end()
    assert done == list(range(1000))


def test_who_listens_already_goes_on_to() -> None:
    """A loop that listens for signals, and a handler for the one that wakes, stay as they are."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)  # noqa: FBT003
        signal.set_wakeup_fd(writer.fileno())
        try:
            thread = SignalThread({signal.SIGHUP})
            thread.end()
        finally:
            assert signal.set_wakeup_fd(-1) == writer.fileno()
    assert WAKING is not None
    signal.signal(WAKING, print)
    try:
        thread = SignalThread({signal.SIGHUP})
        assert signal.getsignal(WAKING) is print
        thread.end()
        assert signal.getsignal(WAKING) is print
    finally:
        signal.signal(WAKING, signal.SIG_DFL)


def test_who_listens_later_goes_on_to() -> None:
    """A loop that began to listen meanwhile is not deprived of it at the end."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)  # noqa: FBT003
        thread = SignalThread({signal.SIGHUP})
        signal.set_wakeup_fd(writer.fileno())
        thread.end()
        assert signal.set_wakeup_fd(-1) == writer.fileno()
