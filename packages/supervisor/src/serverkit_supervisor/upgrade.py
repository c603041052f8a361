"""Starts the program anew in the place of this one, with the same sockets and no gap.

In order: the new process inherits the listening sockets; it says when it serves; then the old one
finishes what it has accepted, and ends. Whoever connects meanwhile waits in the queue of sockets
that both have open. A new process that ends, or takes too long, changes nothing.

Rules:
    Only one of them may fail to the outside, and that is never the old one.
    Nothing here blocks who asks: a thread waits for the new process.
"""

import contextlib
import enum
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from serverkit_supervisor.exit_reason import signal_name
from serverkit_supervisor.inheritance import READY, UPGRADE_VARIABLE, bequest

_LOG = logging.getLogger("serverkit.supervisor")

# Meant for this process alone; without WATCHDOG_PID the watchdog hears whoever is the service.
_OF_THIS_PROCESS: Final = frozenset(
    {UPGRADE_VARIABLE, "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_PID"}
)
_TERMINATE_S: Final = 5.0


class Process(Protocol):
    """A process that was started; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its number."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code; below 0: the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: it has not ended in time.
        """

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it has not ended."""


type Spawn = Callable[[Sequence[str], Mapping[str, str], str | None, Sequence[int]], Process]
"""Starts a process: command, environment, folder if it is known, descriptors it inherits."""


class UpgradeState(enum.Enum):
    """How far it is."""

    IDLE = "no new process"
    STARTING = "a new process starts"
    DONE = "the new process serves"
    REFUSED = "this process ends"


class Upgrade:
    """Starts the program anew, when it is asked to.

    The new process gets the environment with which this one was started: what this one has read
    from files meanwhile would win over what stands there now. Make it before the program has
    changed its folder.

    Args:
        sockets: gives the listening sockets, each with the address it was opened for.
        on_ready: called once with the process id of the new process when it serves, by a thread of
            its own: this process is to finish now, and to leave to the new one what both own.
        startup_timeout: seconds that the new process may take to serve.
        notes: gives what the new process is to know, as JSON.
        command: what to start; None: the command line of this process.
        environment: the variables of the new process; None: those this one was started with.
        spawn: starts a process.

    Owner: who made it. Every method may be called from any thread; `cancel` also by a signal
    handler.
    """

    def __init__(
        self,
        *,
        sockets: Callable[[], Sequence[tuple[str, int]]],
        on_ready: Callable[[int], None],
        startup_timeout: float,
        notes: Callable[[], Mapping[str, object]] = dict,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        spawn: Spawn | None = None,
    ) -> None:
        self._sockets = sockets
        self._notes = notes
        self._on_ready = on_ready
        self._startup_timeout = startup_timeout
        self._command = own_command() if command is None else list(command)
        variables = initial_environment() if environment is None else environment
        self._environment = {k: v for k, v in variables.items() if k not in _OF_THIS_PROCESS}
        self._folder = _folder_of_now()
        self._spawn = spawn or _popen
        self._lock = threading.Lock()  # guards the state; never held while anything waits
        self._state = UpgradeState.IDLE
        self._new_pid = 0

    @property
    def state(self) -> UpgradeState:
        """How far it is."""
        return self._state

    def start(self) -> None:
        """Start the new process. Returns at once; how it went is in the log."""
        if os.getpid() == 1:
            _LOG.warning("No upgrade: process 1 of a container cannot end while others go on.")
            return
        with self._lock:
            state = self._state
            if state is UpgradeState.IDLE:
                self._state = UpgradeState.STARTING
        if state is not UpgradeState.IDLE:
            _LOG.warning("No upgrade: %s already.", state.value)
            return
        try:
            process, ready_fd = self._start_process()
        except (OSError, ValueError) as error:
            self._give_up(f"the new process cannot be started: {error}")
            return
        self._new_pid = process.pid
        _LOG.info("Upgrade: process %d starts in the place of this one.", process.pid)
        threading.Thread(
            target=self._watch, args=(process, ready_fd), name="serverkit-upgrade", daemon=True
        ).start()

    def cancel(self) -> None:
        """End a new process that does not serve yet, and start none from now on."""
        # No lock: a signal handler may have interrupted who holds it.
        if self._state is not UpgradeState.DONE:
            self._state = UpgradeState.REFUSED
            pid = self._new_pid
            if pid:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGTERM)

    def _start_process(self) -> tuple[Process, int]:
        sockets = list(self._sockets())
        reading, writing = os.pipe()
        try:
            message = bequest(sockets, notes=self._notes(), ready_fd=writing)
            environment = {**self._environment, UPGRADE_VARIABLE: message}
            inherits = (writing, *(fd for _, fd in sockets))
            process = self._spawn(self._command, environment, self._folder, inherits)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return process, reading

    def _watch(self, process: Process, ready_fd: int) -> None:
        """See the new process through its start, then hand over, or end it."""
        try:
            answer = self._wait_for_answer(ready_fd)
        finally:
            os.close(ready_fd)
        with self._lock:
            if answer == READY and self._state is UpgradeState.STARTING:
                self._state = UpgradeState.DONE
        if self._state is UpgradeState.DONE:
            self._hand_over(process)
            return
        how = _describe(_end(process, is_ending=answer == b""))
        self._new_pid = 0
        if answer is None:
            how = f"did not serve within {self._startup_timeout:g} s and was ended"
        self._give_up(f"process {process.pid} {how}")

    def _wait_for_answer(self, ready_fd: int) -> bytes | None:
        """Wait for the word of the new process; empty: it has ended, None: it takes too long."""
        news = select.poll()
        news.register(ready_fd, select.POLLIN)
        if self._state is UpgradeState.STARTING and news.poll(self._startup_timeout * 1000):
            return os.read(ready_fd, len(READY))
        return None

    def _hand_over(self, process: Process) -> None:
        _LOG.info("Upgrade: process %d serves; this one finishes and ends.", process.pid)
        try:
            self._on_ready(process.pid)
        except Exception:  # noqa: BLE001 - it is logged, and the new process serves in any case
            _LOG.exception("Handing over to process %d failed.", process.pid)
        _LOG.error("The new process %d %s.", process.pid, _describe(process.wait()))

    def _give_up(self, why: str) -> None:
        with self._lock:
            is_over = self._state is not UpgradeState.STARTING
            if not is_over:
                self._state = UpgradeState.IDLE
        if not is_over:
            _LOG.error("The upgrade failed, this process goes on to serve: %s.", why)


def own_command() -> list[str]:
    """Give the command line this process was started with, with a Python that can be found."""
    python, *arguments = sys.orig_argv or [""]
    return [python if shutil.which(python) else sys.executable, *arguments]


def _folder_of_now() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as it is, links and all
    except OSError:
        return None  # It has been removed.


def initial_environment() -> dict[str, str]:
    """Give the environment this process was started with; as it is now where nobody knows."""
    try:
        text = Path("/proc/self/environ").read_bytes()
    except OSError:
        text = b""
    pairs = (os.fsdecode(each).partition("=") for each in text.split(b"\0") if b"=" in each)
    return {name: value for name, _, value in pairs} or dict(os.environ)


def _popen(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: str | None,
    inherits: Sequence[int],
) -> Process:
    return subprocess.Popen(  # noqa: S603 - the program itself
        command,
        env=environment,
        cwd=folder,
        pass_fds=inherits,
        stdin=subprocess.DEVNULL,
    )


def _end(process: Process, *, is_ending: bool) -> int:
    """End a process that has no more to do, and return its exit code."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_ending:
            process.send_signal(number)
        is_ending = False
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_TERMINATE_S)
    return process.wait()


def _describe(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal_name(-code)}"
