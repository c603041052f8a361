"""Ends an import that takes too long, with what it was doing.

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
from typing import NoReturn

from serverkit_server.errors import AppImportError

_NOT_OF_APP = (
    "<frozen importlib",
    str(Path(importlib.__file__).parent),
    str(Path(__file__).parent),
)


class _TookTooLong(BaseException):
    """Not an `Exception`, so that code which forgives those does not go on."""


@contextlib.contextmanager
def bounded_import(timeout_s: float) -> Iterator[None]:
    """Let the import of an application in the block take so many seconds at most.

    Raises:
        AppImportError: it took longer. The details are where it was.
    """
    if not _can_be_interrupted():
        yield
        return
    is_over = False

    def give_up(_number: int, _frame: FrameType | None) -> None:
        if not is_over:
            raise _TookTooLong

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
        is_over = True
    except _TookTooLong as error:
        _fail(timeout_s, error)
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
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
