"""Knows, at nearly no cost, whether the process has room for some more descriptors.

A descriptor that arrives where there is no room for it is lost, and the connection with it: the
system closes it. So who receives descriptors asks before.

Source: proc_pid_fd(5): from Linux 6.2 on the size of the folder is the number of descriptors.
"""

import resource
import sys
from pathlib import Path
from typing import Final

# Others in the process open descriptors too, between two measurements: counted on is only this
# part of what was free.
_PART: Final = 4


class FreeDescriptors:
    """How many descriptors can be taken without looking again.

    Owner: who receives descriptors; one thread at a time.
    """

    __slots__ = ("_sure",)

    def __init__(self) -> None:
        self._sure = 0

    def have_room_for(self, count: int) -> bool:
        """Say whether so many descriptors may come."""
        if self._sure >= count:
            return True
        free = free_descriptors()
        self._sure = free // _PART
        return free >= count

    def look_again(self) -> None:
        """Forget what was known: there was no room where there should have been."""
        self._sure = 0

    def took(self, count: int) -> None:
        """Take note that so many came."""
        self._sure -= count


def free_descriptors() -> int:
    """Count the descriptors that this process may still open; at most, as others open some too."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        if sys.platform == "linux" and (taken := Path("/proc/self/fd").stat().st_size):
            return limit - taken
        return limit - sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:  # There is not even one to look with.
        return 0
