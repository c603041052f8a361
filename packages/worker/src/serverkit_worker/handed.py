"""Takes the connections that somebody else has accepted and hands to this worker."""

import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from serverkit_worker.readers import Readers


class HandedConnection(Protocol):
    """One connection that is handed over."""

    @property
    def socket(self) -> socket.socket:
        """The connection, non-blocking; who takes it closes it."""

    @property
    def listener(self) -> int:
        """Which of the listening sockets it came to, counted from 0."""

    @property
    def surplus(self) -> bool:
        """Whether it is one too many: to be refused in the words of the protocol."""


class ConnectionSource(Protocol):
    """Where connections are handed over. Who made it closes it.

    Threads: that of the worker which takes them.
    """

    def fileno(self) -> int:
        """Return a descriptor that is readable while connections wait."""

    def receive(self) -> Sequence[HandedConnection]:
        """Return those that wait, none if there are none. Never blocks, raises nothing."""


class HandedConnections:
    """Takes connections from a source as they come.

    Owner: the worker; the loop thread only.
    """

    def __init__(
        self,
        readers: Readers,
        source: ConnectionSource,
        admit: Callable[[HandedConnection], None],
    ) -> None:
        """Prepare to take.

        Args:
            readers: of the loop that serves the connections.
            source: of the connections.
            admit: takes over each one.
        """
        self._readers = readers
        self._source = source
        self._admit = admit
        self._descriptor = -1

    def start(self) -> None:
        """Take from now on."""
        self._descriptor = self._source.fileno()
        self._readers.add(self._descriptor, self.take_waiting)

    def take_waiting(self) -> bool:
        """Take those that wait; return whether there were any."""
        handed = self._source.receive()
        for connection in handed:
            self._admit(connection)
        return bool(handed)

    def close(self) -> None:
        """Take nothing any more; what waits is left to the other side. Repeatable."""
        if self._descriptor >= 0:
            self._readers.remove(self._descriptor)
            self._descriptor = -1
