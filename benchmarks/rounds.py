"""The measuring itself: each server alone on its core, all of them in turn, round after round."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import process_tree
from benchmarks.load import Load, Loader, LoadError
from benchmarks.samples import Failure, Sample
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import PYTHON, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long and where to measure.

    Attributes:
        rounds: Times that each server is measured under each workload.
        seconds: Length of one measurement, in whole seconds.
        warmup_s: Length of the load before it, in whole seconds.
        connections: Connections that the client keeps.
        server_core: The core of the server under measurement.
        client_core: The core of the client.
    """

    rounds: int = 5
    seconds: int = 4
    warmup_s: int = 1
    connections: int = 64
    server_core: int = 0
    client_core: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A sample, and how it came about."""

    sample: Sample
    command: str
    load_command: str
    runtime: dict[str, object]


class Workload(Protocol):
    """One kind of question, repeated."""

    @property
    def name(self) -> str:
        """What the command line and the artifact call it."""

    @property
    def title(self) -> str:
        """What the table calls it."""

    @property
    def unit(self) -> str:
        """What is counted, in the singular."""

    @property
    def app(self) -> str:
        """Import path of the application."""

    @property
    def access_log(self) -> bool:
        """Whether each server writes its access log, to a file."""

    def suits(self, server: Server) -> bool:
        """Say whether a server can take part."""

    def load(self, process: ServerProcess, folder: Path, settings: Settings) -> Loader:
        """Return what loads a server that runs.

        Raises:
            ServerFailedError: The server does not answer as the app does.
        """


def in_turn(
    servers: Sequence[Server], workloads: Sequence[Workload], settings: Settings
) -> Iterator[tuple[Server, Workload, int]]:
    """Yield what to measure next, so that nothing has the good minutes of the machine alone.

    Each round has every workload once, each workload every server once, and each round begins
    with another server. So rows can be compared within a workload and across workloads.
    """
    for number in range(settings.rounds):
        for workload in workloads:
            taking_part = [server for server in servers if workload.suits(server)]
            first = number % len(taking_part) if taking_part else 0
            for server in taking_part[first:] + taking_part[:first]:
                yield server, workload, number


def measure(
    server: Server, workload: Workload, number: int, settings: Settings
) -> Measurement | Failure:
    """Start a server, load it, and end it."""
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            return _measure(server, workload, number, settings, Path(folder))
    except (ServerFailedError, LoadError) as error:
        return Failure(server=server.name, workload=workload.name, round=number, reason=str(error))


def _measure(
    server: Server, workload: Workload, number: int, settings: Settings, folder: Path
) -> Measurement:
    process = ServerProcess(
        server,
        workload.app,
        folder=folder,
        core=settings.server_core,
        arguments=server.logged if workload.access_log else None,
    )
    with process, workload.load(process, folder, settings) as load:
        warmup = load.run(settings.warmup_s)
        took = _Clocks(process.pid, settings)
        seen = load.run(settings.seconds)
        took.stop(seen)
        pss = process_tree.pss_bytes(process.pid)
        runtime = process.runtime()
    shown = _without_places(folder)
    return Measurement(
        sample=_sample(
            seen,
            took,
            where=(server.name, workload.name, number),
            pss=pss,
            errors=_errors(seen, took, warmup.requests + seen.requests, process, workload),
        ),
        command=shown(list(process.command)),
        load_command=shown(load.command(settings.seconds)),
        runtime=runtime,
    )


def _sample(
    seen: Load,
    took: "_Clocks",
    *,
    where: tuple[str, str, int],
    pss: int,
    errors: tuple[str, ...],
) -> Sample:
    """Divide what was used by what was answered."""
    server, workload, number = where
    each_us = 1e6 / max(seen.requests, 1)
    return Sample(
        server=server,
        workload=workload,
        round=number,
        requests=seen.requests,
        seconds=seen.seconds,
        cpu_us=took.cpu.seconds * each_us,
        cpu_us_by_stat=took.cpu.by_stat_s * each_us,
        requests_per_s=seen.requests / seen.seconds,
        p50_ms=seen.p50_ms,
        p99_ms=seen.p99_ms,
        max_ms=seen.max_ms,
        pss_mib=pss / 2**20,
        foreign_share=took.foreign_share,
        client_share=took.client_share,
        remark=seen.remark,
        errors=errors,
    )


class _Clocks:
    """What a server and two cores do from now until `stop`. Owner: one measurement."""

    def __init__(self, pid: int, settings: Settings) -> None:
        self._pid = pid
        self._others = process_tree.Others(settings.server_core, pid)
        self._client_core = settings.client_core
        self._client_busy_s = process_tree.core_busy_s(settings.client_core)
        self._began = time.monotonic()
        self.cpu = process_tree.cpu_time(pid)
        self.foreign_share = self.client_share = 0.0

    def stop(self, seen: Load) -> None:
        """Turn the readings into differences and shares."""
        self.cpu = process_tree.cpu_time(self._pid) - self.cpu
        self.foreign_share = self._others.share()
        busy_s = process_tree.core_busy_s(self._client_core) - self._client_busy_s
        self.client_share = min(1.0, busy_s / (time.monotonic() - self._began))
        if seen.own_cpu_share is not None:
            self.client_share = seen.own_cpu_share


def _errors(
    seen: Load, took: _Clocks, requests: int, process: ServerProcess, workload: Workload
) -> tuple[str, ...]:
    """Return why a sample does not count. The server has ended, so its log is all written."""
    errors = []
    if not seen.requests:
        errors.append(f"no {workload.unit} was answered")
    if seen.socket_errors:
        errors.append(f"{seen.socket_errors} socket errors")
    if seen.bad_statuses:
        errors.append(f"{seen.bad_statuses} answers of status 400 or above")
    if not took.cpu.agree:
        errors.append("the two clocks of the kernel disagree")
    if workload.access_log:
        with process.access_log.open("rb") as log:
            lines = sum(1 for _line in log)
        if lines < requests:
            errors.append(f"{lines} lines in the access log for {requests} requests")
    return tuple(errors)


def _without_places(folder: Path) -> Callable[[list[str]], str]:
    """Return what shows a command line without the paths of this machine."""

    def shown(words: list[str]) -> str:
        line = " ".join(words).replace(PYTHON, "python")
        return line.replace(f"{folder}/", "")

    return shown
