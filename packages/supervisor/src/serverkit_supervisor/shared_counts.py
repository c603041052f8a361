"""Numbers that a worker's process and its supervisor both see, without a system call.

Rules:
    Each number has one writer, `WANTED` excepted: the supervisor sets it, the worker clears it and
    then sends a byte. Numbers are totals, so that none is missed when they are read rarely.
    Who sets `WANTED` reads the totals after that, and who changes a total reads `WANTED` after
    that: one of the two sees what the other wrote. See `SharedCounts.write`.
"""

import mmap
import os
import sys
import tempfile
import threading
from typing import Final

CLOSED: Final = 0
"""Connections that the worker closed. Written by the worker."""
TAKEN: Final = 1
"""Connections that the worker received. Written by the worker."""
SENT: Final = 2
"""Connections that were sent and not taken back. Written by the supervisor."""
WANTED: Final = 3
"""At which change a byte is to be sent: `ANY_CHANGE`, `A_TAKING`, or 0 for none."""

ANY_CHANGE: Final = 1
"""That of `CLOSED` or of `TAKEN`."""
A_TAKING: Final = 2
"""That of `TAKEN` alone."""

_COUNT: Final = 4
_BYTES: Final = _COUNT * 8


def make_shared_memory() -> int:
    """Open the memory, with all numbers 0. The descriptor is the caller's."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("serverkit-counts", os.MFD_CLOEXEC)
    else:  # pragma: no cover  the other systems
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _BYTES)
    return descriptor


class SharedCounts:
    """The numbers, by their names above.

    Owner: one end of a handover. Threads: any.
    """

    __slots__ = ("_fence", "_memory", "numbers")

    def __init__(self, descriptor: int) -> None:
        """Map the memory.

        Args:
            descriptor: of the memory; it stays the caller's, and may be closed at once.
        """
        self._memory = mmap.mmap(descriptor, _BYTES)
        self.numbers = memoryview(self._memory).cast("Q")
        self._fence = threading.Lock()

    def write(self, index: int, value: int) -> None:
        """Write a number, before anything is read that comes after this.

        A processor may read first what stands after a write; but not beyond the taking and giving
        back of a lock.
        """
        self.numbers[index] = value
        with self._fence:
            pass

    def close(self) -> None:
        """Unmap the memory; the numbers cannot be read any more."""
        self.numbers.release()
        self._memory.close()
