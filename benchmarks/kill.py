"""SIGKILL under load: of a worker, again and again, and then of the parent. Reports only.

A request is lost when it was sent, or its connection tried, and no answer of status 200 came. What
the killed worker had in work is lost with any server. What was lost *elsewhere* is not excused: it
is that of connections which another worker had answered before.
"""

import argparse
import dataclasses
import os
import select
import signal
import socket
import statistics
import time

from benchmarks import census, process_tree
from benchmarks.disturbance import Damage, Disturbed, Settings, under_load
from benchmarks.disturbance_study import Study, main
from benchmarks.exact_load import LoadFailedError
from benchmarks.server_process import ServerFailedError
from benchmarks.tally import LostRequest
from benchmarks.wrk import WrkError

RESTORED_WITHIN_S = 20.0
CHILDREN_GONE_WITHIN_S = 30.0
SETTLE_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kills:
    """What was seen of one server.

    Attributes:
        server: Its name.
        restored_s: How long after each kill all its workers answered again, in seconds.
        lost_elsewhere: Requests lost on connections that another worker had answered before.
        children_lived_s: How long children outlived their killed parent; None if they did not end.
        port_free_s: How long after that nobody listened any more; None if somebody still did.
        remark: What went wrong, or does not apply; empty if nothing.
        damage: What clients saw of the kills of workers; None if there were none.
    """

    server: str
    restored_s: tuple[float, ...] = ()
    lost_elsewhere: int = 0
    children_lived_s: float | None = None
    port_free_s: float | None = None
    remark: str = ""
    damage: Damage | None = None


def kill_worker(there: Disturbed, workers: int) -> tuple[float, int]:
    """Kill one worker, and return when all are there again, and which process it was.

    Raises:
        ServerFailedError: The number of workers is not restored in time.
    """
    port = there.process.port
    old = census.meet(port, workers, within_s=RESTORED_WITHIN_S)
    victim = min(worker.pid for worker in old)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    try:
        census.meet(port, workers, within_s=RESTORED_WITHIN_S, but_not=victim)
    finally:
        there.windows.append((int(began * 1e9), time.monotonic_ns()))
    return time.monotonic() - began, victim


def measure_workers(name: str, kills: int, interval_s: float, settings: Settings) -> Kills:
    """Start a server and load, and kill that many of its workers, one after another."""
    took: list[float] = []
    victims: list[int] = []
    remark = ""
    with under_load(name, settings) as there:
        time.sleep(SETTLE_S)
        if census.ask(there.process.port).pid == there.process.pid:
            return Kills(server=name, remark="its workers are threads: none can be killed alone")
        try:
            for _number in range(kills):
                next_one = time.monotonic() + interval_s
                seconds, victim = kill_worker(there, settings.workers)
                took.append(seconds)
                victims.append(victim)
                time.sleep(max(0.0, next_one - time.monotonic()))
        except (ServerFailedError, OSError) as error:
            remark = f"after {len(took)} kills: {error}"
            status = there.process.wait(0)
            remark += "" if status is None else f"; the whole server has ended with {status}"
        damage = there.end()
        elsewhere = 0 if remark else sum(lost_elsewhere(one, victims) for one in there.load.lost)
    return Kills(
        server=name,
        restored_s=tuple(took),
        lost_elsewhere=elsewhere,
        remark=remark,
        damage=damage,
    )


def lost_elsewhere(lost: LostRequest, victims: list[int]) -> bool:
    """Say whether a request was lost on a connection of a worker that was not killed."""
    return lost.last_body is not None and census.parse(lost.last_body).pid not in victims


def measure_parent(name: str, settings: Settings) -> tuple[float | None, float | None]:
    """Kill the parent under load; return how long its children lived, and the port was taken."""
    with under_load(name, dataclasses.replace(settings, use_wrk=False)) as there:
        process = there.process
        family = [os.pidfd_open(pid) for pid in process_tree.members(process.pid)]
        began = time.monotonic()
        os.kill(process.pid, signal.SIGKILL)
        try:
            lived = wait_for_end(family, began + CHILDREN_GONE_WITHIN_S)
            free = port_is_free(process.port)
            return (
                None if lived is None else lived - began,
                time.monotonic() - began if free else None,
            )
        finally:
            for member in family:
                end(member)
                os.close(member)


def wait_for_end(children: list[int], deadline: float) -> float | None:
    """Return when the last of these processes, by their descriptors, ended; None if one did not."""
    for child in children:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([child], [], [], left)[0]:
            return None
    return time.monotonic()


def end(child: int) -> None:
    """Kill a process by its descriptor if it still lives."""
    try:
        signal.pidfd_send_signal(child, signal.SIGKILL)
    except ProcessLookupError:
        return


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def measure(name: str, kills: int, interval_s: float, settings: Settings) -> Kills:
    """Do both with one server."""
    try:
        seen = measure_workers(name, kills, interval_s, settings)
    except (ServerFailedError, LoadFailedError, WrkError, OSError) as error:
        return Kills(server=name, remark=f"**FAILED**: {error}")
    try:
        lived, free = measure_parent(name, settings)
    except (ServerFailedError, LoadFailedError, OSError) as error:
        return dataclasses.replace(seen, remark=f"{seen.remark}; parent: **FAILED**: {error}")
    return dataclasses.replace(seen, children_lived_s=lived, port_free_s=free)


def row(seen: Kills) -> list[object]:
    """Return the cells of one server."""
    damage = seen.damage
    parent = [
        "-" if seen.children_lived_s is None else f"{seen.children_lived_s:.2f}",
        "-" if seen.port_free_s is None else "yes",
    ]
    if damage is None:
        return [seen.server, *["-"] * 8, *parent, seen.remark[:300]]
    remarks = [f"{what} {count}" for what, count in damage.lost.items()]
    remarks += [f"wrk {damage.wrk_errors}"] if damage.wrk_errors else []
    remarks += [seen.remark] if seen.remark else []
    took = seen.restored_s
    return [
        seen.server,
        len(took),
        f"{statistics.median(took):.2f} ({max(took):.2f})" if took else "never",
        damage.answered + damage.wrk_answered,
        f"**{damage.all_lost}**",
        seen.lost_elsewhere,
        damage.longest_stall_ms,
        damage.machine_gap_ms,
        damage.inside.p99_ms,
        *parent,
        "; ".join(remarks),
    ]


HEADER = (
    *("server", "kills", "s until restored: median (max)", "answered", "lost", "lost elsewhere"),
    *(
        "longest stall ms",
        "machine gap ms",
        "p99 ms meanwhile",
        "parent killed: children lived s",
        "port free",
    ),
    "remarks",
)
HOW_TO_READ = (
    "SIGKILL to one of several workers at a time, wrk and exact clients at full speed; the server "
    "is *restored* when as many workers answer as before. *lost*: requests sent, or connections "
    "tried, without an answer of status 200; what the killed worker had in work is lost with any "
    "server. *lost elsewhere*: of the exact clients, on connections that another worker had "
    "answered. *machine gap*: the longest time that the machine kept one of the two cores from a "
    "thread that does next to nothing. Then, in another run, SIGKILL to the parent: how long its "
    f"children lived (- for at least {CHILDREN_GONE_WITHIN_S:.0f} s), and whether the port was "
    "free then."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add to the command line how often, and how soon."""
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--interval", type=float, default=3.0, help="seconds between two, at least")


STUDY = Study(
    name="kill",
    description=__doc__,
    title="Killed workers and a killed parent under load",
    header=HEADER,
    how_to_read=lambda _arguments: HOW_TO_READ,
    add_arguments=add_arguments,
    measure=lambda name, given, settings: measure(name, given.kills, given.interval, settings),
    row=row,
)


if __name__ == "__main__":
    raise SystemExit(main(STUDY))
