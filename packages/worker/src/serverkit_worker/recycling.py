"""Asks for a replacement when a worker has served as many requests as it is to serve."""

import random
from collections.abc import Callable


class RequestLimit:
    """Asks once, and lets the worker go on until its replacement is there.

    Owner: the worker's loop thread.

    Attributes:
        requests: how many it is, with the jitter.
    """

    __slots__ = ("_recycle", "requests")

    def __init__(self, requests: int, jitter: float, recycle: Callable[[str], None]) -> None:
        """Draw the jitter.

        Args:
            requests: 1 and up.
            jitter: 0 to 1; the part of `requests` by which it is raised or lowered at most.
            recycle: called with the reason for the log. It returns at once.
        """
        # No secret depends on it.
        spread = random.uniform(-jitter, jitter)  # noqa: S311
        self.requests = max(1, round(requests * (1 + spread)))
        self._recycle: Callable[[str], None] | None = recycle

    def check(self, served: int) -> None:
        """Ask for a replacement, if so many requests are enough."""
        recycle = self._recycle
        if recycle is not None and served >= self.requests:
            self._recycle = None
            recycle(f"it has served {served} requests")
