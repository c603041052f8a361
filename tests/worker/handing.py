"""Somebody who accepts connections and hands them to a worker."""

import contextlib
import socket
import threading
from collections import deque
from types import TracebackType
from typing import NamedTuple, Self, override

from tests.worker.running import Client, listening


class HandedSocket(socket.socket):
    """A connection that notes when it is let go."""

    ended: list[str] | None = None

    @override
    def close(self) -> None:
        self._note("closed")
        super().close()

    @override
    def detach(self) -> int:
        self._note("detached")
        return super().detach()

    def _note(self, how: str) -> None:
        if self.ended is not None and self.fileno() >= 0:
            self.ended.append(how)


class Handed(NamedTuple):
    """One connection, as a worker is given it."""

    socket: socket.socket
    listener: int
    surplus: bool


class Handing:
    """A listening socket whose connections are handed over, and the worker's end of that.

    Attributes:
        ended: how each connection was let go, in order.
    """

    def __init__(self) -> None:
        self.listener = listening()
        self.ended: list[str] = []
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._waiting: deque[Handed] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each in (*(handed.socket for handed in self.take_back()), self.listener):
            each.close()
        self._reading.close()
        self._writing.close()

    def client(self, *, surplus: bool = False) -> Client:
        """Connect a client, and hand its connection over."""
        client = Client(self.listener.getsockname())
        self.hand_over(surplus=surplus)
        return client

    def hand_over(self, *, surplus: bool = False) -> None:
        """Accept one connection and hand it over."""
        self.give(self.listener.accept()[0], surplus=surplus)

    def give(self, accepted: socket.socket, *, surplus: bool = False, wakes: bool = True) -> None:
        """Hand a connection over, and wake the worker."""
        handed = HandedSocket(accepted.family, accepted.type, fileno=accepted.detach())
        handed.ended = self.ended
        with self._lock:
            self._waiting.append(Handed(handed, 0, surplus))
        if wakes:
            self._writing.send(b"x")

    def take_back(self) -> list[Handed]:
        """Return what was not taken."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        return waiting

    # The worker's end

    def fileno(self) -> int:
        """Return a descriptor that is readable while connections wait."""
        return self._reading.fileno()

    def receive(self) -> list[Handed]:
        """Return those that wait."""
        with self._lock:
            with contextlib.suppress(BlockingIOError):
                self._reading.recv(10_000)
            waiting = list(self._waiting)
            self._waiting.clear()
        return waiting
