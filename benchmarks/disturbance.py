"""Load on a server with several workers while something is done to it, and what was lost."""

import argparse
import contextlib
import dataclasses
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import census, wrk
from benchmarks.core_watch import CoreWatch
from benchmarks.exact_client import FRESH_PROBE, KEEP_ALIVE, PROBE, SHORT, ClientKind
from benchmarks.exact_load import ExactLoad
from benchmarks.server_process import ServerProcess
from benchmarks.supervised_servers import supervised
from benchmarks.tally import Latencies, Window, split

APP = "benchmarks.who_app:app"
CLIENTS: Mapping[ClientKind, int] = {KEEP_ALIVE: 4, SHORT: 2, PROBE: 4, FRESH_PROBE: 2}
WRK_CONNECTIONS = 32
LONGEST_S = 900
PATIENCE_S = 10
ALL_THERE_WITHIN_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to run, and how loud.

    Attributes:
        workers: How many workers the server has.
        server_core: The core of the server and all its workers.
        client_core: The core of wrk and the exact clients.
        use_wrk: Whether wrk runs at full speed beside the exact clients.
        clients: The exact clients; at least one `PROBE`.
    """

    workers: int = 2
    server_core: int = 0
    client_core: int = 1
    use_wrk: bool = True
    clients: Mapping[ClientKind, int] = dataclasses.field(default_factory=lambda: CLIENTS)


def described(settings: Settings) -> dict[str, object]:
    """Return the settings for an artifact."""
    clients = {kind.name: count for kind, count in settings.clients.items()}
    names = ("workers", "server_core", "client_core", "use_wrk")
    return {**{name: getattr(settings, name) for name in names}, "clients": clients}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add to a command line what `settings_of` reads."""
    defaults = Settings()
    for name in ("workers", "server_core", "client_core"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=getattr(defaults, name))


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that a command line gives."""
    return Settings(
        workers=arguments.workers,
        server_core=arguments.server_core,
        client_core=arguments.client_core,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What clients saw of it.

    Attributes:
        answered: Requests that the exact clients had answered.
        lost: How many of theirs were lost, by the way they were lost.
        details: Examples, with how often each was seen.
        wrk_answered: Requests that wrk had answered; 0 where it did not run.
        wrk_errors: Connections and requests that failed for wrk.
        told_to_close: Answers that said `Connection: close` without having been asked to.
        closed_idle: Connections that were closed while nothing was asked on them.
        longest_stall_ms: The longest time that a client was without an answer that was due.
        machine_gap_ms: The longest time that the machine kept one of the cores from a thread that
            does next to nothing; such a stall is not the server's.
        inside: How long answers took while it was done, to clients that ask at a steady pace.
        outside: How long they took otherwise.
    """

    answered: int
    lost: dict[str, int]
    details: dict[str, int]
    wrk_answered: int
    wrk_errors: int
    told_to_close: int
    closed_idle: int
    longest_stall_ms: float
    machine_gap_ms: float
    inside: Latencies
    outside: Latencies

    @property
    def all_lost(self) -> int:
        """All requests that failed, of the exact clients and of wrk."""
        return sum(self.lost.values()) + self.wrk_errors


class Disturbed:
    """A server under load; made by `under_load`. Owner: whoever entered that.

    Attributes:
        process: The server.
        load: The exact clients.
        windows: From when to when it was disturbed, by the monotonic clock in nanoseconds.
    """

    def __init__(
        self,
        process: ServerProcess,
        load: ExactLoad,
        background: wrk.Background | None,
        cores: Sequence[CoreWatch],
    ) -> None:
        self.process = process
        self.load = load
        self.windows: list[Window] = []
        self._background = background
        self._cores = cores

    def end(self) -> Damage:
        """End the load, and return what it saw.

        Raises:
            LoadFailedError: The exact clients failed.
            WrkError: wrk failed.
        """
        seen = None if self._background is None else self._background.stop()
        self.load.stop()
        tallies = self.load.tallies.values()
        inside, outside = split(self.load.tallies[PROBE], self.windows)
        return Damage(
            answered=self.load.answered,
            lost=dict(Counter(one.kind.value for one in self.load.lost)),
            details=dict(Counter(one.detail for one in self.load.lost).most_common(8)),
            wrk_answered=0 if seen is None else seen.requests,
            wrk_errors=0 if seen is None else seen.socket_errors + seen.bad_statuses,
            told_to_close=sum(tally.told_to_close for tally in tallies),
            closed_idle=sum(tally.closed_idle for tally in tallies),
            longest_stall_ms=self.load.longest_stall_s * 1e3,
            machine_gap_ms=max(core.longest_gap_s for core in self._cores) * 1e3,
            inside=inside,
            outside=outside,
        )


@contextlib.contextmanager
def under_load(name: str, settings: Settings) -> Iterator[Disturbed]:
    """Start a server and the load on it; all its workers are there and every client was served.

    Raises:
        ServerFailedError: The server or one of its workers does not come.
        LoadFailedError: The clients are not served.
    """
    server = supervised(name, settings.workers)
    free = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        process = stack.enter_context(
            ServerProcess(server, APP, folder=folder, core=settings.server_core)
        )
        census.meet(process.port, settings.workers, within_s=ALL_THERE_WITHIN_S)
        stack.callback(os.sched_setaffinity, 0, free)
        os.sched_setaffinity(0, {settings.client_core})  # and of threads that start now
        cores = [
            stack.enter_context(CoreWatch(core))
            for core in (settings.server_core, settings.client_core)
        ]
        background = None
        if settings.use_wrk:
            words = wrk.command(
                process.port,
                script=wrk.write_script(folder),
                seconds=LONGEST_S,
                connections=WRK_CONNECTIONS,
                core=settings.client_core,
                timeout_s=PATIENCE_S,
            )
            background = stack.enter_context(wrk.Background(words))
        load = stack.enter_context(
            ExactLoad(("127.0.0.1", process.port), settings.clients, patience_s=PATIENCE_S)
        )
        yield Disturbed(process, load, background, cores)
