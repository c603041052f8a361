"""Turns signals into commands to a supervisor, by one table.

Rules:
    Handlers run between any two instructions of the main thread, also while an application blocks
    it. They take no lock and call no logger: commands are carried out by threads, one after
    another, and to shut down waits for none of the others. Only to end at once is done in place.
    Who has a handler of their own for a signal keeps it, but for SIGINT and SIGTERM.
    Afterwards the handlers are those from before.
"""

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Final, Literal, NoReturn, Protocol

_LOG = logging.getLogger("serverkit.supervisor")
# What a command may still need when the block ends; all of them return at once.
_LAST_COMMAND_S: Final = 5.0

type Command = Literal[
    "shutdown", "graceful_reload", "add_worker", "remove_worker", "reopen_logs", "upgrade", "reap"
]


class SignalTarget(Protocol):
    """Who carries the commands out; a supervisor, or a server that has no workers to supervise.

    Every method returns at once. `kill_all` is called by a signal handler, the others by threads.
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
        help="Start new workers with new code, then let the old ones finish.",
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
    orders, last_orders = _Orders("serverkit-signals"), _Orders("serverkit-shutdown")
    stop = _Stop(target, last_orders, on_second)
    handlers: Mapping[Command, _Handler | None] = {
        "shutdown": stop.handle,
        "graceful_reload": orders.handler(target.graceful_reload),
        "add_worker": orders.handler(target.add_worker),
        "remove_worker": orders.handler(target.remove_worker),
        "reopen_logs": orders.handler(target.reopen_logs),
        "upgrade": orders.handler(upgrade or _say_no_upgrade),
        "reap": _reaping(reap) if reap else None,
    }
    before = {}
    try:
        for row in SIGNAL_COMMANDS:
            number = getattr(signal, row.signal, None)  # not every system has all of them
            handler = handlers[row.command]
            if number and handler and (row.command == "shutdown" or not _has_handler(number)):
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, handler_before in before.items():
            # None: a handler that is not Python's, which Python cannot put back.
            signal.signal(number, signal.SIG_DFL if handler_before is None else handler_before)
        orders.end()
        last_orders.end()


type _Handler = Callable[[int, FrameType | None], None]


class _Orders:
    """Carries commands out in a thread, in the order in which their signals came.

    Owner: the block that handles signals.
    """

    def __init__(self, name: str) -> None:
        # The only queue whose put may interrupt another one of the same thread.
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def handler(self, command: Callable[[], None]) -> _Handler:
        """Make a handler that asks for a command."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self._waiting.put(command)

        return handle

    def end(self) -> None:
        """Carry out what was asked for, then nothing more."""
        self._waiting.put(None)
        self._thread.join(_LAST_COMMAND_S)

    def _run(self) -> None:
        while command := self._waiting.get():
            try:
                command()
            except Exception:  # noqa: BLE001 - whatever it is, the next command must come through
                _LOG.exception("A command that was given by a signal failed.")


class _Stop:
    """The first time a signal asks for the end, and the second time."""

    def __init__(
        self, target: SignalTarget, orders: _Orders, on_second: Callable[[], None] | None
    ) -> None:
        self._target = target
        self._shut_down = orders.handler(target.shutdown)
        self._on_second = on_second
        self._is_stopping = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_stopping:
            self._end_at_once(signal.Signals(number).name)
        self._is_stopping = True
        self._shut_down(number, frame)

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
