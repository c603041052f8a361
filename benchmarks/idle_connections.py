"""Hold many idle keep-alive connections: what each takes, and whether a busy one suffers.

Alternates without and with them, so that a slow minute of the machine falls on both. Reports only.
"""

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import environment, process_tree
from benchmarks.busy_connection import BusyConnection, Latency
from benchmarks.connection_holder import SPARE_DESCRIPTORS, raise_descriptor_limit
from benchmarks.samples import NOISY_SHARE
from benchmarks.server_process import ROOT, ServerFailedError, ServerProcess
from benchmarks.servers import PYTHON, SERVERS, by_name

BAR_BYTES_EACH = 10 * 1024
BAR_P99_RATIO = 1.25
CLOSED_WITHIN_S = 60.0


class Holder:
    """The process that holds the connections; a context manager. Owner: whoever entered it."""

    def __init__(self, port: int, count: int, core: int) -> None:
        words = ["taskset", "-c", str(core), PYTHON, "-m", "benchmarks.connection_holder"]
        self._process = subprocess.Popen(
            [*words, str(port), str(count)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._count = count

    def __enter__(self) -> Self:
        if self._read() != self._count:
            self.__exit__(None, None, None)
            raise ServerFailedError(f"it did not take {self._count} connections")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=CLOSED_WITHIN_S)

    def still_open(self) -> int:
        """Return how many connections the server has not closed."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> int:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        return int(line or -1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was seen once without and once with the idle connections.

    Attributes:
        rss_each: Growth of the server's resident memory by connection, in bytes.
        pss_each: The same of its proportional memory.
        still_open: Connections that the server had not closed at the end.
        idle_cpu_share: Part of a core that the server took while nothing was asked.
        alone: The busy connection's latency without them.
        beside: The busy connection's latency with them.
        foreign_share: The largest part of a core that others took from one of the two.
    """

    rss_each: float
    pss_each: float
    still_open: int
    idle_cpu_share: float
    alone: Latency
    beside: Latency
    foreign_share: float


def wait_until_closed(pid: int, at_most: int) -> None:
    """Wait until the server has let go of the connections.

    Raises:
        ServerFailedError: It still has more files open than that.
    """
    deadline = time.monotonic() + CLOSED_WITHIN_S
    while process_tree.open_files(pid) > at_most:
        if time.monotonic() > deadline:
            raise ServerFailedError(
                f"it keeps {process_tree.open_files(pid)} files open after the clients left"
            )
        time.sleep(0.05)


def measure(server: ServerProcess, arguments: argparse.Namespace) -> Round:
    """Measure once without the idle connections and once with them."""
    with BusyConnection(server.port) as busy:
        busy.ask_for(arguments.warmup)
        alone, noise = ask_for(busy, server.pid, arguments)
        files = process_tree.open_files(server.pid)
        rss, pss = process_tree.rss_bytes(server.pid), process_tree.pss_bytes(server.pid)
        with Holder(server.port, arguments.connections, arguments.client_core) as holder:
            rss = process_tree.rss_bytes(server.pid) - rss
            pss = process_tree.pss_bytes(server.pid) - pss
            began, cpu = time.monotonic(), process_tree.cpu_time(server.pid)
            time.sleep(
                arguments.warmup
            )  # nothing is asked: what the server does, it does by itself
            idle = process_tree.cpu_time(server.pid) - cpu
            idle_cpu_share = idle.by_schedstat_s / (time.monotonic() - began)
            beside, more_noise = ask_for(busy, server.pid, arguments)
            still_open = holder.still_open()
        wait_until_closed(server.pid, files)
    return Round(
        rss_each=rss / arguments.connections,
        pss_each=pss / arguments.connections,
        still_open=still_open,
        idle_cpu_share=idle_cpu_share,
        alone=alone,
        beside=beside,
        foreign_share=max(noise, more_noise),
    )


def ask_for(busy: BusyConnection, pid: int, arguments: argparse.Namespace) -> tuple[Latency, float]:
    """Return the busy connection's latency, and what others took of the core that had most."""
    others = process_tree.Others(arguments.server_core, pid)
    client_s = process_tree.core_busy_s(arguments.client_core) - time.process_time()
    latency = busy.ask_for(arguments.seconds)
    client_s = process_tree.core_busy_s(arguments.client_core) - time.process_time() - client_s
    return latency, max(others.share(), client_s / arguments.seconds)


def report(rounds: list[Round], connections: int) -> str:
    """Return what the rounds say, for people. Memory is that of the first: later ones reuse it."""
    first = rounds[0]
    alone = statistics.median(one.alone.p99_us for one in rounds)
    beside = statistics.median(one.beside.p99_us for one in rounds)
    lost = connections - min(one.still_open for one in rounds)
    noise = max(one.foreign_share for one in rounds)
    harm = verdict(beside <= BAR_P99_RATIO * alone)
    if noise > NOISY_SHARE:
        harm = f"open, others took up to {noise:.0%} of a core"
    memory = max(first.rss_each, first.pss_each)
    lines = [
        f"idle connections          {connections}, of which {lost} were closed by the server",
        f"memory for each           RSS {first.rss_each:.0f} B, PSS {first.pss_each:.0f} B"
        f" (bar {BAR_BYTES_EACH}: {verdict(memory < BAR_BYTES_EACH and not lost)})",
        f"p99 of a busy one         {alone:.0f} us alone, {beside:.0f} us beside them"
        f" (bar x{BAR_P99_RATIO}: {harm})",
    ]
    for number, one in enumerate(rounds):
        for name, latency in (("alone", one.alone), ("beside them", one.beside)):
            lines.append(
                f"  round {number}, {name:12} p50 {latency.p50_us:.0f} p99 {latency.p99_us:.0f} "
                f"p99.9 {latency.p999_us:.0f} max {latency.max_us:.0f} us "
                f"of {latency.requests} requests"
            )
        lines.append(f"  round {number}, idle CPU     {one.idle_cpu_share:.2%} of a core")
    return "\n".join(lines)


def verdict(holds: bool) -> str:  # noqa: FBT001 - it is the whole question
    """Say in a word whether a bar holds."""
    return "holds" if holds else "MISSED"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_connections")
    parser.description = __doc__
    names = [server.name for server in SERVERS]
    parser.add_argument("--server", choices=names, default="serverkit")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of the busy connection, each")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds before, and of idleness")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--output", type=Path, default=environment.RESULTS)
    return parser


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = parser().parse_args(words)
    allowed = raise_descriptor_limit()
    if allowed < arguments.connections + SPARE_DESCRIPTORS:
        arguments.connections = allowed - SPARE_DESCRIPTORS
        print(f"Only {allowed} files may be open here: {arguments.connections} connections.")
    server = by_name(arguments.server)
    try:
        environment.require_tools("taskset")
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            ServerProcess(
                server,
                "benchmarks.apps:hello",
                folder=Path(folder),
                core=arguments.server_core,
                arguments=(*server.quiet, *server.patient),
            ) as process,
        ):
            os.sched_setaffinity(0, {arguments.client_core})
            rounds = [measure(process, arguments) for _number in range(arguments.rounds)]
    except (environment.ToolMissingError, ServerFailedError, OSError) as error:
        print(f"{server.title}: {error}", file=sys.stderr)
        return 2
    artifact = environment.save(
        arguments.output,
        "idle-connections",
        {
            "server": server.name,
            "connections": arguments.connections,
            "rounds": [dataclasses.asdict(one) for one in rounds],
        },
    )
    print(f"{server.title}\n{report(rounds, arguments.connections)}\nArtifact: {artifact}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
