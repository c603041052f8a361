"""One request for each connection: several workers, who are handed them, beside one that accepts.

Reports only. Alternates between the servers, so that a slow minute falls on all of them.
"""

import argparse
import dataclasses
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import census, environment, process_tree, wrk
from benchmarks.disturbance import ALL_THERE_WITHIN_S, APP
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import Server, by_name
from benchmarks.supervised_report import Section, parser, publish, verdict
from benchmarks.supervised_servers import NAMES, installed, supervised

BAR = 0.8
SINGLE = "serverkit"
PLACES = {"one core": True, "all cores": False}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement.

    Attributes:
        server: Name of the server.
        place: Which cores it had.
        requests_per_s: Answers per second, each on a connection of its own.
        cpu_us: User and system microseconds of the server's process tree for each.
        error: Why it does not count; empty for a good one.
    """

    server: str
    place: str
    requests_per_s: float = 0.0
    cpu_us: float = 0.0
    error: str = ""


def server_of(name: str, workers: int) -> tuple[Server, int]:
    """Return a server by its name, and how many workers it has."""
    return (by_name(name), 1) if name == SINGLE else (supervised(name, workers), workers)


def measure(name: str, place: str, arguments: argparse.Namespace) -> Sample:
    """Start a server, load it with connections, and end it."""
    server, workers = server_of(name, arguments.workers)
    core = arguments.server_core if PLACES[place] else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            ServerProcess(server, APP, folder=Path(folder), core=core) as process,
        ):
            census.meet(process.port, workers, within_s=ALL_THERE_WITHIN_S)
            words = wrk.command(
                process.port,
                script=wrk.write_script(Path(folder)),
                seconds=arguments.seconds,
                connections=arguments.connections,
                core=arguments.client_core if PLACES[place] else None,
                headers=("Connection: close",),
            )
            wrk.run(words, arguments.seconds)  # to warm up
            took = process_tree.cpu_time(process.pid)
            seen = wrk.run(words, arguments.seconds)
            took = process_tree.cpu_time(process.pid) - took
    except (ServerFailedError, wrk.WrkError) as error:
        return Sample(server=name, place=place, error=str(error)[:300])
    failed = seen.socket_errors + seen.bad_statuses
    return Sample(
        server=name,
        place=place,
        requests_per_s=seen.requests / seen.seconds,
        cpu_us=took.seconds * 1e6 / max(seen.requests, 1),
        error=f"{failed} requests failed" if failed else "",
    )


def median(samples: list[Sample], name: str, place: str, number: str) -> float:
    """Return the median of one number over the rounds; 0 where nothing was measured."""
    found = [
        getattr(one, number)
        for one in samples
        if (one.server, one.place) == (name, place) and one.requests_per_s
    ]
    return statistics.median(found) if found else 0.0


def rows(samples: list[Sample], names: list[str]) -> list[list[object]]:
    """Return the cells of the table."""
    made: list[list[object]] = []
    for place in PLACES:
        single = median(samples, SINGLE, place, "requests_per_s")
        for name in names:
            errors = {one.error for one in samples if (one.server, one.place) == (name, place)}
            here = median(samples, name, place, "requests_per_s")
            made.append(
                [
                    *(place, name, round(here), median(samples, name, place, "cpu_us")),
                    f"{here / single:.2f}" if single else "-",
                    "; ".join(sorted(errors - {""})),
                ]
            )
    return made


def verdicts(samples: list[Sample], names: list[str]) -> list[str]:
    """Return what is to be said of the bar."""
    made = []
    for place in PLACES:
        single = median(samples, SINGLE, place, "requests_per_s")
        for name in names:
            here = median(samples, name, place, "requests_per_s")
            if name.startswith(f"{SINGLE}-") and single and here:
                text = f"{name} on {place}: at least {BAR} of a single worker, {here / single:.2f}"
                made.append(verdict(text, here / single >= BAR))
    return made


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    made = parser("short_connections", __doc__, servers=(SINGLE, *NAMES))
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--seconds", type=int, default=4)
    made.add_argument("--connections", type=int, default=32, help="at the same time")
    made.add_argument("--server-core", type=int, default=0)
    made.add_argument("--client-core", type=int, default=1)
    return made.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = arguments_of(words)
    try:
        environment.require_tools("wrk", "taskset")
    except environment.ToolMissingError as error:
        print(error, file=sys.stderr)
        return 2
    names = installed(arguments.servers)
    samples = []
    for number in range(arguments.rounds):
        for place in PLACES:
            for name in names[number % len(names) :] + names[: number % len(names)]:
                samples.append(measure(name, place, arguments))
                print(f"round {number}: {samples[-1]}", flush=True)
    section = Section(
        kind="short-connections",
        title="Short connections",
        how_to_read=(
            f"One request for each connection, {arguments.connections} at a time, medians of "
            f"{arguments.rounds} rounds; {SINGLE} is one worker that accepts for itself, others "
            f"have {arguments.workers}. On *one core* the server and all its workers share it and "
            "wrk has another: that is the cost of handing connections on. On *all cores* wrk and "
            "the workers have what the scheduler gives them."
        ),
        header=("cores", "server", "requests/s", "CPU us each", "of single", "remarks"),
        rows=rows(samples, names),
        verdicts=verdicts(samples, names),
    )
    artifact = {"samples": [dataclasses.asdict(one) for one in samples]}
    publish(section, artifact, folder=arguments.output, latest=arguments.latest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
