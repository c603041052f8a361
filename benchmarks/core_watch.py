"""A thread that only wakes up now and then: for how long the machine kept its core from it.

What clients stall while this thread does not wake either is the machine's, not the server's.
"""

import os
import threading
import time
from typing import Self

EVERY_S = 0.005


class CoreWatch:
    """Watches one core; a context manager. Owner: whoever entered it."""

    def __init__(self, core: int) -> None:
        self.longest_gap_s = 0.0
        self._core = core
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch of core {core}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        os.sched_setaffinity(0, {self._core})  # of this thread alone
        last = time.monotonic()
        while not self._stopping.is_set():
            time.sleep(EVERY_S)
            now = time.monotonic()
            self.longest_gap_s = max(self.longest_gap_s, now - last)
            last = now
