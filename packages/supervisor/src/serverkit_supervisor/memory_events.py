"""How many processes of this cgroup the kernel has killed for want of memory."""

from pathlib import Path

_PROC = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


class KillCount:
    """The kernel's count of processes killed because the cgroup was over its limit.

    A process that was killed cannot say why. But where this number grew since its last sign of
    life, and SIGKILL was what ended it, the answer is known.

    Args:
        cgroup: which cgroups this process is in, as the kernel lists them.
        mount: where the cgroups are to be seen.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.events) and
    cgroup-v1/memory.rst (memory.oom_control).
    """

    def __init__(self, cgroup: Path = _PROC, mount: Path = _MOUNT) -> None:
        self._file = _find(cgroup, mount)

    def read(self) -> int | None:
        """Give the number; None where the system does not tell. Threads: any."""
        if self._file is None:
            return None
        try:
            lines = self._file.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            return None
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.isdecimal():
                return int(value)
        return None


def _find(cgroup: Path, mount: Path) -> Path | None:
    """Find the file that has the count."""
    try:
        lines = cgroup.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        # In a container the path may be that of the host, which is not to be seen from within.
        for place in (path.lstrip("/"), ""):
            if number == "0" and not controllers:
                file = mount / place / "memory.events"
            elif "memory" in controllers.split(","):
                file = mount / "memory" / place / "memory.oom_control"
            else:
                continue
            if file.is_file():
                return file
    return None
