"""The one way in which anything reaches the thread that supervises.

Rules:
    Whoever has something to say posts it and goes on; nobody waits for the supervisor.
    The owner of the state is the one who receives. So nothing of it needs a lock.
"""

import queue
import threading


class Mailbox[Message]:
    """A queue that many post to and one receives from.

    Threads: `post` by any thread, also within a signal handler that interrupted a `post` or a
    `receive` (`queue.SimpleQueue` is reentrant); `receive` by one thread.
    """

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def post(self, message: Message) -> None:
        """Leave a message; returns at once."""
        self._queue.put(message)

    def receive(self, timeout_s: float | None) -> Message | None:
        """Wait for the next message.

        Args:
            timeout_s: seconds; 0 or less: only look; None: as long as it takes.

        Returns:
            The oldest message; None: there was none in time.
        """
        try:
            if timeout_s is None:
                return self._queue.get()
            if timeout_s <= 0:
                return self._queue.get_nowait()
            return self._queue.get(timeout=min(timeout_s, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None
