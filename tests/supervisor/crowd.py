"""Workers in processes of their own, and a crowd of clients that connect at full speed."""

import collections
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from serverkit_supervisor.process_handover import ProcessHandover
from tests.supervisor.handed import BOUND_S

CHILD = Path(__file__).with_name("greeting_child.py")


class GreetingProcess:
    """A process that greets the connections it is handed with its pid.

    Args:
        keeps: it keeps them open; otherwise it closes them at once.
        max_descriptors: how many it may open; 0: as many as usual.
    """

    def __init__(self, *, keeps: bool = False, max_descriptors: int = 0) -> None:
        self.handover = ProcessHandover()
        descriptor = self.handover.child_socket.fileno()
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(descriptor), "keep" if keeps else "close"],
            stdin=subprocess.PIPE,
            pass_fds=[descriptor],
        )
        if max_descriptors:
            limits = (max_descriptors, max_descriptors)
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, limits)

    @property
    def name(self) -> bytes:
        """What it greets with."""
        return b"%d" % self.process.pid

    def drain(self) -> None:
        """Let it end when it has greeted everyone it has received."""
        self.process.communicate(timeout=BOUND_S)
        assert self.process.returncode == 0
        self.handover.close()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate(timeout=BOUND_S)

    def taken_count(self) -> int:
        """How many connections it has taken, once it is dead and what it left was taken back."""
        return self.handover.outlet._sent


class Crowd:
    """Clients that connect, read a greeting until the end, and connect again.

    Attributes:
        answers: how often which greeting came; what came from no worker counts as b"".
    """

    def __init__(self, address: tuple[str, int], *, clients: int = 4) -> None:
        self._address = address
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.answers: collections.Counter[bytes] = collections.Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        while not self._ended.is_set():
            answer = greeting_from(self._address)
            with self._lock:
                self.answers[answer] += 1

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more were answered. Bounded by the clients' own time limit."""
        reached = self._count() + count
        while self._count() < reached:
            greeting = greeting_from(self._address)
            with self._lock:
                self.answers[greeting] += 1

    def _count(self) -> int:
        with self._lock:
            return self.answers.total()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * BOUND_S)
            assert not thread.is_alive()


def greeting_from(address: tuple[str, int]) -> bytes:
    """Connect and read until the end; nothing where the connection broke."""
    try:
        with socket.create_connection(address, BOUND_S) as client:
            return b"".join(read_all(client))
    except ConnectionError:
        return b""


def read_all(client: socket.socket) -> Iterator[bytes]:
    """Read until the end."""
    while data := client.recv(100):
        yield data
