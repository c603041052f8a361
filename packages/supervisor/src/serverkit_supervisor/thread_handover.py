"""Hands connections to a worker in another thread of this process.

Rules:
    A connection is in the queue, or the worker has it: one lock decides, nothing else.
    The worker is woken once for however many connections wait.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from serverkit_supervisor.contract import HandedConnection
from serverkit_supervisor.handed_socket import ClosedCount, connection_of
from serverkit_supervisor.handover import UNTAKEN, Accepted, counted
from serverkit_supervisor.wakeup import Wakeup, wait_readable


class ThreadHandover:
    """A queue between the distributor and one worker, with an object for either end.

    Owner: the runner of the worker, which closes it when the worker is gone and its outlet was
    removed from the distributor.
    """

    def __init__(self) -> None:
        queue = _Queue()
        self.outlet = ThreadOutlet(queue)
        self.source = ThreadConnectionSource(queue)

    def close(self) -> None:
        """Release the descriptors, and close the connections in the queue. Repeatable."""
        self.source.stop()
        self.source.wait_left()  # Nobody must wait for a descriptor that is closed: it is reused.
        self.outlet.close()


class _Queue:
    """The connections that wait for the worker, and what both ends know of those it took.

    Owner: the handover. Threads: any; `lock` guards everything.
    """

    __slots__ = (
        "call",
        "closed_count",
        "is_closed",
        "lock",
        "waiting",
        "wakeup",
        "wants_closed",
    )

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.waiting: deque[Accepted] = deque()
        self.wakeup = Wakeup()
        self.closed_count = ClosedCount(self.lock, self.tell_closed)
        self.call: Callable[[], None] | None = None
        self.wants_closed = False
        self.is_closed = False

    def tell(self) -> None:
        """Tell the distributor of a change, where it asked for that."""
        if self.call is not None:
            call, self.call = self.call, None
            call()

    def tell_closed(self) -> None:
        """Tell the distributor that a connection was closed, where it asked for that too."""
        if self.wants_closed:
            self.tell()


class ThreadOutlet:
    """The distributor's end. See `Outlet`."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue
        self._given = 0

    def fileno(self) -> int:
        """There is no descriptor to watch: the worker calls."""
        return -1

    def give(self, connections: Sequence[Accepted]) -> int:
        """Put connections into the queue; wake the worker when it was empty."""
        queue = self._queue
        with queue.lock:
            if queue.is_closed:
                return 0
            taken = connections[: UNTAKEN - len(queue.waiting)]
            was_empty = not queue.waiting
            queue.waiting.extend(taken)
            self._given += counted(taken)
        if was_empty and taken:
            queue.wakeup.set()
        return len(taken)

    def open_count(self) -> int:
        """Say how many were given and are not closed."""
        queue = self._queue  # Without its lock: one number alone changes, and may a moment later.
        return 0 if queue.is_closed else self._given - queue.closed_count.total

    def take_back(self) -> list[Accepted]:
        """Empty the queue."""
        queue = self._queue
        with queue.lock:
            untaken = list(queue.waiting)
            queue.waiting.clear()
            self._given -= counted(untaken)
        return untaken

    def untaken_count(self) -> int:
        """Say how many wait in the queue."""
        return len(self._queue.waiting)

    def call_when_changed(self, call: Callable[[], None], *, or_closed: bool) -> None:
        """Remember whom to call at the next change."""
        with self._queue.lock:
            self._queue.call = call
            self._queue.wants_closed = or_closed

    def heard(self) -> bool:
        """Nothing is said this way."""
        return False

    def close(self) -> None:
        """Take nothing more, and close what waits. Repeatable."""
        for connection in self.take_back():
            os.close(connection.descriptor)
        with self._queue.lock:
            self._queue.is_closed = True
            self._queue.wakeup.close()
            self._queue.tell()


class ThreadConnectionSource:
    """The worker's end. See `ConnectionSource`."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue
        self._is_stopped = False
        self._accepting = threading.Lock()

    def fileno(self) -> int:
        """Give a descriptor that is readable while connections wait. Threads: any."""
        return self._queue.wakeup.fileno()

    def receive(self) -> list[HandedConnection]:
        """Take all that wait. Threads: one at a time."""
        self._queue.wakeup.clear()  # First: who is given now makes it readable again.
        return self._take(UNTAKEN)

    def accept(self) -> HandedConnection | None:
        """Wait for a connection and take it; None once `stop` was called and none waits.

        Threads: any.
        """
        with self._accepting:  # One waits, the others wait for it.
            while True:
                is_stopped = self._is_stopped  # before the look: what waits then is taken
                if taken := self._take(1):
                    return taken[0]
                descriptor = self.fileno()
                if is_stopped or descriptor < 0:  # below 0: closed since the look
                    return None
                wait_readable(descriptor)
                self._queue.wakeup.clear()

    def stop(self) -> None:
        """Let `accept` return None when it has given what waits. Threads: any."""
        self._is_stopped = True
        self._queue.wakeup.set()

    def wait_left(self) -> None:
        """Wait, after `stop`, until nobody is in `accept` any more."""
        with self._accepting:
            pass

    def _take(self, count: int) -> list[HandedConnection]:
        """Take up to so many from the queue, and make sockets of them."""
        queue = self._queue
        with queue.lock:
            taken = list(islice(queue.waiting, count))
            for _ in taken:
                queue.waiting.popleft()
            if taken:
                queue.tell()
        closed_count = queue.closed_count
        return [
            HandedConnection(
                connection_of(each.family, each.descriptor, None if each.surplus else closed_count),
                each.listener,
                each.surplus,
            )
            for each in taken
        ]
