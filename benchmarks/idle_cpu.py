"""What servers take of a core while nobody asks anything, also those that watch files.

Reports only. All are started first and then watched during the same minute.
"""

import argparse
import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path

from benchmarks import process_tree
from benchmarks.disturbance import APP
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import Server, by_name
from benchmarks.supervised_report import Section, parser, publish, verdict
from benchmarks.supervised_servers import NAMES, installed, supervised

BAR_PERCENT = 0.2
SETTLED_AFTER_S = 5.0
RELOAD = " --reload"
SINGLES = ("serverkit", "uvicorn", "gunicorn", "granian", "hypercorn")
VARIANTS = (
    *("serverkit", "serverkit --reload"),
    *(f"{name}{reload}" for name in NAMES[:2] for reload in ("", RELOAD)),
    *NAMES[2:6],
    *(f"{name}{RELOAD}" for name in SINGLES[1:]),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What was seen of one server.

    Attributes:
        server: Its name, and whether it reloads.
        percent: Part of a core that its process tree took, in percent.
        processes: How many processes that were.
        error: Why there is no measurement; empty if there is.
    """

    server: str
    percent: float = 0.0
    processes: int = 0
    error: str = ""


def server_of(variant: str, workers: int) -> Server:
    """Return what is started for a variant."""
    name, reload, _rest = variant.partition(RELOAD)
    alone = name == "serverkit" or (name in SINGLES and reload)
    server = by_name(name) if alone else supervised(name, workers)
    flags = (RELOAD.strip(),) if reload else ()
    return dataclasses.replace(server, command=(*server.command, *flags))


def measure(variants: list[str], seconds: float, workers: int) -> list[Idle]:
    """Start them all, leave them alone, and return what each took."""
    failed: list[Idle] = []
    with contextlib.ExitStack() as stack:
        running: dict[str, ServerProcess] = {}
        for variant in variants:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
            process = ServerProcess(server_of(variant, workers), APP, folder=folder)
            try:
                running[variant] = stack.enter_context(process)
            except ServerFailedError as error:
                failed.append(Idle(server=variant, error=str(error)[:300]))
        time.sleep(SETTLED_AFTER_S)
        began = time.monotonic()
        before = {name: process_tree.cpu_time(one.pid) for name, one in running.items()}
        time.sleep(seconds)
        return [
            Idle(
                server=name,
                percent=100
                * (process_tree.cpu_time(one.pid) - before[name]).seconds
                / (time.monotonic() - began),
                processes=len(process_tree.members(one.pid)),
            )
            for name, one in running.items()
        ] + failed


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    made = parser("idle_cpu", __doc__, servers=VARIANTS)
    made.add_argument("--seconds", type=float, default=60.0)
    made.add_argument("--workers", type=int, default=2)
    return made.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = arguments_of(words)
    known = installed([variant.partition(RELOAD)[0] for variant in arguments.servers])
    variants = [one for one in arguments.servers if one.partition(RELOAD)[0] in known]
    results = measure(variants, arguments.seconds, arguments.workers)
    section = Section(
        kind="idle-cpu",
        title="Processor time of idle servers",
        how_to_read=(
            f"Part of a core that each took in {arguments.seconds:.0f} s in which nobody asked "
            f"anything; with --reload it watches the files of this checkout. Those with several "
            f"workers have {arguments.workers}."
        ),
        header=("server", "% of a core", "processes", "remarks"),
        rows=[[one.server, f"{one.percent:.3f}", one.processes, one.error] for one in results],
        verdicts=[
            verdict(f"{one.server}: at most {BAR_PERCENT} %", one.percent <= BAR_PERCENT)
            for one in results
            if one.server.startswith("serverkit") and not one.error
        ],
    )
    artifact = {"results": [dataclasses.asdict(one) for one in results]}
    publish(section, artifact, folder=arguments.output, latest=arguments.latest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
