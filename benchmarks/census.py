"""Who answers at a server that runs `benchmarks.who_app`: its workers, as its clients meet them."""

import contextlib
import socket
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from benchmarks.busy_connection import read_answer
from benchmarks.server_process import ServerFailedError

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
EVERY_S = 0.01
MANY = 128
IN_A_ROW = 20
"""So many new connections in a row to new workers, and there is no old one."""
DEAD_AFTER = 100
"""So many times in a row without any answer, and nobody is there."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker: the generation of its code, its process and its thread."""

    generation: str
    pid: int
    thread_id: int


def parse(body: bytes) -> Worker:
    """Return the worker that answered so."""
    generation, pid, thread_id = body.decode().split()
    return Worker(generation, int(pid), int(thread_id))


def ask(port: int, *, timeout_s: float = 10.0) -> Worker:
    """Return who answers on a new connection.

    Raises:
        OSError: Nobody does.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(REQUEST)
        return last_answer(connection)


def last_answer(connection: socket.socket) -> Worker:
    """Return who answers, once it has closed the connection too."""
    body = read_answer(connection).partition(b"\r\n\r\n")[2]
    with contextlib.suppress(ConnectionError):
        connection.recv(1)
    return parse(body)


def meet(port: int, count: int, *, within_s: float, but_not: int = 0) -> frozenset[Worker]:
    """Return all the workers, asking on many connections at once until that many were met.

    On more and more of them: where connections go to the worker that has the fewest, a new worker
    gets as many as it takes to catch up with the others before they get the next.

    Args:
        port: Where the server listens.
        count: How many there are.
        within_s: How long to ask.
        but_not: A process that does not count.

    Raises:
        ServerFailedError: There are fewer, or nobody meets all of them in that time.
    """
    met: set[Worker] = set()
    failed, connections = 0, 4 * count
    began = time.monotonic()
    while time.monotonic() < began + within_s and failed < DEAD_AFTER:
        failed += 1
        with contextlib.suppress(OSError):
            met |= {one for one in ask_at_once(port, connections) if one.pid != but_not}
            failed = 0
        if len(met) >= count:
            return frozenset(met)
        connections = min(2 * connections, MANY)
        time.sleep(EVERY_S)
    took = time.monotonic() - began
    raise ServerFailedError(f"{len(met)} of {count} workers were met in {took:.1f} s")


def ask_at_once(port: int, connections: int = MANY // 2) -> set[Worker]:
    """Return who answers on that many new connections, all open at the same time.

    Raises:
        OSError: One was not answered.
    """
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _number in range(connections)
        ]
        for connection in opened:
            connection.sendall(REQUEST)
        return {last_answer(one) for one in opened}


def until_replaced(port: int, old: AbstractSet[Worker], *, within_s: float) -> float:
    """Ask on new connections until only other workers answer.

    Returns:
        For how long some of the old ones, or nobody, answered, in seconds.

    Raises:
        ServerFailedError: They, or nobody, still answer after that time.
    """
    began = since = time.monotonic()
    in_a_row = failed = 0
    while in_a_row < IN_A_ROW:
        now = time.monotonic()
        if now > began + within_s or failed == DEAD_AFTER:
            raise ServerFailedError("old workers, or nobody, answer after the reload")
        failed += 1
        with contextlib.suppress(OSError):
            in_a_row = 0 if ask(port) in old else in_a_row + 1
            failed = 0
        if in_a_row == 1:
            since = time.monotonic()
        time.sleep(max(0.0, now + EVERY_S - time.monotonic()))
    return since - began
