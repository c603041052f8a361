"""Tells a new shortage from one that goes on, so that the log has one line for each."""

import errno
from typing import Final

PAUSE_S: Final = 0.1
"""How long whoever is short of something leaves off: to try again at once would fail again."""

SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Descriptors or memory have run out."""

# One that comes again within this time is still the same one.
_SAME_S: Final = 30.0


class Shortage:
    """A kind of shortage, that may come again.

    Owner: who runs short; one thread at a time.
    """

    __slots__ = ("_last_at",)

    def __init__(self) -> None:
        self._last_at = -_SAME_S

    def is_new(self, now: float) -> bool:
        """Take note that there is a shortage; say whether there was none a while ago.

        Args:
            now: monotonic seconds.
        """
        is_new = now - self._last_at >= _SAME_S
        self._last_at = now
        return is_new
