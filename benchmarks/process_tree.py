"""What a process and its descendants take of the machine, as Linux tells in /proc."""

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")
# Fields of /proc/<pid>/stat counted from the state, which is the first after the name.
UTIME, STIME, CUTIME, CSTIME = 11, 12, 13, 14
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTime:
    """User and system time of a process tree since it began, by two clocks of the kernel.

    Attributes:
        by_schedstat_s: The scheduler's nanoseconds, of the threads that live now.
        by_stat_s: Ticks of a hundredth of a second, with ended threads and reaped children.
    """

    by_schedstat_s: float
    by_stat_s: float

    def __sub__(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(
            by_schedstat_s=self.by_schedstat_s - earlier.by_schedstat_s,
            by_stat_s=self.by_stat_s - earlier.by_stat_s,
        )

    @property
    def seconds(self) -> float:
        """The finer clock, unless threads that ended make it miss more than the coarse one errs."""
        if self.by_stat_s - self.by_schedstat_s > max(0.05, 0.03 * self.by_stat_s):
            return self.by_stat_s
        return self.by_schedstat_s

    @property
    def agree(self) -> bool:
        """Whether the clocks are within 3 %, or the few ticks that the coarse one rounds off."""
        return abs(self.by_stat_s - self.by_schedstat_s) <= max(0.05, 0.03 * self.by_stat_s)


def members(root: int) -> list[int]:
    """Return the process ids of a process and all its living descendants, parents first."""
    found = [root]
    for pid in found:
        try:
            for thread in (PROC / str(pid) / "task").iterdir():
                found.extend(map(int, (thread / "children").read_text().split()))
        except GONE:
            continue
    return found


def cpu_time(root: int) -> CpuTime:
    """Return the time on the processor of the tree below a process."""
    nanoseconds = ticks = 0
    for pid in members(root):
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(fields[at]) for at in (UTIME, STIME, CUTIME, CSTIME))
            for thread in (PROC / str(pid) / "task").iterdir():
                nanoseconds += int((thread / "schedstat").read_text().split()[0])
        except GONE:
            continue
    return CpuTime(by_schedstat_s=nanoseconds / 1e9, by_stat_s=ticks / TICKS_PER_SECOND)


def rss_bytes(root: int) -> int:
    """Return the resident memory of the tree; pages that are shared count more than once."""
    pages = 0
    for pid in members(root):
        try:
            pages += int((PROC / str(pid) / "statm").read_text().split()[1])
        except GONE:
            continue
    return pages * PAGE_BYTES


def pss_bytes(root: int) -> int:
    """Return the resident memory of the tree, each shared page divided among who shares it."""
    return _sum_bytes(root, "smaps_rollup", "Pss:")


def open_files(root: int) -> int:
    """Return how many files the tree has open; one that two processes have counts twice."""
    return sum(entries(pid, "fd") for pid in members(root))


def threads(root: int) -> int:
    """Return how many threads the tree has."""
    return sum(entries(pid, "task") for pid in members(root))


def entries(pid: int, folder: str) -> int:
    """Return how many entries a folder of one process has in /proc; 0 if it has ended."""
    try:
        return sum(1 for _entry in (PROC / str(pid) / folder).iterdir())
    except GONE:
        return 0


def forget_peak_rss(root: int) -> None:
    """Let the kernel's record of the tree's highest resident memory begin anew."""
    for pid in members(root):
        (PROC / str(pid) / "clear_refs").write_text("5")


def peak_rss_bytes(root: int) -> int:
    """Return the highest resident memory of the tree, as if all were at their highest at once."""
    return _sum_bytes(root, "status", "VmHWM:")


def _sum_bytes(root: int, file: str, field: str) -> int:
    """Add up what a file of each process in /proc says in KiB; those that have ended count as 0."""
    kibibytes = 0
    for pid in members(root):
        try:
            lines = (PROC / str(pid) / file).read_text().splitlines()
        except GONE:
            continue
        kibibytes += sum(int(line.split()[1]) for line in lines if line.startswith(field))
    return kibibytes * 1024


def core_busy_s(core: int) -> float:
    """Return for how long a core did anything at all, for whomever, since the machine started.

    Time that the hypervisor gave to somebody else is counted: it was not ours.
    """
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise ValueError(f"this machine has no core {core}")


def others_s(root: int) -> float:
    """Return for how long all cores did something for anybody but a process tree and our children.

    Those that this process has started and that have ended count as ours, such as a load generator.
    """
    cores = sum(core_busy_s(core) for core in os.sched_getaffinity(0))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return cores - cpu_time(root).by_stat_s - ended.ru_utime - ended.ru_stime


class Others:
    """What the rest of the machine takes of a core from now on. Owner: one measurement."""

    def __init__(self, core: int, root: int) -> None:
        """Begin.

        Args:
            core: The core.
            root: The process whose tree is pinned to it, and is not counted.
        """
        self._core = core
        self._root = root
        self._began = time.monotonic()
        self._busy_s = core_busy_s(core) - cpu_time(root).by_stat_s

    def share(self) -> float:
        """Return the part of the time since the beginning, from 0 to 1."""
        busy_s = core_busy_s(self._core) - cpu_time(self._root).by_stat_s - self._busy_s
        return max(0.0, busy_s / (time.monotonic() - self._began))
