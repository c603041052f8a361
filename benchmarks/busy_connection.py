"""One busy keep-alive connection, whose latency shows what else the server is busy with."""

import gc
import socket
import statistics
import time
from dataclasses import dataclass
from typing import Self

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWERED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Times from a request to its complete answer, in microseconds."""

    requests: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float


class BusyConnection:
    """A client that asks, waits for the answer, and asks again. Owner: one thread."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWERED_WITHIN_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._length = len(first_answer(self._socket))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def ask_for(self, seconds: float) -> Latency:
        """Send requests one after another for that long, and return how long they took.

        Raises:
            ConnectionError: The server closed the connection.
        """
        took: list[int] = []
        gc.disable()  # a pause of ours is not the server's
        try:
            end = time.perf_counter_ns() + int(seconds * 1e9)
            now = time.perf_counter_ns()
            while now < end:
                began = now
                self._socket.sendall(REQUEST)
                left = self._length
                while left > 0:
                    data = self._socket.recv(65_536)
                    if not data:
                        raise ConnectionError("the server closed the busy connection")
                    left -= len(data)
                now = time.perf_counter_ns()
                took.append(now - began)
        finally:
            gc.enable()
        return summarise(took)


def summarise(took_ns: list[int]) -> Latency:
    """Return the percentiles of at least two times."""
    cuts = statistics.quantiles(took_ns, n=1000, method="inclusive")
    return Latency(
        requests=len(took_ns),
        p50_us=statistics.median(took_ns) / 1e3,
        p99_us=cuts[989] / 1e3,
        p999_us=cuts[998] / 1e3,
        max_us=max(took_ns) / 1e3,
    )


def first_answer(connection: socket.socket) -> bytes:
    """Send a request and return its whole answer, which must be 200 with a Content-Length.

    Raises:
        ConnectionError: It was another answer, or none.
    """
    connection.sendall(REQUEST)
    return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """Return one whole answer, head and body, which must be 200 with a Content-Length.

    Raises:
        ConnectionError: It was another answer, or none.
    """
    received = b""
    while True:
        head, found, body = received.partition(b"\r\n\r\n")
        if found:
            fields = [line.partition(b":") for line in head.lower().split(b"\r\n")]
            lengths = [int(value) for name, _, value in fields if name == b"content-length"]
            if not head.startswith(b"HTTP/1.1 200") or len(lengths) != 1:
                raise ConnectionError(f"an unexpected answer: {received[:200]!r}")
            if len(body) >= lengths[0]:
                return received
        data = connection.recv(65_536)
        if not data:
            raise ConnectionError(f"the answer ended early: {received[-200:]!r}")
        received += data
