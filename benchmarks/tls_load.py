"""The client of `benchmarks.tls` for new connections: shake hands, ask once, be closed, again.

A process of its own, on a core of its own, with a thread for each connection at a time. Each line
on stdin is a number of seconds: for so long it opens connections, and then prints what it counted
as JSON. It ends with stdin. Run as `python -m benchmarks.tls_load PORT AT_A_TIME new|resumed`.
"""

import itertools
import json
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.certificate import trusting_context
from benchmarks.tally import latencies

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
ANSWERED_WITHIN_S = 10.0


class WrongAnswerError(Exception):
    """The server did not answer 200. Says what came."""


class Visitor:
    """Opens one connection after another. Owner: one thread at a time.

    Attributes:
        took_ns: How long each took, from connect to the end.
        resumed: How many of them took up the session of the one before.
        agreed: TLS version and cipher suite of the last.
    """

    def __init__(self, port: int, *, resume: bool) -> None:
        self.took_ns: list[int] = []
        self.resumed = 0
        self.agreed = ""
        self._port = port
        self._resume = resume
        self._session: ssl.SSLSession | None = None
        self._context = trusting_context()

    def visit_until(self, end: float) -> None:
        """Open connections until that time of the monotonic clock.

        Raises:
            OSError: One failed.
            WrongAnswerError: One was not answered 200.
        """
        while time.monotonic() < end:
            began = time.perf_counter_ns()
            self.visit()
            self.took_ns.append(time.perf_counter_ns() - began)

    def visit(self) -> None:
        """Open a connection, have one request answered, and wait for its end."""
        with (
            socket.create_connection(("127.0.0.1", self._port), ANSWERED_WITHIN_S) as connection,
            self._context.wrap_socket(connection, session=self._session) as secured,
        ):
            self.resumed += bool(secured.session_reused)
            secured.sendall(REQUEST)
            answer = secured.recv(65_536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise WrongAnswerError(repr(answer[:100]))
            if self._resume:  # each ticket is used once, as browsers do
                self._session = secured.session  # before an end that may spoil it
            cipher = secured.cipher()
            self.agreed = f"{secured.version()} {cipher[0] if cipher else ''}"
            while secured.recv(65_536):
                pass


def run(pool: ThreadPoolExecutor, visitors: list[Visitor], seconds: float) -> dict[str, object]:
    """Open connections for that long, and return what was seen."""
    for visitor in visitors:
        visitor.took_ns.clear()
        visitor.resumed = 0
    used, began = time.process_time(), time.monotonic()
    ended = [pool.submit(visitor.visit_until, began + seconds) for visitor in visitors]
    for one in ended:
        one.result()
    elapsed = time.monotonic() - began
    took = list(itertools.chain.from_iterable(visitor.took_ns for visitor in visitors))
    seen = latencies(took)
    resumed = sum(visitor.resumed for visitor in visitors) / max(1, len(took))
    return {
        "requests": len(took),
        "seconds": elapsed,
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "max_ms": seen.max_ms,
        "own_cpu_share": (time.process_time() - used) / elapsed,
        "remark": f"{visitors[0].agreed}, {resumed:.0%} resumed",
    }


def main() -> int:
    """Do what the command line says."""
    port, at_a_time, kind = sys.argv[1:]
    resume = {"new": False, "resumed": True}[kind]
    visitors = [Visitor(int(port), resume=resume) for _number in range(int(at_a_time))]
    try:
        for visitor in visitors:
            visitor.visit()
        print("ready", flush=True)
        with ThreadPoolExecutor(len(visitors)) as pool:
            for line in sys.stdin:
                print(json.dumps(run(pool, visitors, float(line))), flush=True)
    except (OSError, WrongAnswerError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
