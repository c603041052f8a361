"""What Ctrl-C means while a supervisor runs and its program says nothing about it.

Python's own handler would raise KeyboardInterrupt between any two instructions of the supervisor.
It is replaced for the time being, as `asyncio.Runner` does, and by the same conditions. Who has set
a handler keeps it.

The supervisor waits in the main thread, as a rule for long: `SignalThread` sees to it that the
handler runs at once all the same.
"""

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from serverkit_supervisor.signal_thread import SignalThread


class Interrupt:
    """Takes SIGINT for an order while the block runs.

    Owner: the run of the supervisor. Threads: only in the main thread does it do anything.

    Args:
        first: called the first time, by the handler.
        again: called each further time.

    Attributes:
        came: whether it came at all.
    """

    def __init__(self, first: Callable[[], None], again: Callable[[], None]) -> None:
        self._first = first
        self._again = again
        self._is_set = False
        self._thread: SignalThread | None = None
        self.came = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._is_set = True
            with contextlib.suppress(OSError):  # Without descriptors it goes without.
                self._thread = SignalThread({signal.SIGINT})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.end()
        if self._is_set and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        tell = self._again if self.came else self._first
        self.came = True
        tell()
