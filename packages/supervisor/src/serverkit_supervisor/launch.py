"""Starts Python once more, as the process of a worker, and sees it to its end.

Rules:
    The process gets the options, the path, the directory and the environment of this one.
    Signals to the whole group, such as the terminal's SIGINT, reach a process only when it is
    ready for them: it begins with them blocked.
    A signal is never sent to a process that was waited for: its number may be another's by then.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

from serverkit_supervisor.payload import BLOCKED

# Only what is part of the interpreter is used before the path is set.
_BOOTSTRAP: Final = (
    "import marshal, os, sys; payload = os.fdopen(int(sys.argv[3]), 'rb'); "
    "sys.path[:] = marshal.load(payload); "
    "from serverkit_supervisor.child import main; main(payload)"
)

_FLAGS: Final = {
    "bytes_warning": "b",
    "debug": "d",
    "dont_write_bytecode": "B",
    "ignore_environment": "E",
    "isolated": "I",
    "no_site": "S",
    "no_user_site": "s",
    "optimize": "O",
    "quiet": "q",
    "safe_path": "P",
    "verbose": "v",
}


def interpreter_options() -> list[str]:
    """Give the options that this interpreter was started with, for another one.

    Source: Python, "Command line and environment".
    """
    options = [
        f"-{letter * int(getattr(sys.flags, name))}"
        for name, letter in _FLAGS.items()
        if getattr(sys.flags, name)
    ]
    options.extend(f"-W{each}" for each in sys.warnoptions)
    for name, value in sys._xoptions.items():  # noqa: SLF001 - documented, for this very use
        options.extend(("-X", name if value is True else f"{name}={value}"))
    return options


class Launched:
    """A process that was started.

    Owner: the runner. Threads: `send_signal` by any, and by a signal handler; `wait` by
    one.
    """

    def __init__(self, popen: subprocess.Popen[bytes], pidfd: int) -> None:
        self.pid = popen.pid
        self._popen = popen
        self._pidfd = pidfd
        self._lock = threading.RLock()
        self._is_over = False
        self._status: int | None = None

    def fileno(self) -> int:
        """Give a descriptor that is readable once the process has ended; -1: there is none."""
        return self._pidfd

    def send_signal(self, number: int) -> bool:
        """Send a signal; False: the process is no more."""
        with self._lock:
            if self._is_over:
                return False
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)
            return True

    def await_end(self) -> None:
        """Wait for the end of the process. Threads: any."""
        with contextlib.suppress(ChildProcessError):
            if hasattr(os, "waitid"):
                # It stays a zombie, and its number its own, until `wait` holds the lock.
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            else:
                _, self._status = os.waitpid(self.pid, 0)

    def wait(self) -> int | None:
        """Wait for the end of the process, and release what is left of it.

        Returns:
            its status, as `os.waitpid` gives it; None: somebody else has waited for it.
        """
        self.await_end()
        with self._lock:
            if self._status is None:
                with contextlib.suppress(ChildProcessError):
                    _, self._status = os.waitpid(self.pid, 0)
            self._is_over = True
            # So that the object does not try to wait, and warn, for its part.
            code = 0 if self._status is None else os.waitstatus_to_exitcode(self._status)
            self._popen.returncode = code
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1
        return self._status


def launch(descriptors: Sequence[int], passed: Sequence[int], label: str) -> Launched:
    """Start the process of a worker.

    Args:
        descriptors: of the control channel, of the handover (-1: none), of the payload.
        passed: more of them that the process is to have.
        label: what the process is, for who looks at the list of processes.

    Raises:
        OSError: the system gives no process.
    """
    if not sys.executable:
        raise FileNotFoundError("sys.executable is empty: there is no Python to start")
    arguments = [sys.executable, *interpreter_options(), "-c", _BOOTSTRAP]
    arguments.extend(str(each) for each in descriptors)
    arguments.append(label)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        popen = subprocess.Popen(  # noqa: S603 - the same Python as this one
            arguments,
            stdin=subprocess.DEVNULL,
            pass_fds=(*(each for each in descriptors if each >= 0), *passed),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Launched(popen, _open_pidfd(popen.pid))


def _open_pidfd(pid: int) -> int:
    """Open a descriptor of a process; -1 where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1
