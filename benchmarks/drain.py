"""SIGTERM while many slow requests are being served: how many lose their answer. Reports only."""

import argparse
import contextlib
import dataclasses
import socket
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import environment
from benchmarks.apps import HELLO
from benchmarks.busy_connection import read_answer
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import SERVERS, by_name

ALL_OPEN_WITHIN_S = 20.0
SPARE_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What was seen of one shutdown.

    Attributes:
        requests: How many were being served at SIGTERM.
        answered: How many were answered, whole and right.
        told_to_close: How many of the answers said `Connection: close`.
        idle_closed: Whether a connection that was idle at SIGTERM was closed.
        lost: Why the others were not answered.
        ended_after_s: Time from SIGTERM to the end of the process; None if it did not end.
        status: Its exit status; None if it did not end.
    """

    requests: int
    answered: int
    told_to_close: int
    idle_closed: bool
    lost: tuple[str, ...]
    ended_after_s: float | None
    status: int | None


def send_slow_requests(server: ServerProcess, count: int, seconds: int) -> list[socket.socket]:
    """Send requests, each on its own connection, and return when the app has them all.

    Raises:
        ServerFailedError: It does not have them all after a while.
    """
    request = f"GET /?seconds={seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    connections = []
    for _number in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=seconds + SPARE_S)
        connection.sendall(request)
        connections.append(connection)
    deadline = time.monotonic() + min(ALL_OPEN_WITHIN_S, seconds)
    while (there := int(server.ask("GET", b"", "/count"))) < count:
        if time.monotonic() > deadline:
            raise ServerFailedError(f"only {there} of {count} requests reached the app in time")
        time.sleep(0.02)
    return connections


def measure(server: ServerProcess, count: int, seconds: int) -> Drain:
    """Send the requests, then SIGTERM, then read the answers."""
    with contextlib.ExitStack() as closing:
        for connection in (slow := send_slow_requests(server, count, seconds)):
            closing.enter_context(connection)
        idle = closing.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        idle.settimeout(seconds + SPARE_S)
        idle.sendall(b"GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_answer(idle)
        server.terminate()
        began = time.monotonic()
        lost: list[str] = []
        heads: list[bytes] = []
        for connection in slow:
            try:
                head, _, body = read_answer(connection).partition(b"\r\n\r\n")
            except OSError as error:
                lost.append(repr(error))
                continue
            if body == HELLO:
                heads.append(head.lower())
            else:
                lost.append(f"another body: {body[:100]!r}")
        status = server.wait(SPARE_S)
        ended = None if status is None else time.monotonic() - began
        return Drain(
            requests=count,
            answered=len(heads),
            told_to_close=sum(b"\r\nconnection: close" in head for head in heads),
            idle_closed=was_closed(idle),
            lost=tuple(lost),
            ended_after_s=ended,
            status=status,
        )


def was_closed(connection: socket.socket) -> bool:
    """Say whether the server has closed a connection on which it owes nothing."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def report(seen: Drain) -> str:
    """Return what was seen, for people."""
    lost = seen.requests - seen.answered
    ended = "did NOT end" if seen.ended_after_s is None else f"ended {seen.ended_after_s:.1f} s on"
    lines = [
        f"{seen.requests} slow requests at SIGTERM, {seen.answered} answered, {lost} lost "
        f"(bar 0: {'MISSED' if lost else 'holds'})",
        f"Connection: close on {seen.told_to_close} answers; "
        f"idle connection {'closed' if seen.idle_closed else 'NOT closed'}; "
        f"{ended}, with status {seen.status}",
    ]
    return "\n".join([*lines, *sorted(set(seen.lost))])


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drain", description=__doc__)
    names = [server.name for server in SERVERS if not server.same_response_only]
    parser.add_argument("--server", choices=names, default="serverkit")
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=3, help="how long each request takes")
    parser.add_argument("--output", type=Path, default=environment.RESULTS)
    return parser


def main(words: list[str] | None = None) -> int:
    """Do it once, and write down what was seen."""
    arguments = parser().parse_args(words)
    server = by_name(arguments.server)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            ServerProcess(
                server,
                "benchmarks.apps:slow",
                folder=Path(folder),
                arguments=(*server.quiet, *server.patient),
            ) as process,
        ):
            seen = measure(process, arguments.requests, arguments.seconds)
    except (ServerFailedError, OSError) as error:
        print(f"{server.title}: {error}", file=sys.stderr)
        return 2
    print(f"{server.title}\n{report(seen)}")
    artifact = {"server": server.name, **dataclasses.asdict(seen)}
    print(f"Artifact: {environment.save(arguments.output, 'drain', artifact)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
