"""SIGHUP again and again under load: what is lost, how long clients stall, how slow it is.

Reports only. A request is lost when it was sent, or its connection tried, and no answer of status
200 came; see benchmarks/tally.py. A reload is over when 20 new connections one after another were
answered by new workers.
"""

import argparse
import dataclasses
import os
import signal
import statistics
import time

from benchmarks import census
from benchmarks.disturbance import Damage, Disturbed, Settings, under_load
from benchmarks.disturbance_study import Study, main
from benchmarks.exact_load import LoadFailedError
from benchmarks.server_process import ServerFailedError
from benchmarks.wrk import WrkError

RELOADED_WITHIN_S = 20.0
SETTLE_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reloads:
    """What was seen of one server.

    Attributes:
        server: Its name.
        took_s: How long each reload took, in seconds.
        remark: What went wrong; empty if nothing did.
        damage: What clients saw; None if the load failed.
    """

    server: str
    took_s: tuple[float, ...]
    remark: str
    damage: Damage | None


def reload(there: Disturbed) -> tuple[float, bool]:
    """Reload once, and return how long it took until only new workers answer.

    Returns:
        The seconds, and whether the new workers have new code.

    Raises:
        ServerFailedError: That does not happen.
    """
    port = there.process.port
    old = census.ask_at_once(port)
    began, took = time.monotonic(), RELOADED_WITHIN_S
    os.kill(there.process.pid, signal.SIGHUP)
    try:
        took = census.until_replaced(port, old, within_s=RELOADED_WITHIN_S)
    finally:
        there.windows.append((int(began * 1e9), int((began + took) * 1e9)))
    new = census.ask(port)
    return took, all(new.generation != one.generation for one in old)


def measure(name: str, count: int, interval_s: float, settings: Settings) -> Reloads:
    """Start a server and load, and reload it that many times."""
    took: list[float] = []
    remark, damage = "", None
    try:
        with under_load(name, settings) as there:
            time.sleep(SETTLE_S)
            try:
                for _number in range(count):
                    next_one = time.monotonic() + interval_s
                    seconds, new_code = reload(there)
                    took.append(seconds)
                    if not new_code:
                        remark = "the new workers run the old code"
                    time.sleep(max(0.0, next_one - time.monotonic()))
            except (ServerFailedError, OSError) as error:
                remark = f"stopped after {len(took)} reloads: {error}"
            damage = there.end()
    except (ServerFailedError, LoadFailedError, WrkError, OSError) as error:
        remark = remark or str(error)
    return Reloads(server=name, took_s=tuple(took), remark=remark, damage=damage)


def row(seen: Reloads) -> list[object]:
    """Return the cells of one server."""
    damage = seen.damage
    if damage is None:
        return [seen.server, len(seen.took_s), *["-"] * 9, f"**FAILED**: {seen.remark[:300]}"]
    remarks = [f"{what} {count}" for what, count in damage.lost.items()]
    remarks += [f"wrk {damage.wrk_errors}"] if damage.wrk_errors else []
    remarks += [seen.remark] if seen.remark else []
    took = f"{statistics.median(seen.took_s):.2f} ({max(seen.took_s):.2f})" if seen.took_s else "-"
    return [
        seen.server,
        len(seen.took_s),
        took,
        damage.answered + damage.wrk_answered,
        f"**{damage.all_lost}**",
        damage.longest_stall_ms,
        damage.machine_gap_ms,
        damage.outside.p99_ms,
        damage.inside.p99_ms,
        damage.told_to_close,
        damage.closed_idle,
        "; ".join(remarks),
    ]


HEADER = (
    *("server", "reloads", "s for each: median (max)", "answered", "lost", "longest stall ms"),
    "machine gap ms",
    *("p99 ms outside", "p99 ms during", "told to close", "closed idle", "remarks"),
)
HOW_TO_READ = (
    "SIGHUP to a server with several workers, wrk and exact clients at full speed, for each until "
    "only new workers answer. *lost*: requests sent, or connections tried, without an answer of "
    "status 200. *longest stall*: the longest time that any one client was without an answer that "
    "was due, over the whole run; *machine gap*: the longest time that the machine kept one of "
    "the two cores from a thread that does next to nothing. p99 is that of clients that ask every "
    "10 ms, counted from when the request was due. *told to close*: answers with `Connection: "
    "close`; *closed idle*: connections that the server closed between two requests. Neither is a "
    "loss."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add to the command line how often, and how soon."""
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--interval", type=float, default=1.5, help="seconds between two, at least")


STUDY = Study(
    name="reload",
    description=__doc__,
    title="Reload under load",
    header=HEADER,
    how_to_read=lambda _arguments: HOW_TO_READ,
    add_arguments=add_arguments,
    measure=lambda name, given, settings: measure(name, given.reloads, given.interval, settings),
    row=row,
)


if __name__ == "__main__":
    raise SystemExit(main(STUDY))
