"""Counts the CPUs that this process may use.

Rules:
    The smaller of two bounds counts: on which CPUs the process may run (its affinity), and how much
    time of them its control groups grant (their quota, as containers are given one).
    Part of a CPU counts as one: a quota of 1.5 is used up by two workers, not by one.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, "cpu.max", and
    Documentation/scheduler/sched-bwc.rst, "cpu.cfs_quota_us"; cgroups(7), "/proc/pid/cgroup".
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MOUNTS = PurePosixPath("sys/fs/cgroup")


def count_available_cpus(root: Path = Path("/")) -> int:
    """Count the CPUs that this process may use; 1 at least.

    Args:
        root: where `proc` and `sys` are found.
    """
    allowed = _count_allowed()
    quota = cpu_quota(root)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Give how many CPUs the control groups of this process grant; None: no bound is known.

    Args:
        root: where `proc` and `sys` are found.
    """
    try:
        memberships = root.joinpath("proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    quotas = [quota for line in memberships for quota in _quotas_of(line, root)]
    return min(quotas, default=None)


def _count_allowed() -> int:
    count = getattr(os, "process_cpu_count", None)  # from Python 3.13 on; it can be told otherwise
    if count is not None:
        return count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas_of(membership: str, root: Path) -> Iterator[float]:
    """Yield the quota of a group and of those around it; a line is `number:controllers:path`."""
    _, _, rest = membership.partition(":")
    controllers, colon, path = rest.partition(":")
    if colon and not controllers:
        for folder in _groups(root / _MOUNTS, path):
            yield from _quota_v2(folder)
    elif "cpu" in controllers.split(","):
        for mount in dict.fromkeys((controllers, "cpu")):
            for folder in _groups(root / _MOUNTS / mount, path):
                yield from _quota_v1(folder)


def _groups(mount: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and those above it.

    In a container the path may be that of the host, of which only the mount itself is there.
    """
    group = PurePosixPath(path.lstrip("/"))
    for each in (group, *group.parents):
        if ".." not in each.parts:
            yield mount / each


def _quota_v2(group: Path) -> Iterator[float]:
    quota, _, period = _read(group / "cpu.max").partition(" ")  # "150000 100000" or "max 100000"
    yield from _ratio(quota, period)


def _quota_v1(group: Path) -> Iterator[float]:
    yield from _ratio(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> Iterator[float]:
    # Neither "max" of the one version nor -1 of the other is a number of digits.
    if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
        yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
