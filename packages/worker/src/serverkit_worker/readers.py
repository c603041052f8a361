"""Watches many descriptors for reading, at the price of one.

A loop takes several steps of Python for every descriptor that is ready: it looks it up, puts a
handle into a queue, and runs that in a context. Here all of them are behind one descriptor that the
loop watches, and the kernel says at once which are ready.

Source: epoll(7), "Can I add an epoll file descriptor to another epoll instance?" Yes.
"""

import asyncio
import contextlib
import select
from collections import deque
from collections.abc import Callable
from typing import Final

# So many are called in one turn of the loop, then others have theirs.
_PER_TURN: Final = 64


class Readers:
    """Whom to call when a descriptor is readable.

    Where the system has no epoll, the loop watches each descriptor.

    Owner: the worker; the loop thread only.
    """

    __slots__ = ("_after", "_calls", "_epoll", "_is_calling", "_is_closed", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch nothing yet.

        Args:
            loop: that can watch descriptors.

        Raises:
            OSError: no descriptors are left.
        """
        self._loop = loop
        self._calls: dict[int, Callable[[], object]] = {}
        self._after: deque[Callable[[], object]] = deque()
        self._is_calling = False
        self._is_closed = False
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        if self._epoll is not None:
            loop.add_reader(self._epoll.fileno(), self._call_ready)

    def add(self, descriptor: int, call: Callable[[], object]) -> None:
        """Call each time the descriptor is readable, or its connection broken, until `remove`.

        Args:
            descriptor: not added already.
            call: raises nothing but what is to end the loop.

        Raises:
            OSError: the system cannot watch any more descriptors.
        """
        if self._is_closed:
            return
        if self._epoll is None:
            self._loop.add_reader(descriptor, call)
        else:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._calls[descriptor] = call

    def remove(self, descriptor: int) -> None:
        """Call no more. Repeatable."""
        if self._calls.pop(descriptor, None) is None:
            return
        if self._epoll is None:
            self._loop.remove_reader(descriptor)
            return
        with contextlib.suppress(OSError):  # Somebody else has closed it.
            self._epoll.unregister(descriptor)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Call once, behind all that are called in this turn of the loop, or in its next turn.

        Args:
            call: raises nothing but what is to end the loop.
        """
        if self._is_calling:
            self._after.append(call)
        else:
            self._loop.call_soon(call)

    def close(self) -> None:
        """Call nobody any more, also none that is added afterwards. Repeatable."""
        for descriptor in list(self._calls):
            self.remove(descriptor)
        if self._epoll is not None and not self._is_closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        self._is_closed = True

    def _call_ready(self) -> None:
        """Call for those that are ready. Called by the loop when some are."""
        if self._epoll is None:
            raise AssertionError("only its own descriptor calls this")
        calls = self._calls
        self._is_calling = True
        try:
            for descriptor, _ in self._epoll.poll(0, _PER_TURN):
                call = calls.get(descriptor)
                if call is not None:  # One that was called before it may have had it removed.
                    call()
        finally:
            self._is_calling = False
            if self._after:
                self._call_after()

    def _call_after(self) -> None:
        try:
            while self._after:
                self._after.popleft()()
        finally:
            if self._after:  # Something is to end the loop, which may go round once more.
                self._loop.call_soon(self._call_after)
