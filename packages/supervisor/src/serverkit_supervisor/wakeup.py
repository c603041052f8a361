"""Wakes a thread that waits for descriptors.

Source: eventfd(2); where there is none, a pair of sockets does the same.
"""

import contextlib
import os
import select
import socket
import sys
import threading


class Wakeup:
    """A descriptor that is readable from `set` to `clear`.

    Owner: who made it, and closes it. Threads: any, for every method; also after `close`, when
    they do nothing.
    """

    __slots__ = ("_clearing", "_descriptor", "_pair", "_setting")

    def __init__(self) -> None:
        # Never is a descriptor used that another thread may have closed. There are two locks, for
        # who is woken would else wait for who still holds the one.
        self._setting = threading.RLock()  # A finaliser may call `set` where this thread holds it.
        self._clearing = threading.Lock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        if sys.platform == "linux":
            self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:  # pragma: no cover  the other systems
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)  # noqa: FBT003  the standard library's signature
            self._descriptor = self._pair[0].fileno()

    def fileno(self) -> int:
        """Give the descriptor; -1 once it is closed."""
        return self._descriptor

    def set(self) -> None:
        """Make the descriptor readable."""
        with self._setting:
            if self._descriptor < 0:
                return
            try:
                if self._pair is None:
                    os.eventfd_write(self._descriptor, 1)
                else:  # pragma: no cover  the other systems
                    self._pair[1].send(b"\0")
            except BlockingIOError:  # pragma: no cover  it is readable already
                pass

    def clear(self) -> None:
        """Make the descriptor unreadable until the next `set`."""
        with self._clearing:
            if self._descriptor < 0:
                return
            with contextlib.suppress(BlockingIOError):
                os.read(self._descriptor, 4096 if self._pair else 8)

    def close(self) -> None:
        """Release the descriptor. Repeatable."""
        with self._setting, self._clearing:
            if self._descriptor < 0:
                return
            descriptor, self._descriptor = self._descriptor, -1
            if self._pair is None:
                os.close(descriptor)
            else:  # pragma: no cover  the other systems
                for end in self._pair:
                    end.close()


def wait_readable(*descriptors: int) -> None:
    """Wait until one of the descriptors is readable. Threads: any."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    poll.poll()
