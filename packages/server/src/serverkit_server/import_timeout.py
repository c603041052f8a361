"""Ends an import that takes too long, with what it was doing, or that nobody waits for any more.

Python can be interrupted on the main thread alone, by a signal whose handler raises. Elsewhere, and
where somebody uses that signal already, an import may take as long as it likes.

Source: Python library reference, signal, "Signals and threads" and `signal.setitimer`; PEP 475.
"""

import contextlib
import importlib
import signal
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from serverkit_server.errors import AppImportError

_NOT_OF_APP = (
    "<frozen importlib",
    str(Path(importlib.__file__).parent),
    str(Path(__file__).parent),
)


# A signal that comes just before something begins to wait does not end that wait: hence once more.
_AGAIN_S: Final = 0.05


class _TookTooLong(BaseException):
    """Not an `Exception`, so that code which forgives those does not go on."""


class ImportCancelled(BaseException):
    """Nobody waits for the import any more. No `Exception`, for the same reason."""


class ImportCanceller:
    """Ends an import, now or as soon as it begins.

    Owner: who made it. Threads: any, for `cancel`; the rest is for `bounded_import`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_importing = False
        self.is_asked = False

    def cancel(self) -> None:
        """End the import, if it is under way or yet to come."""
        with self._lock:
            self.is_asked = True
            if self._is_importing:
                signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)

    def begin(self) -> None:
        """Send the signal from now on."""
        with self._lock:
            if self.is_asked:
                raise ImportCancelled
            self._is_importing = True

    def end(self) -> None:
        """Send it no more."""
        with self._lock:
            self._is_importing = False


@contextlib.contextmanager
def bounded_import(timeout_s: float, canceller: ImportCanceller | None = None) -> Iterator[None]:
    """Let the import of an application in the block take so many seconds at most.

    Raises:
        AppImportError: it took longer. The details are where it was.
        ImportCancelled: the canceller was told to.
    """
    if not _can_be_interrupted():
        yield
        return
    canceller = canceller or ImportCanceller()
    is_over = False

    def give_up(_number: int, _frame: FrameType | None) -> None:
        if not is_over:
            signal.setitimer(signal.ITIMER_REAL, 0)  # The application may clean up in peace.
            raise ImportCancelled if canceller.is_asked else _TookTooLong

    signal.signal(signal.SIGALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout_s, _AGAIN_S)
        canceller.begin()
        yield
        is_over = True
    except _TookTooLong as error:
        _fail(timeout_s, error)
    finally:
        is_over = True
        canceller.end()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # One that is on its way is forgotten.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _can_be_interrupted() -> bool:
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    )


def _fail(timeout_s: float, error: BaseException) -> NoReturn:
    frames = traceback.extract_tb(error.__traceback__)
    kept = [frame for frame in frames if not frame.filename.startswith(_NOT_OF_APP)]
    raise AppImportError(
        f"The application was not imported within {timeout_s:g} s.",
        setting="startup_timeout",
        remedy="Allow it more time with startup_timeout, or let it do less when it is imported.",
        details="".join(["It was here:\n", *traceback.format_list(kept)]).rstrip(),
    ) from None
