"""The signals of a worker's process.

Python runs a signal handler in the main thread, between two steps of it. A main thread that goes to
sleep the moment a signal comes in does not notice, and sleeps on. So another thread is told of each
signal by the system, and nudges the main thread until it has looked.

Source: Python library reference, signal, "Execution of Python signal handlers", `set_wakeup_fd`.
"""

import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from serverkit_supervisor.payload import BLOCKED

_NUDGE: Final = signal.SIGUSR1
_IGNORED: Final = BLOCKED - {signal.SIGTERM, signal.SIGUSR2, _NUDGE}
_FIRST_PAUSE_S: Final = 0.002
_LAST_PAUSE_S: Final = 1.0


class ChildSignals:
    """What signals do in this process, from here on.

    SIGTERM calls `on_term`, in the main thread, soon. SIGUSR2 is free for the stacks. The others
    that are meant for the supervisor, and reach the whole group, do nothing.

    Args:
        on_term: what to do at SIGTERM; may raise in the main thread.

    Owner: the main thread, which makes it, with the signals still blocked.
    """

    def __init__(self, on_term: Callable[[], None]) -> None:
        self._on_term = on_term
        self._main = threading.get_ident()
        self._unseen = False
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._on_term())
        signal.signal(_NUDGE, self._seen)
        self._told, self._telling = socket.socketpair()
        self._telling.setblocking(False)  # noqa: FBT003 - positional only
        signal.set_wakeup_fd(self._telling.fileno(), warn_on_full_buffer=False)
        # It is born with the signals blocked, and so leaves them to the main thread.
        threading.Thread(target=self._watch, name="serverkit-signals", daemon=True).start()

    def unblock(self) -> None:
        """Take signals, also those that came meanwhile. Threads: the main thread."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)

    def raise_term(self) -> None:
        """Let SIGTERM come, from within. Threads: any."""
        signal.pthread_kill(self._main, signal.SIGTERM)

    def give_up(self) -> None:
        """Leave the signals to a fork, which is no worker's process. Threads: the fork's."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(_NUDGE, signal.SIG_IGN)
        wakeup = signal.set_wakeup_fd(-1)
        if wakeup != self._telling.fileno():  # Others have one of their own.
            signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)

    def _watch(self) -> None:
        while numbers := self._told.recv(4096):
            if signal.SIGTERM in numbers:
                self._nudge()

    def _nudge(self) -> None:
        """Interrupt the main thread until it has run the handlers that are due."""
        self._unseen = True
        pause = _FIRST_PAUSE_S
        while self._unseen and pause <= _LAST_PAUSE_S:
            signal.pthread_kill(self._main, _NUDGE)
            time.sleep(pause)
            pause *= 2

    def _seen(self, _number: int, _frame: object) -> None:
        """Know that the main thread looks: it does so for all signals at once."""
        self._unseen = False
