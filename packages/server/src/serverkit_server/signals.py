"""Turns SIGINT and SIGTERM into a drain, and the second of them into the end.

Rules:
    Handlers run between any two instructions of the main thread, also while an application blocks
    it. They take no lock and call no logger.
    Afterwards the handlers are those from before.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stop_on_signals(drain: Callable[[], None], clean_up: Callable[[], None]) -> Iterator[None]:
    """Watch for signals while the block runs; off the main thread there is nothing to watch.

    Args:
        drain: called at the first signal. It returns at once.
        clean_up: called at the second, just before the process ends with exit code 1.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_draining = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal is_draining
        if is_draining:
            _end_at_once(signal.Signals(number).name, clean_up)
        is_draining = True
        drain()

    before = {number: signal.signal(number, handle) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: a handler that is not Python's, which Python cannot put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end_at_once(name: str, clean_up: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        clean_up()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"serverkit: {name} came a second time, so it ends at once.\n".encode())
    os._exit(1)
