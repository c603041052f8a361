"""Bounds the end of a process in which threads of the application may not end.

Python waits at its end for every thread that is not a daemon, for as long as that takes.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

_PATIENCE_S: Final = 1.0


def bound_end(within_s: float) -> None:
    """Give a process that has ended its work so long for the rest: threads, and what runs at exit.

    Then the threads are left behind with the process, stderr says which, and the exit code is 1.

    Args:
        within_s: from now on, in seconds.

    Threads: any.
    """

    def give_up() -> None:
        names = sorted(each.name for each in _left())
        count = f"{len(names)} thread{'' if len(names) == 1 else 's'}"
        what = f"{count} of the application ({', '.join(names)})" if names else "what runs at exit"
        sys.stderr.write(
            f"Error: {what} did not finish within {within_s:g} s (shutdown_timeout).\n"
            "Code that runs in threads cannot be cancelled; give it timeouts of its own.\n"
        )
        _end_at_once(1)

    _watch(within_s, give_up)


def end_process(exit_code: int) -> NoReturn:
    """End the process after an unclean shutdown, whatever threads the application has left in it.

    They have a moment. Then they are left behind, with what Python does at its end.

    Args:
        exit_code: what the process ends with.

    Raises:
        SystemExit: always.

    Threads: the main thread.
    """
    _watch(_PATIENCE_S, lambda: _end_at_once(exit_code))
    sys.exit(exit_code)


def _watch(within_s: float, give_up: Callable[[], None]) -> None:
    """Call it later, unless the process has ended by then."""
    timer = threading.Timer(within_s, give_up)
    timer.name = "serverkit-process-end"
    timer.daemon = True
    timer.start()


def _left() -> list[threading.Thread]:
    """Return the threads that Python waits for."""
    main = threading.main_thread()
    return [each for each in threading.enumerate() if not each.daemon and each is not main]


def _end_at_once(exit_code: int) -> NoReturn:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)
