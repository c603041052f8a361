"""Receives the connections that are handed to a worker in this process.

Rules:
    Nothing is received while there may be no room for its descriptors: it would be lost. The
    supervisor is told, and takes it back.
"""

import contextlib
import logging
import socket
import threading
import time
from collections import deque
from typing import Final

from serverkit_supervisor.contract import HandedConnection
from serverkit_supervisor.descriptor_messages import CHANGED, PER_MESSAGE, SHORT, Message, receive
from serverkit_supervisor.free_descriptors import FreeDescriptors
from serverkit_supervisor.handed_socket import ClosedCount, connection_of
from serverkit_supervisor.handover import UNTAKEN
from serverkit_supervisor.shared_counts import (
    A_TAKING,
    ANY_CHANGE,
    CLOSED,
    SENT,
    TAKEN,
    WANTED,
    SharedCounts,
)
from serverkit_supervisor.shortage import Shortage
from serverkit_supervisor.wakeup import Wakeup, wait_readable

logger = logging.getLogger("serverkit.supervisor")

# How long the supervisor may take to send the memory, which it does before the process is started.
_GREETING_S: Final = 10.0
# A descriptor that stays readable though nothing can be taken brings its loop back at once: time
# for the supervisor to take the connections back, and for others in this process.
_EASE_S: Final = 0.005


class ProcessConnectionSource:
    """The worker's end of a `ProcessHandover`, in the worker's process. See `ConnectionSource`.

    Owner: the process's main function, which closes it at the end.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Begin to count.

        Args:
            sock: what was passed as `ProcessHandover.child_socket`. It belongs to this object.

        Raises:
            OSError: the other end is not that of a handover.
        """
        self._socket = sock
        sock.settimeout(_GREETING_S)
        greeting = receive(sock)
        sock.setblocking(False)  # noqa: FBT003  the standard library's signature
        if not greeting.is_memory or not greeting.descriptors:
            raise OSError("This is no socket over which connections are handed")
        (memory,) = greeting.descriptors
        try:
            self._counts = SharedCounts(memory)
        finally:
            socket.close(memory)
        self._lock = threading.RLock()
        self._closed_count = ClosedCount(self._lock, self._closed)
        self._taken = 0
        self._free = FreeDescriptors()
        self._shortage = Shortage()
        self._received: deque[HandedConnection] = deque()
        self._accepting = threading.Lock()
        self._stopping = Wakeup()
        self._is_stopped = False
        self._is_closed = False

    def fileno(self) -> int:
        """Give a descriptor that is readable while connections wait. Threads: any."""
        return self._socket.fileno()

    def receive(self) -> list[HandedConnection]:
        """Take those that wait. Threads: one at a time."""
        taken: list[HandedConnection] = []
        while len(taken) < UNTAKEN:
            if not self._free.have_room_for(PER_MESSAGE):
                self._refuse()
                break
            try:
                message = receive(self._socket)
            except BlockingIOError:
                break
            except OSError:
                logger.exception("Cannot receive connections from the supervisor")
                time.sleep(_EASE_S)
                break
            if not message.text:  # The supervisor is gone, and so is this process in a moment.
                time.sleep(_EASE_S)
                break
            taken += self._take(message)
            if self._taken >= self._counts.numbers[SENT]:
                break
        return taken

    def accept(self) -> HandedConnection | None:
        """Wait for a connection and take it.

        None once `stop` was called and none waits. Threads: any, also several at once.
        """
        with self._accepting:  # One waits, the others wait for it.
            while not self._received:
                is_stopped = self._is_stopped  # before the look: what waits then is taken
                self._received.extend(self.receive())
                if not self._received:
                    if is_stopped:
                        return None
                    wait_readable(self.fileno(), self._stopping.fileno())
            return self._received.popleft()

    def stop(self) -> None:
        """Let `accept` return None when it has given what waits. Threads: any."""
        self._is_stopped = True
        self._stopping.set()

    def close(self) -> None:
        """Release the descriptors. Nothing may be received or accepted after it. Repeatable.

        Connections may be closed after it: they are not counted any more.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._counts.close()
        self._stopping.close()
        self._socket.close()

    def _take(self, message: Message) -> list[HandedConnection]:
        """Make sockets of the descriptors of a message."""
        connections = message.connections()
        self._free.took(len(connections))
        if lost := message.lost_count():
            logger.error("Lost %d connections: no descriptors are left for them", lost)
            self._free.look_again()
            self._closed_count.add(lost)
        with self._lock:
            self._taken += message.sent_count()
            self._counts.write(TAKEN, self._taken)
            self._tell_if_wanted(ANY_CHANGE, A_TAKING)
        return [
            HandedConnection(
                connection_of(family, descriptor, None if surplus else self._closed_count),
                listener,
                surplus,
            )
            for descriptor, family, listener, surplus in connections
        ]

    def _refuse(self) -> None:
        """Let the supervisor take back what waits, and say once why."""
        if self._shortage.is_new(time.monotonic()):
            logger.error(
                "Cannot take connections: no descriptors are left. "
                "Raise the limit of open files (ulimit -n), or lower max_connections."
            )
        self._send(SHORT)
        time.sleep(_EASE_S)

    def _closed(self) -> None:
        """Pass on how many were closed. Called with the lock held."""
        if self._is_closed:
            return
        self._counts.write(CLOSED, self._closed_count.total)
        self._tell_if_wanted(ANY_CHANGE)

    def _tell_if_wanted(self, *changes: int) -> None:
        """Tell the supervisor of a change, where it asked for that. With the lock held."""
        numbers = self._counts.numbers
        if numbers[WANTED] in changes:
            numbers[WANTED] = 0
            self._send(CHANGED)

    def _send(self, text: bytes) -> None:
        with contextlib.suppress(OSError):  # It has enough to read; or it is gone.
            self._socket.send(text)
