"""Says in regular intervals that an event loop is not hung, where somebody wants to know."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Heartbeat:
    """Calls back from the loop, so that a loop which is stuck falls silent.

    A context manager: at the end of the block it stops.

    Owner: the worker's loop thread.
    """

    __slots__ = ("_alive", "_handle", "_interval_s", "_loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, alive: Callable[[], None], interval_s: float | None
    ) -> None:
        """Prepare.

        Args:
            loop: that is watched.
            alive: called by the loop; it returns at once.
            interval_s: seconds from call to call; None: nobody watches, so nothing is done.
        """
        self._loop = loop
        self._alive = alive
        self._interval_s = interval_s
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Call now, and from now on."""
        if self._interval_s is not None:
            self._handle = self._loop.call_later(self._interval_s, self.start)
            self._alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
