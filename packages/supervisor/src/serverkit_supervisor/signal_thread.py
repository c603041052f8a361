"""A thread that sees to it that signals are handled, and carries out what they ask for.

Python runs a handler between two instructions of the main thread. A signal that comes just before
that thread begins to wait for something, or that the system gives to another thread, does not wake
it: the handler runs when the wait is over, be that in ten minutes. So each signal is followed by
another one, which only wakes the main thread, until that is seen to have handled it.

Source: Python library reference, signal, "Execution of Python signal handlers" and
    `signal.set_wakeup_fd`.
"""

import collections
import contextlib
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import Final

_LOG = logging.getLogger("serverkit.supervisor")
# Ignored by default, and not used by anybody else; Go wakes its threads by the same one.
WAKING: Final = getattr(signal, "SIGURG", None)
# How long the main thread has to handle a signal, at first and at last.
_FIRST_PATIENCE_S: Final = 0.02
_LAST_PATIENCE_S: Final = 1.0
# What a command may still need at the end; all of them return at once.
_LAST_COMMAND_S: Final = 5.0
_NO_SIGNAL: Final = 0


class SignalThread:
    """Carries commands out one after another, and wakes the main thread for signals.

    Where another handler or another listener for signals is set already, as by an event loop,
    these stay, and the main thread is not woken.

    Args:
        numbers: the signals to see to.

    Owner: the main thread; `order` may be called by any, and by signal handlers.
    """

    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = frozenset(numbers)
        self._commands: collections.deque[Callable[[], None]] = collections.deque()
        self._handled: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_over = False
        self._main = threading.main_thread().ident
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakes = self._listen()
        self._thread = threading.Thread(target=self._run, name="serverkit-signals", daemon=True)
        self._thread.start()

    def order(self, command: Callable[[], None]) -> None:
        """Have a command carried out; returns at once."""
        self._commands.append(command)
        self._wake_thread()

    def end(self) -> None:
        """Carry out what was asked for, then nothing more."""
        if self._wakes and WAKING is not None:
            if (current := signal.set_wakeup_fd(-1)) != self._writing:
                signal.set_wakeup_fd(current)  # somebody else listens by now
            signal.signal(WAKING, signal.SIG_DFL)
        self._is_over = True
        self._wake_thread()
        self._thread.join(_LAST_COMMAND_S)
        if not self._thread.is_alive():
            os.close(self._reading)
            os.close(self._writing)

    def _listen(self) -> bool:
        """Be told of signals as they come, whatever the main thread does; say whether we are."""
        if WAKING is None or signal.getsignal(WAKING) is not signal.SIG_DFL:
            return False
        before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            return False
        signal.signal(WAKING, self._note_handled)
        return True

    def _note_handled(self, _number: int, _frame: FrameType | None) -> None:
        self._handled.put(None)

    def _wake_thread(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is awake
            os.write(self._writing, bytes([_NO_SIGNAL]))

    def _run(self) -> None:
        while not self._is_over:
            came = os.read(self._reading, 4096)
            self._carry_out()
            if self._wakes and self._numbers.intersection(came):
                self._wake_main()
        self._carry_out()

    def _carry_out(self) -> None:
        while self._commands:
            try:
                self._commands.popleft()()
            except Exception:  # noqa: BLE001 - whatever it is, the next command must come through
                _LOG.exception("A command that was given by a signal failed.")

    def _wake_main(self) -> None:
        """Wake the main thread until it has handled what has come.

        It handles them in one go. So when it has handled the one that wakes it, it has handled
        those before.
        """
        patience_s = _FIRST_PATIENCE_S
        while not self._is_over and self._main is not None and WAKING is not None:
            signal.pthread_kill(self._main, WAKING)
            try:
                self._handled.get(timeout=patience_s)
            except queue.Empty:
                patience_s = min(2 * patience_s, _LAST_PATIENCE_S)
            else:
                return
