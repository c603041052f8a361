"""Imports that take too long."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from serverkit_server.import_timeout import bounded_import
from tests.server.served import BOUND_S

needs_timers = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no such timers"
)
SCRIPT = """
import signal, time
from serverkit_server.errors import AppImportError
from serverkit_server.import_timeout import bounded_import

def hang():
    {hang}

try:
    with bounded_import({bound_s}):
        hang()
except AppImportError as error:
    print(error.setting)
    print(error.message)
    print(error.details)
assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
"""


def outcome(hang: str, *, bound_s: float = 0.1) -> list[str]:
    """Run code under a bound in a process of its own, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(hang=hang, bound_s=bound_s)],
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND_S,
    )
    return done.stdout.splitlines()


@needs_timers
@pytest.mark.slow
@pytest.mark.parametrize(
    "hang",
    [
        f"time.sleep({BOUND_S})",
        "while True: pass",
        "import socket; a, b = socket.socketpair(); a.recv(1)",
        f"try: time.sleep({BOUND_S})\n    except Exception: time.sleep({BOUND_S})",
    ],
    ids=["sleeps", "computes", "waits", "forgives"],
)
def test_ends_what_takes_too_long(hang: str) -> None:
    """Whatever an import does, it is ended, and the error has the frames of the application."""
    setting, message, *details = outcome(hang)
    assert setting == "startup_timeout"
    assert message == "The application was not imported within 0.1 s."
    assert details[0] == "It was here:"
    assert " in hang" in "".join(details)
    assert "import_timeout" not in "".join(details)


@needs_timers
@pytest.mark.slow
def test_leaves_what_is_in_time_alone() -> None:
    """An import that ends in time is not disturbed, and leaves no timer behind."""
    assert outcome("print('imported')", bound_s=BOUND_S) == ["imported"]


@needs_timers
def test_who_uses_the_signal_already_keeps_it() -> None:
    """Where somebody has a handler for the signal, nothing is bounded and nothing changed."""
    before = signal.signal(signal.SIGALRM, handler := lambda *_: None)
    try:
        with bounded_import(1e-6):
            time.sleep(0.001)
            assert signal.getsignal(signal.SIGALRM) is handler
        assert signal.getsignal(signal.SIGALRM) is handler
    finally:
        signal.signal(signal.SIGALRM, before)


def test_other_threads_are_not_bounded() -> None:
    """Off the main thread an import cannot be interrupted, so it goes on."""
    done = threading.Event()

    def work() -> None:
        with bounded_import(1e-6):
            time.sleep(0.001)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(BOUND_S)
    assert done.is_set()
