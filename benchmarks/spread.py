"""Keep-alive connections over several workers: which worker answers on each. Reports only."""

import argparse
import contextlib
import dataclasses
import socket
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks import census
from benchmarks.busy_connection import REQUEST, read_answer
from benchmarks.disturbance import ALL_THERE_WITHIN_S, APP
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.supervised_report import Section, parser, publish, verdict
from benchmarks.supervised_servers import installed, supervised

BAR = 1.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How connections were spread.

    Attributes:
        server: Its name.
        one_by_one: Connections of each worker, each opened when the one before was answered.
        at_once: The same, all opened before anything was asked.
        remark: What went wrong; empty if nothing did.
    """

    server: str
    one_by_one: tuple[int, ...] = ()
    at_once: tuple[int, ...] = ()
    remark: str = ""


def count_workers(port: int, connections: int, *, at_once: bool) -> Counter[census.Worker]:
    """Open connections, ask once on each, and return how many each worker has."""
    answers: Counter[census.Worker] = Counter()
    with contextlib.ExitStack() as stack:
        opened = []
        for _number in range(connections):
            made = socket.create_connection(("127.0.0.1", port), timeout=10)
            opened.append(stack.enter_context(made))
            if not at_once:
                answers[ask_on(made)] += 1
        if at_once:
            for made in opened:
                made.sendall(REQUEST)
            answers.update(worker_of(made) for made in opened)
    return answers


def ask_on(connection: socket.socket) -> census.Worker:
    """Send a request on a connection, and return who answers."""
    connection.sendall(REQUEST)
    return worker_of(connection)


def worker_of(connection: socket.socket) -> census.Worker:
    """Return who answers on a connection."""
    return census.parse(read_answer(connection).partition(b"\r\n\r\n")[2])


def measure(name: str, connections: int, workers: int) -> Spread:
    """Start a server and open the connections, in both ways."""
    server = supervised(name, workers)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            ServerProcess(server, APP, folder=Path(folder)) as process,
        ):
            all_there = census.meet(process.port, workers, within_s=ALL_THERE_WITHIN_S)
            counted = [
                count_workers(process.port, connections, at_once=at_once)
                for at_once in (False, True)
            ]
    except (ServerFailedError, OSError) as error:
        return Spread(server=name, remark=f"**FAILED**: {error}")
    shares = [tuple(sorted(counts[worker] for worker in all_there)) for counts in counted]
    return Spread(server=name, one_by_one=shares[0][::-1], at_once=shares[1][::-1])


def ratio(shares: tuple[int, ...]) -> float:
    """Return the most over the least; infinite where a worker has none."""
    least = min(shares, default=0)
    return max(shares) / least if least else float("inf")


def row(seen: Spread) -> list[object]:
    """Return the cells of one server."""
    cells: list[object] = [seen.server]
    for shares in (seen.one_by_one, seen.at_once):
        cells += [" ".join(map(str, shares)) or "-", f"{ratio(shares):.2f}"]
    return [*cells, seen.remark[:300]]


HEADER = ("server", "one by one", "max/min", "at once", "max/min", "remarks")


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    made = parser("spread", __doc__)
    made.add_argument("--connections", type=int, default=64)
    made.add_argument("--workers", type=int, default=4)
    return made.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = arguments_of(words)
    if arguments.connections < arguments.workers:
        print("There must be a connection for each worker.", file=sys.stderr)
        return 2
    results = [
        measure(name, arguments.connections, arguments.workers)
        for name in installed(arguments.servers)
    ]
    section = Section(
        kind="spread",
        title="Spread of connections",
        how_to_read=(
            f"{arguments.connections} keep-alive connections over {arguments.workers} workers, one "
            "request on each: how many each worker has. *one by one*: each opened when the one "
            "before was answered; *at once*: all opened before anything was asked."
        ),
        header=HEADER,
        rows=[row(one) for one in results],
        verdicts=[
            verdict(
                f"{one.server}: max/min at most {BAR}",
                max(ratio(one.one_by_one), ratio(one.at_once)) <= BAR,
            )
            for one in results
            if one.server.startswith("serverkit")
        ],
    )
    artifact = {"results": [dataclasses.asdict(one) for one in results]}
    publish(section, artifact, folder=arguments.output, latest=arguments.latest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
