"""Ends a process in which something does not end."""

import contextlib
import os
import sys
import threading
import time
from typing import Final, NoReturn

_PATIENCE_S: Final = 1.0


def end_process(exit_code: int) -> NoReturn:
    """End the process after an unclean shutdown, whatever threads the application has left in it.

    Python waits at its end for every thread that is not a daemon, for as long as that takes. Where
    there is none to wait for, this is `sys.exit`; otherwise the threads are left behind, with what
    Python does at its end.

    Args:
        exit_code: what the process ends with.

    Raises:
        SystemExit: there is nothing to wait for.

    Threads: the main thread.
    """
    end = time.monotonic() + _PATIENCE_S
    for each in threading.enumerate():
        if not each.daemon and each is not threading.current_thread():
            each.join(max(0.0, end - time.monotonic()))
            if each.is_alive():
                with contextlib.suppress(Exception):
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(exit_code)
    sys.exit(exit_code)
