"""Load, reloads and kills for a long time: does memory grow, do files and threads. Reports only.

Samples are taken under load, each just before a reload, when what the one before replaced is gone.
Judged is the last quarter against the second one (the first is warm-up), medians of each: flat
means that memory grew by at most 5 %, and files and threads by at most 2.
"""

import argparse
import dataclasses
import os
import signal
import statistics
import time

from benchmarks import census, process_tree
from benchmarks.disturbance import Damage, Disturbed, Settings, under_load
from benchmarks.disturbance_study import Study, main
from benchmarks.exact_client import FRESH_PROBE, KEEP_ALIVE, PROBE, SHORT
from benchmarks.exact_load import LoadFailedError
from benchmarks.reload import reload
from benchmarks.server_process import ServerFailedError
from benchmarks.supervised_report import verdict
from benchmarks.supervised_servers import NAMES
from benchmarks.wrk import WrkError

MIB = 2**20
GROWTH_BAR = 1.05
COUNT_BAR = 2
RESTORED_WITHIN_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the server's processes had at one time.

    Attributes:
        after_s: Time since the load began.
        rss_mib: Resident memory of the tree.
        pss_mib: Proportional memory of the tree.
        files: Open files of the tree.
        threads: Threads of the tree.
        parent_rss_mib: Resident memory of the first process alone.
        parent_files: Open files of the first process alone.
        parent_threads: Threads of the first process alone.
    """

    after_s: float
    rss_mib: float
    pss_mib: float
    files: int
    threads: int
    parent_rss_mib: float
    parent_files: int
    parent_threads: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What was seen of one server.

    Attributes:
        server: Its name.
        samples: What it had, from time to time.
        reloads: How often it was reloaded.
        kills: How many of its workers were killed.
        damage: What clients saw; None if the load failed.
        remark: What went wrong; empty if nothing did.
    """

    server: str
    samples: tuple[Sample, ...] = ()
    reloads: int = 0
    kills: int = 0
    damage: Damage | None = None
    remark: str = ""


def look(pid: int, began: float) -> Sample:
    """Return what a server has now."""
    status = process_tree.PROC / str(pid) / "statm"
    return Sample(
        after_s=time.monotonic() - began,
        rss_mib=process_tree.rss_bytes(pid) / MIB,
        pss_mib=process_tree.pss_bytes(pid) / MIB,
        files=process_tree.open_files(pid),
        threads=process_tree.threads(pid),
        parent_rss_mib=int(status.read_text().split()[1]) * process_tree.PAGE_BYTES / MIB,
        parent_files=process_tree.entries(pid, "fd"),
        parent_threads=process_tree.entries(pid, "task"),
    )


def wait_until_alone(pid: int, threads: int) -> None:
    """Wait until what was replaced has ended: a server has no more threads than at first.

    Raises:
        ServerFailedError: It has, for a long time.
    """
    deadline = time.monotonic() + RESTORED_WITHIN_S
    while (now := process_tree.threads(pid)) > threads:
        if time.monotonic() > deadline:
            raise ServerFailedError(f"it has {now} threads, and had {threads} at first")
        time.sleep(0.1)


def kill_worker(there: Disturbed, workers: int) -> bool:
    """Kill a worker that is a process of its own, and wait for the replacement.

    Returns:
        False where the workers are threads.

    Raises:
        ServerFailedError: There is no replacement.
    """
    port = there.process.port
    victim = min(worker.pid for worker in census.meet(port, workers, within_s=RESTORED_WITHIN_S))
    if victim == there.process.pid:
        return False
    os.kill(victim, signal.SIGKILL)
    census.meet(port, workers, within_s=RESTORED_WITHIN_S, but_not=victim)
    return True


def measure(name: str, seconds: float, interval_s: float, settings: Settings) -> Soak:
    """Soak one server: a reload at each interval, at each third a kill before it."""
    samples: list[Sample] = []
    reloads = kills = 0
    remark, damage = "", None
    try:
        with under_load(name, settings) as there:
            began, threads = time.monotonic(), process_tree.threads(there.process.pid)
            try:
                while (now := time.monotonic()) < began + seconds:
                    time.sleep(min(interval_s, max(0.0, began + seconds - now)))
                    wait_until_alone(there.process.pid, threads)
                    samples.append(look(there.process.pid, began))
                    if reloads % 3 == 2:
                        kills += kill_worker(there, settings.workers)
                    reload(there)
                    reloads += 1
            except (ServerFailedError, OSError) as error:
                remark = f"stopped after {time.monotonic() - began:.0f} s: {error}"
            damage = there.end()
    except (ServerFailedError, LoadFailedError, WrkError, OSError) as error:
        remark = remark or str(error)
    return Soak(
        server=name,
        samples=tuple(samples),
        reloads=reloads,
        kills=kills,
        damage=damage,
        remark=remark,
    )


def quarters(samples: tuple[Sample, ...], number: str) -> tuple[float, float]:
    """Return the medians of one number in the second quarter and in the last."""
    each = max(1, len(samples) // 4)
    second = [getattr(one, number) for one in samples[each : 2 * each]]
    last = [getattr(one, number) for one in samples[-each:]]
    return statistics.median(second or last), statistics.median(last)


def is_flat(samples: tuple[Sample, ...]) -> bool:
    """Say whether nothing grew."""
    memory = [quarters(samples, number) for number in ("rss_mib", "parent_rss_mib")]
    names = ("files", "threads", "parent_files", "parent_threads")
    counts = [quarters(samples, number) for number in names]
    return all(last <= GROWTH_BAR * second for second, last in memory) and all(
        last <= second + COUNT_BAR for second, last in counts
    )


def row(seen: Soak) -> list[object]:
    """Return the cells of one server."""
    if len(seen.samples) < 4 or seen.damage is None:
        return [seen.server, seen.reloads, seen.kills, *["-"] * 9, f"**FAILED**: {seen.remark}"]
    grown = []
    for number in ("rss_mib", "parent_rss_mib", "files", "parent_files", "threads"):
        second, last = quarters(seen.samples, number)
        digits = 1 if number.endswith("mib") else 0
        grown.append(f"{second:.{digits}f} -> {last:.{digits}f}")
    damage = seen.damage
    remarks = [f"{what} {count}" for what, count in damage.lost.items()]
    remarks += [f"wrk {damage.wrk_errors}"] if damage.wrk_errors else []
    return [
        *(seen.server, seen.reloads, seen.kills, damage.answered + damage.wrk_answered),
        f"**{damage.all_lost}**",
        damage.longest_stall_ms,
        damage.machine_gap_ms,
        *grown,
        "; ".join([*remarks, *([seen.remark] if seen.remark else [])]),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add to the command line how long, and how soon."""
    parser.add_argument("--seconds", type=float, default=600.0, help="for each server")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two reloads")


def how_to_read(arguments: argparse.Namespace) -> str:
    """Return what the columns mean."""
    return (
        f"{arguments.seconds:.0f} s of full load for each server, a reload every "
        f"{arguments.interval:.0f} s and a kill of a worker before every third where workers "
        "are processes. The columns with an arrow are medians of the second quarter and of "
        "the last, sampled just before reloads."
    )


def verdicts(results: list[Soak]) -> list[str]:
    """Return what is to be said of the bar."""
    return [
        verdict(
            f"{one.server}: memory grows by at most {GROWTH_BAR - 1:.0%}, files and threads "
            f"by at most {COUNT_BAR}, after warm-up",
            is_flat(one.samples) and not one.remark,
        )
        for one in results
        if len(one.samples) >= 4
    ]


STUDY = Study(
    name="soak",
    description=__doc__,
    title="Soak",
    header=(
        *("server", "reloads", "kills", "answered", "lost", "longest stall ms"),
        *("machine gap ms", "RSS MiB"),
        *("parent RSS MiB", "files", "parent files", "threads", "remarks"),
    ),
    how_to_read=how_to_read,
    add_arguments=add_arguments,
    measure=lambda name, given, settings: measure(name, given.seconds, given.interval, settings),
    row=row,
    verdicts=verdicts,
    servers=NAMES[:2],
    clients={KEEP_ALIVE: 1, SHORT: 1, PROBE: 4, FRESH_PROBE: 4},
)


if __name__ == "__main__":
    raise SystemExit(main(STUDY))
