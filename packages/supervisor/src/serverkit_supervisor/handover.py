"""What the distributor of connections asks of a way to a worker."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol


class Accepted(NamedTuple):
    """A connection that was accepted and not yet taken by a worker.

    Whoever holds this owns the descriptor. It is no socket object: one that only passes through
    would be made for nothing.

    Args:
        descriptor: of the connected socket.
        family: of its addresses, such as AF_INET.
        listener: which of the listening sockets it came from, counted from 0; below `LISTENERS`.
        surplus: it is one more than is wished, to be refused by a worker.
    """

    descriptor: int
    family: int
    listener: int
    surplus: bool


LISTENERS: Final = 256
"""So many listening sockets can be told apart: the number travels as one byte."""

UNTAKEN: Final = 128
"""So many connections may wait for one worker, so that a hung one does not swallow them all."""


def counted(connections: Iterable[Accepted]) -> int:
    """Say how many of the connections count as open: the surplus ones do not."""
    return len([each for each in connections if not each.surplus])


class Outlet(Protocol):
    """One worker, as the distributor sees it: where connections can be given.

    Owner: who made it (the worker's runner) and closes it after `AcceptDistributor.remove`.
    Threads: the methods are called by one thread at a time, which holds the distributor's lock.
    """

    def fileno(self) -> int:
        """Give a descriptor that is readable when `heard` should be called; -1 if there is none."""
        ...

    def give(self, connections: Sequence[Accepted]) -> int:
        """Give connections to the worker, in order, without waiting.

        Returns:
            how many were taken: their descriptors are no longer the caller's. Fewer than all, or
            0, where no more may wait for this worker.

        Raises:
            OSError: none was taken, as the system is short of something.
        """
        ...

    def open_count(self) -> int:
        """Say how many connections the worker has that are not closed, with those that wait.

        Surplus ones do not count. 0 after `close`.
        """
        ...

    def untaken_count(self) -> int:
        """Say how many connections wait for the worker to take them."""
        ...

    def take_back(self) -> list[Accepted]:
        """Take back the connections that the worker has not taken.

        What this returns the worker never sees, and the other way round.
        """
        ...

    def call_when_changed(self, call: Callable[[], None], *, or_closed: bool) -> None:
        """Let the next change be told, once: the worker took a connection, or is gone.

        Args:
            call: to be called, by any thread, where the descriptor does not become readable.
            or_closed: that it closed one is a change as well.
        """
        ...

    def heard(self) -> bool:
        """Take what the worker's side said.

        Returns:
            True when it cannot take connections at this moment: give them to others for a while.
        """
        ...
