"""Turns signals into commands to a supervisor, by one table.

Rules:
    Handlers run between any two instructions of the main thread, also while an application blocks
    it. They take no lock and call no logger: to shut down, and to end at once, is done in place;
    every other command is carried out by a thread of its own, one after another.
    Who has a handler of their own for a signal keeps it, but for SIGINT and SIGTERM.
    A process that is forked from this one commands nobody: signals do there what they did before.
    Afterwards the handlers are those from before.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Final, Literal, NoReturn, Protocol

from serverkit_supervisor.signal_thread import SignalThread

_LOG = logging.getLogger("serverkit.supervisor")

type Command = Literal[
    "shutdown", "graceful_reload", "add_worker", "remove_worker", "reopen_logs", "upgrade", "reap"
]


class SignalTarget(Protocol):
    """Who carries the commands out; a supervisor, or a server that has no workers to supervise.

    Every method returns at once. `shutdown` and `kill_all` are called by signal handlers, so they
    take no lock; the others are called by a thread of their own.
    """

    def shutdown(self) -> None:
        """Let everybody finish what they do, then end."""

    def kill_all(self) -> None:
        """End the processes of all workers, whatever they do."""

    def graceful_reload(self) -> None:
        """Replace all workers by new ones."""

    def add_worker(self) -> None:
        """Have one worker more."""

    def remove_worker(self) -> None:
        """Have one worker less."""

    def reopen_logs(self) -> None:
        """Go on in new log files, for the old ones have been moved away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCommand:
    """One row of the table.

    Attributes:
        signal: its name.
        command: what it asks for.
        help: what happens then, in one sentence.
    """

    signal: str
    command: Command
    help: str


SIGNAL_COMMANDS: Final = (
    SignalCommand(
        signal="SIGTERM",
        command="shutdown",
        help="Finish what is under way, then end; a second one ends everything at once.",
    ),
    SignalCommand(signal="SIGINT", command="shutdown", help="The same; Ctrl-C sends it."),
    SignalCommand(
        signal="SIGHUP",
        command="graceful_reload",
        help="Start new workers with new code, then let the old ones finish. Where the terminal "
        "that the program was started in is gone: as SIGTERM.",
    ),
    SignalCommand(signal="SIGTTIN", command="add_worker", help="One worker more."),
    SignalCommand(signal="SIGTTOU", command="remove_worker", help="One worker less, at least one."),
    SignalCommand(
        signal="SIGUSR1",
        command="reopen_logs",
        help="Open the log files anew, after they have been moved away.",
    ),
    SignalCommand(
        signal="SIGUSR2",
        command="upgrade",
        help="Start the program anew with the same sockets; once it serves, finish and end.",
    ),
    SignalCommand(
        signal="SIGCHLD",
        command="reap",
        help="As process 1: remove processes that have ended and that nobody waits for.",
    ),
)


@contextlib.contextmanager
def supervised(
    target: SignalTarget,
    *,
    on_second: Callable[[], None] | None = None,
    upgrade: Callable[[], None] | None = None,
    reap: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Let signals command the target while the block runs; off the main thread nothing happens.

    Args:
        target: is told what to do.
        on_second: called when the end is asked for a second time, just before the process ends
            with exit code 1: it removes what must not be left behind.
        upgrade: starts the program anew; None: it is said that this cannot be done.
        reap: called when a child has ended, by a handler; None: nobody is told.

    Threads: any. Signals can be handled by the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop = _Stop(target, on_second)
    numbers = {row: _number_of(row) for row in SIGNAL_COMMANDS}
    thread = SignalThread({n for row, n in numbers.items() if n and row.command != "reap"})
    handlers: Mapping[Command, _Handler | None] = {
        "shutdown": stop.handle,
        "graceful_reload": _ordering(thread, _reload_or_end(target)),
        "add_worker": _ordering(thread, target.add_worker),
        "remove_worker": _ordering(thread, target.remove_worker),
        "reopen_logs": _ordering(thread, target.reopen_logs),
        "upgrade": _ordering(thread, upgrade or _say_no_upgrade),
        "reap": _reaping(reap) if reap else None,
    }
    before: dict[int, _Before] = {}
    here = _here_alone(before)
    try:
        for row, number in numbers.items():
            handler = handlers[row.command]
            if number and handler and (row.command == "shutdown" or not _has_handler(number)):
                before[number] = signal.getsignal(number)
                signal.signal(number, here(handler))
        yield
    finally:
        for number, handler_before in before.items():
            # None: a handler that is not Python's, which Python cannot put back.
            signal.signal(number, signal.SIG_DFL if handler_before is None else handler_before)
        thread.end()


type _Handler = Callable[[int, FrameType | None], object]
type _Before = _Handler | int | signal.Handlers | None


class _Stop:
    """The first time a signal asks for the end, and the second time."""

    def __init__(self, target: SignalTarget, on_second: Callable[[], None] | None) -> None:
        self._target = target
        self._on_second = on_second
        self._is_stopping = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if self._is_stopping:
            self._end_at_once(signal.Signals(number).name)
        self._is_stopping = True
        self._target.shutdown()

    def _end_at_once(self, name: str) -> NoReturn:
        with contextlib.suppress(Exception):
            self._target.kill_all()
        with contextlib.suppress(Exception):
            if self._on_second:
                self._on_second()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            os.write(2, f"serverkit: {name} came a second time, so it ends at once.\n".encode())
        os._exit(1)


def _here_alone(before: Mapping[int, _Before]) -> Callable[[_Handler], _Handler]:
    """Make what confines handlers to this process."""
    pid = os.getpid()

    def confine(handler: _Handler) -> _Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            if os.getpid() == pid:
                handler(number, frame)
                return
            earlier = before.get(number)
            if callable(earlier):
                earlier(number, frame)
                return
            signal.signal(number, signal.SIG_DFL if earlier is None else earlier)
            os.kill(os.getpid(), number)

        return handle

    return confine


def _number_of(row: SignalCommand) -> int:
    """Give the number of a signal; 0: not every system has all of them."""
    return int(getattr(signal, row.signal, 0))


def _ordering(thread: SignalThread, command: Callable[[], None]) -> _Handler:
    def handle(_number: int, _frame: FrameType | None) -> None:
        thread.order(command)

    return handle


def _reload_or_end(target: SignalTarget) -> Callable[[], None]:
    """Make what tells the two meanings of SIGHUP apart: its first one is that a terminal is gone.

    Otherwise a program that was started in a terminal would outlive it, and nobody would know.
    """
    terminal = next((fd for fd in (0, 1, 2) if os.isatty(fd)), None)

    def command() -> None:
        if terminal is None or os.isatty(terminal):
            target.graceful_reload()
        else:
            target.shutdown()

    return command


def _reaping(reap: Callable[[], None]) -> _Handler:
    def handle(_number: int, _frame: FrameType | None) -> None:
        reap()

    return handle


def _has_handler(number: int) -> bool:
    """Say whether a program has set a handler of its own."""
    handler = signal.getsignal(number)
    # None: set by other means than Python's signal module, such as faulthandler.register.
    return handler is None or callable(handler)


def _say_no_upgrade() -> None:
    _LOG.warning("SIGUSR2 is ignored: this program cannot be started anew in its place.")
