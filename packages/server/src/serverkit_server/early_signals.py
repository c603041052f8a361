"""Keeps signals that come while the application is imported, until there is who answers them.

What most of them do by themselves is to end the process, and whoever sends one, such as logrotate,
does not know how far a server is.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Final, Self

from serverkit_supervisor.signals import SIGNAL_COMMANDS

# The end is not put off, and nobody is told of children yet.
_KEPT: Final = tuple(
    int(getattr(signal, row.signal))
    for row in SIGNAL_COMMANDS
    if row.command not in ("shutdown", "reap") and hasattr(signal, row.signal)
)


class EarlySignals:
    """Takes signals that have no handler, until `release`. Use it as a context manager.

    Off the main thread nothing happens.

    Owner: who made it. Threads: the main thread.
    """

    def __init__(self) -> None:
        self._held: dict[int, signal.Handlers] = {}
        self._came: dict[int, None] = {}

    def __enter__(self) -> Self:
        """Begin. A handler that somebody else has set stays."""
        if threading.current_thread() is threading.main_thread():
            for each in _KEPT:
                before = signal.getsignal(each)
                if isinstance(before, signal.Handlers):
                    signal.signal(each, self._keep)
                    self._held[each] = before
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Forget those that came."""
        self.release()

    def release(self) -> None:
        """Take no more, and leave signals as they were; but not one that was set meanwhile."""
        for each, before in self._held.items():
            if signal.getsignal(each) == self._keep:
                signal.signal(each, before)
        self._held.clear()

    def send_again(self) -> None:
        """Send those that came to whoever handles them now."""
        for each in self._came:
            signal.raise_signal(each)
        self._came.clear()

    def _keep(self, number: int, _frame: FrameType | None) -> None:
        self._came[number] = None
