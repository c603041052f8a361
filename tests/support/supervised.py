"""What tests do with a server of several workers: meet them, reload them, end them."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from benchmarks import census, process_tree
from benchmarks.exact_client import FRESH_PROBE, KEEP_ALIVE, PROBE, SHORT, ClientKind
from benchmarks.exact_load import ExactLoad
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import WAIT_S, ServerProcess

APP = "tests.support.apps.supervised:app"
LONG_S = 2 * WAIT_S
"""How long it may take until all workers do something, beside clients at full speed."""
CLIENTS: Mapping[ClientKind, int] = {KEEP_ALIVE: 4, SHORT: 2, PROBE: 2, FRESH_PROBE: 2}
PACED: Mapping[ClientKind, int] = {PROBE: 2, FRESH_PROBE: 2}
"""Those that leave the machine to others, for what takes long or is no matter of speed."""


def port_of(server: ServerProcess) -> int:
    """Return the port of a server that listens on TCP."""
    address = server.address
    assert not isinstance(address, str)
    return address[1]


def load_on(server: ServerProcess, clients: Mapping[ClientKind, int] = CLIENTS) -> ExactLoad:
    """Return clients that ask as fast as they can, or at a steady pace, and count exactly."""
    return ExactLoad(("127.0.0.1", port_of(server)), clients, patience_s=WAIT_S)


def meet(server: ServerProcess, count: int, *, but_not: int = 0) -> frozenset[census.Worker]:
    """Return the workers once that many answer, apart from those of one process."""
    return census.meet(port_of(server), count, within_s=LONG_S, but_not=but_not)


def reload(server: ServerProcess) -> None:
    """Reload by SIGHUP, and return when only new workers with new code answer."""
    old = census.ask_at_once(port_of(server))
    server.send_signal(signal.SIGHUP)
    census.until_replaced(port_of(server), old, within_s=LONG_S)
    generation = census.ask(port_of(server)).generation
    assert generation not in {one.generation for one in old}, "the new workers have the old code"


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for what tells nobody when it happens."""
    deadline = time.monotonic() + LONG_S
    while not done():
        assert time.monotonic() < deadline, f"waited {LONG_S:g} s for {what}"
        time.sleep(0.02)


@contextmanager
def slow_requests(
    server: ServerProcess, calls: Path, count: int, *, ms: int = 0, until_there: Path | None = None
) -> Iterator[list[RawClient]]:
    """Send requests that take so long, or until a file is there, each on a connection of its own.

    All are in work.
    """
    waits_for = f"ms={ms}" if until_there is None else f"until={quote(str(until_there))}"
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server.address)) for _number in range(count)]
        for client in clients:
            client.send(request(f"/slow?{waits_for}"))
        until(lambda: len(calls_noted(calls)) == count, f"{count} slow requests")
        yield clients


def calls_noted(file: Path) -> list[int]:
    """Return which processes have noted calls of `/slow`, one for each."""
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def lives(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def descriptors_of(pid: int) -> int:
    """Return how many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only counted


def threads_of(pid: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - only counted


class Family:
    """A server's processes as they are now, known by descriptors that no later process takes.

    Owner: one test; a context manager, which kills those that still live.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.pids = process_tree.members(server.pid)
        self._descriptors: list[int] = []
        for pid in self.pids:
            with suppress(ProcessLookupError):  # it has ended since it was listed
                self._descriptors.append(os.pidfd_open(pid))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave nobody behind."""
        for descriptor in self._descriptors:
            if descriptor in self.living():
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)

    def living(self, within_s: float = 0.0) -> list[int]:
        """Return the descriptors of those that still live after that time."""
        deadline = time.monotonic() + within_s
        return [one for one in self._descriptors if not ended(one, deadline)]


def ended(descriptor: int, deadline: float) -> bool:
    """Say whether a process ends before a time of the monotonic clock."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1e3))
