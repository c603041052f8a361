"""What further workers take of memory, and give for work that needs the processor. Reports only.

Meant for a Python without the GIL, where workers are threads that share one application.
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
from benchmarks.short_connections import SINGLE, server_of
from benchmarks.supervised_report import Section, parser, publish, verdict
from benchmarks.supervised_servers import NAMES, installed

MEMORY_BAR = 1.3
SPEED_BAR = 1.7
NOISY_CORES = 0.1
THREADS = "serverkit-threads"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement.

    Attributes:
        server: Name of the server.
        workers: How many it had.
        pss_mib: Proportional memory of its process tree after the load, in MiB.
        requests_per_s: Answers per second.
        per_cpu_s: Answers for each second of processor time of the server.
        cores: Cores that the server kept busy.
        others: Cores that others kept busy meanwhile; wrk is none of them.
        error: Why it does not count; empty for a good one.
    """

    server: str
    workers: int
    pss_mib: float = 0.0
    requests_per_s: float = 0.0
    per_cpu_s: float = 0.0
    cores: float = 0.0
    others: float = 0.0
    error: str = ""


def measure(name: str, workers: int, path: str, arguments: argparse.Namespace) -> Sample:
    """Start a server with so many workers on all cores, load it, and end it."""
    server, _workers = server_of(name, workers)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            ServerProcess(server, APP, folder=Path(folder)) as process,
        ):
            census.meet(process.port, workers, within_s=ALL_THERE_WITHIN_S)
            words = wrk.command(
                process.port,
                script=wrk.write_script(Path(folder)),
                seconds=arguments.seconds,
                connections=arguments.connections,
                core=None,
                path=path,
            )
            wrk.run(words, arguments.seconds)  # to warm up
            took, others = process_tree.cpu_time(process.pid), process_tree.others_s(process.pid)
            seen = wrk.run(words, arguments.seconds)
            others = process_tree.others_s(process.pid) - others
            took = process_tree.cpu_time(process.pid) - took
            pss = process_tree.pss_bytes(process.pid)
    except (ServerFailedError, wrk.WrkError) as error:
        return Sample(server=name, workers=workers, error=str(error)[:300])
    failed = seen.socket_errors + seen.bad_statuses
    return Sample(
        server=name,
        workers=workers,
        pss_mib=pss / 2**20,
        requests_per_s=seen.requests / seen.seconds,
        per_cpu_s=seen.requests / took.seconds,
        cores=took.seconds / seen.seconds,
        others=max(0.0, others / seen.seconds),
        error=f"{failed} requests failed" if failed else "",
    )


def median(samples: list[Sample], name: str, workers: int, number: str) -> float:
    """Return the median of one number over the quiet rounds; 0 where nothing was measured."""
    found = quiet([one for one in samples if (one.server, one.workers) == (name, workers)])
    return statistics.median(getattr(one, number) for one in found) if found else 0.0


def quiet(samples: list[Sample]) -> list[Sample]:
    """Return the samples in which others took little of the machine; all, if there are none."""
    measured = [one for one in samples if one.requests_per_s]
    return [one for one in measured if one.others <= NOISY_CORES] or measured


def noise(samples: list[Sample]) -> float:
    """Return how many cores others took, at most, in the samples that count of each server."""
    kinds = {(one.server, one.workers) for one in samples}
    return max(
        one.others
        for kind in kinds
        for one in quiet([each for each in samples if (each.server, each.workers) == kind])
    )


def rows(samples: list[Sample], what: str, one: tuple[str, int]) -> list[list[object]]:
    """Return the cells of one kind of measurement, with ratios to one of its rows."""
    made: list[list[object]] = []
    number = "pss_mib" if what == "memory" else "requests_per_s"
    base = median(samples, *one, number)
    for name, workers in dict.fromkeys((one.server, one.workers) for one in samples):
        here = median(samples, name, workers, number)
        errors = {one.error for one in samples if (one.server, one.workers) == (name, workers)}
        made.append(
            [
                *(what, name, workers),
                *(median(samples, name, workers, each) for each in ("pss_mib", "requests_per_s")),
                median(samples, name, workers, "per_cpu_s"),
                f"{median(samples, name, workers, 'cores'):.2f}",
                f"{median(samples, name, workers, 'others'):.2f}",
                f"{here / base:.2f}" if base else "-",
                "; ".join(sorted(errors - {""})),
            ]
        )
    return made


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    made = parser("thread_scaling", __doc__, servers=NAMES)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--seconds", type=int, default=3)
    made.add_argument("--connections", type=int, default=16)
    made.add_argument("--burn", type=int, default=1000, help="work of each request, in about us")
    return made.parse_args(words)


def run(arguments: argparse.Namespace) -> tuple[list[Sample], list[Sample]]:
    """Measure memory and speed of all servers in turn."""
    names = installed(arguments.servers)
    memory, speed = [], []
    for number in range(arguments.rounds):
        for name, workers in ((SINGLE, 1), *((name, 4) for name in names)):
            memory.append(measure(name, workers, "/", arguments))
            print(f"round {number}, memory: {memory[-1]}", flush=True)
        for name, workers in ((name, workers) for name in names for workers in (1, 2)):
            speed.append(measure(name, workers, f"/?burn={arguments.burn}", arguments))
            print(f"round {number}, speed: {speed[-1]}", flush=True)
    return memory, speed


def verdicts(memory: list[Sample], speed: list[Sample]) -> list[str]:
    """Return what is to be said of the bars."""
    made = []
    one = median(memory, SINGLE, 1, "pss_mib")
    four = median(memory, THREADS, 4, "pss_mib")
    if one and four:
        text = f"4 threads: PSS at most {MEMORY_BAR} of one worker's, {four / one:.2f}"
        made.append(verdict(text, four / one <= MEMORY_BAR))
    single, double = (median(speed, THREADS, count, "requests_per_s") for count in (1, 2))
    if single and double:
        text = f"2 threads: at least {SPEED_BAR} of the throughput of one, {double / single:.2f}"
        ours = noise([one for one in speed if one.server == THREADS])
        if ours > NOISY_CORES:
            made.append(f"{text}: open, others took up to {ours:.2f} cores")
        else:
            made.append(verdict(text, double / single >= SPEED_BAR))
        worth = [median(speed, THREADS, count, "per_cpu_s") for count in (1, 2)]
        made.append(f"requests per CPU second: {worth[0]:.0f} with 1 thread, {worth[1]:.0f} with 2")
    return made


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = arguments_of(words)
    try:
        environment.require_tools("wrk")
    except environment.ToolMissingError as error:
        print(error, file=sys.stderr)
        return 2
    memory, speed = run(arguments)
    section = Section(
        kind="thread-scaling",
        title="Memory and speed of several workers",
        how_to_read=(
            f"Medians of {arguments.rounds} rounds on all cores, of those in which others took at "
            f"most {NOISY_CORES} cores if there are any. *memory*: after full speed with a "
            "small answer; the ratio is that of PSS to one worker alone. *speed*: each request "
            f"computes for about {arguments.burn} us, so that wrk takes next to nothing of the "
            f"machine; the ratio is that of requests per second to one worker of {THREADS}."
        ),
        header=(
            *("what", "server", "workers", "PSS MiB", "requests/s", "requests per CPU s"),
            *("cores busy", "others' cores", "ratio", "remarks"),
        ),
        rows=[*rows(memory, "memory", (SINGLE, 1)), *rows(speed, "speed", (THREADS, 1))],
        verdicts=verdicts(memory, speed),
    )
    artifact = {
        "memory": [dataclasses.asdict(one) for one in memory],
        "speed": [dataclasses.asdict(one) for one in speed],
    }
    publish(section, artifact, folder=arguments.output, latest=arguments.latest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
