"""Hands connections to a worker in another process: the supervisor's end.

What the worker's process has not received stays in the socket between the two. The supervisor keeps
both ends of it open, so it can take that back, whatever became of the worker.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

from serverkit_supervisor.descriptor_messages import (
    PER_MESSAGE,
    SHORT,
    look,
    receive,
    send_connections,
    send_memory,
)
from serverkit_supervisor.free_descriptors import free_descriptors
from serverkit_supervisor.handover import UNTAKEN, Accepted, counted
from serverkit_supervisor.shared_counts import (
    A_TAKING,
    ANY_CHANGE,
    CLOSED,
    SENT,
    TAKEN,
    WANTED,
    SharedCounts,
    make_shared_memory,
)

logger = logging.getLogger("serverkit.supervisor")

_HEARD_BYTES: Final = 4096


def _nobody() -> None:
    """Take word that nobody waits for."""


class ProcessHandover:
    """The way for connections to one worker's process.

    Owner: the runner of the worker, which passes `child_socket` to the process, does not close it
    by itself, and closes the handover when the process is gone and its outlet was removed from the
    distributor.
    """

    def __init__(self) -> None:
        """Open the way.

        Raises:
            OSError: no descriptors are left.
        """
        parent_socket, self.child_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.outlet = ProcessOutlet(parent_socket, self.child_socket)
        except OSError:
            parent_socket.close()
            self.child_socket.close()
            raise

    def close(self) -> None:
        """Close both ends. Connections that wait in between are closed. Repeatable."""
        self.outlet.close()


class ProcessOutlet:
    """The distributor's end. See `Outlet`."""

    def __init__(self, parent_socket: socket.socket, child_socket: socket.socket) -> None:
        """Send the worker's side the memory with the counts.

        Args:
            parent_socket: connected with the other one; both belong to this object.
            child_socket: what the worker's process has a duplicate of.
        """
        self._parent_socket = parent_socket
        self._child_socket = child_socket
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_short = False
        self._call: Callable[[], None] = _nobody
        self._sent = self._open = 0  # Both without what was taken back.
        for end in (parent_socket, child_socket):
            end.setblocking(False)  # noqa: FBT003  the standard library's signature
        memory = make_shared_memory()
        try:
            self._counts = SharedCounts(memory)
            send_memory(parent_socket, memory)
        finally:
            os.close(memory)

    def fileno(self) -> int:
        """Give the descriptor that the worker's side makes readable; -1 after `close`."""
        return self._parent_socket.fileno()

    def give(self, connections: Sequence[Accepted]) -> int:
        """Send connections, and close what was sent."""
        with self._lock:
            if self._is_closed:
                return 0
            room = UNTAKEN - (self._sent - self._counts.numbers[TAKEN])
            count = min(len(connections), room)
            taken = 0
            while taken < count:
                some = connections[taken : min(taken + PER_MESSAGE, count)]
                try:
                    send_connections(self._parent_socket, some)
                except BlockingIOError:
                    break
                except OSError:
                    if not taken:
                        raise
                    break
                taken += len(some)
                self._sent_out(some)
            self._counts.numbers[SENT] = self._sent
        return taken

    def _sent_out(self, connections: Sequence[Accepted]) -> None:
        """Count what was sent, and close it here."""
        self._sent += len(connections)
        self._open += counted(connections)
        for each in connections:
            os.close(each.descriptor)

    def open_count(self) -> int:
        """Say how many were sent and are not closed."""
        with self._lock:
            return 0 if self._is_closed else self._open - self._counts.numbers[CLOSED]

    def take_back(self) -> list[Accepted]:
        """Receive what the worker's process has not received.

        Where there is no room here, it is left to that process, which may have some later.
        """
        with self._lock:
            return [] if self._is_closed else self._take_back()

    def _take_back(self) -> list[Accepted]:
        untaken: list[Accepted] = []
        memory: list[int] = []
        self._is_short = False
        while True:
            try:
                if look(self._child_socket) > free_descriptors():
                    self._is_short = True
                    break
                message = receive(self._child_socket)
            except BlockingIOError:
                break
            if message.is_memory:
                memory = message.descriptors
                continue
            untaken += message.connections()
            self._sent -= message.sent_count()
            self._open -= counted(message.connections())
            if lost := message.lost_count():
                self._open -= lost
                _log_lost(lost)
        self._counts.numbers[SENT] = self._sent
        for descriptor in memory:  # The process has not looked yet; it may still do so.
            send_memory(self._parent_socket, descriptor)
            os.close(descriptor)
        return untaken

    def untaken_count(self) -> int:
        """Say how many were sent and are not received."""
        with self._lock:
            return 0 if self._is_closed else self._sent - self._counts.numbers[TAKEN]

    def call_when_changed(self, call: Callable[[], None], *, or_closed: bool) -> None:
        """Let the worker's process send a byte at the next change; `close` calls."""
        with self._lock:
            self._call = call
            if not self._is_closed:
                self._counts.write(WANTED, ANY_CHANGE if or_closed else A_TAKING)

    def heard(self) -> bool:
        """Take the bytes that the worker's process sent."""
        with self._lock:
            try:
                return SHORT in self._parent_socket.recv(_HEARD_BYTES)
            except OSError:  # None are there; or it was closed.
                return False

    def close(self) -> None:
        """Close everything. Repeatable."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._is_short and (lost := self._sent - self._counts.numbers[TAKEN]) > 0:
                _log_lost(lost)
            self._parent_socket.close()
            self._child_socket.close()
            self._counts.close()
            call = self._call
        call()


def _log_lost(count: int) -> None:
    logger.error("Lost %d connections: no descriptors are left to take them back", count)
