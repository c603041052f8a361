"""The way into an event loop from other threads, which is shut before the loop is closed."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future


class LoopGate:
    """Passes calls from any thread to a loop, as long as that runs.

    `call_soon_threadsafe` is safe only while the loop is open: closing it at the same time breaks
    uvloop on a free-threaded build, and what wakes a closed loop may write to a descriptor whose
    number belongs to somebody else by then. So a call holds a lock, which shutting needs as well.

    Owner: who runs the loop, and opens the gate. Threads: `open` by that of the loop; everything
    else by any, and by signal handlers: the lock is reentrant, so one that interrupts a call of
    its own thread does not hang.
    """

    __slots__ = ("_lock", "_loop")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # held for as long as something is passed to the loop
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def open(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Pass on what is called during the block, which is to end before the loop is closed."""
        with self._lock:  # so who opens sees what was noted before a call that came too early
            self._loop = loop
        try:
            yield
        finally:
            with self._lock:
                self._loop = None

    def call(self, callback: Callable[[], None]) -> bool:
        """Have the loop call something soon; False: the gate is shut, nothing will be called."""
        with self._lock:
            if self._loop is None:
                return False
            try:
                self._loop.call_soon_threadsafe(callback)
            except RuntimeError:  # closed all the same, by who does not wait for what it runs
                return False
        return True

    def submit[T](self, work: Coroutine[None, None, T]) -> Future[T] | None:
        """Have the loop run a coroutine; None: the gate is shut, the coroutine is closed."""
        with self._lock:
            if self._loop is not None:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        return None
