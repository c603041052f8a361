"""Wakes an event loop when a signal comes, so that its handler runs at once.

Python runs a handler between two instructions of the main thread. A signal that comes a moment
before that thread goes to sleep, or to another thread, finds it asleep and does not wake it.

Source: Python library reference, signal, "Execution of Python signal handlers" and
    `signal.set_wakeup_fd`.
"""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def woken_by_signals() -> Iterator[None]:
    """Let signals wake the running loop while the block runs.

    Off the main thread, and where somebody else sees to it, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    with reader, writer:
        for end in (reader, writer):
            end.setblocking(False)  # noqa: FBT003 - the standard library's signature
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        if before != -1:  # a loop that does it by itself
            signal.set_wakeup_fd(before)
            yield
            return
        loop.add_reader(reader, _empty, reader)
        try:
            yield
        finally:
            loop.remove_reader(reader)
            if (current := signal.set_wakeup_fd(-1)) != writer.fileno():
                signal.set_wakeup_fd(current)  # somebody else has begun to meanwhile


def _empty(reader: socket.socket) -> None:
    """Take what has been written; being awake is all that was wanted."""
    with contextlib.suppress(BlockingIOError, InterruptedError):
        while reader.recv(4096):
            pass
