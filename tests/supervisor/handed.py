"""Connections to hand over, workers that answer them, and clients that count: for several tests."""

import contextlib
import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from serverkit_supervisor.contract import ConnectionSource, HandedConnection
from serverkit_supervisor.handover import Accepted
from serverkit_supervisor.process_handover import ProcessHandover
from serverkit_supervisor.process_source import ProcessConnectionSource
from serverkit_supervisor.thread_handover import ThreadHandover

BOUND_S = 60.0
type Handover = ThreadHandover | ProcessHandover


def accepted(*, listener: int = 0, surplus: bool = False) -> tuple[socket.socket, Accepted]:
    """A client, and its connection as it was accepted."""
    client, server = socket.socketpair()
    client.settimeout(BOUND_S)
    return client, Accepted(server.detach(), int(socket.AF_UNIX), listener, surplus)


def open_descriptors() -> set[str]:
    """The descriptors of this process, with what they stand for."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # That of the listing itself.
            found.add(f"{path.name} {path.readlink()}")
    return found


def close_all(clients: Iterable[socket.socket]) -> None:
    """Close all of them."""
    for client in clients:
        client.close()


def is_readable(descriptor: int, within_s: float = 0) -> bool:
    """Whether there is something to read, now or within a time."""
    return bool(select.select([descriptor], [], [], within_s)[0])


def source_of(handover: Handover) -> ConnectionSource:
    """The worker's end, here in this process."""
    if isinstance(handover, ThreadHandover):
        return handover.source
    descriptor = os.dup(handover.child_socket.fileno())
    return ProcessConnectionSource(socket.socket(fileno=descriptor))


@contextlib.contextmanager
def handed_over(kind: type[Handover]) -> Iterator[tuple[Handover, ConnectionSource]]:
    """Both ends of a way to a worker; the worker of processes is in this process too."""
    handover = kind()
    source = source_of(handover)
    try:
        yield handover, source
    finally:
        if isinstance(source, ProcessConnectionSource):
            source.close()
        handover.close()


class EchoWorker:
    """A thread that takes the connections of a source, and answers each with its name.

    Attributes:
        taken: what it took, as long as it is open.
    """

    def __init__(
        self,
        source: ConnectionSource,
        name: bytes = b"worker",
        serve: Callable[[HandedConnection], None] | None = None,
    ) -> None:
        self._source = source
        self._name = name
        self._serve = serve or self._answer
        self.taken: list[HandedConnection] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while (connection := self._source.accept()) is not None:
            self._serve(connection)

    def _answer(self, connection: HandedConnection) -> None:
        self.taken.append(connection)
        connection.socket.send(self._name)

    def close(self) -> None:
        """Let it end, and close what it has."""
        self._source.stop()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        for connection in self.taken:
            connection.socket.close()


class Changes:
    """Takes word of changes, for who waits for them."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self) -> None:
        self._words.put(None)

    def wait(self) -> None:
        """Wait for one."""
        self._words.get(timeout=BOUND_S)

    def count(self) -> int:
        """How many there are that nobody waited for."""
        return self._words.qsize()
