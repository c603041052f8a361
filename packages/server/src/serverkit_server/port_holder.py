"""Finds the process that holds a port, where the system lets one look (Linux, in /proc)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"


def find_port_holder(port: int, *, proc: Path = Path("/proc")) -> str:
    """Describe the process that listens on a TCP port, such as `process 4711 (python3)`.

    Returns:
        An empty string where it cannot be found: another system, or a process of another user.
    """
    inodes = _listening_inodes(port, proc)
    if not inodes:
        return ""
    for process in proc.glob("[0-9]*"):
        if inodes.intersection(_open_files(process)):
            return f"process {process.name}{_name_of(process)}"
    return ""


def _listening_inodes(port: int, proc: Path) -> set[str]:
    """Give the sockets that listen on a port, as links in /proc/*/fd show them."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if int(words[1].rpartition(":")[2], 16) == port and words[3] == _LISTENING:
                found.add(f"socket:[{words[9]}]")
    return found


def _open_files(process: Path) -> Iterator[str]:
    """Give what a process has open; nothing where it is gone or belongs to somebody else."""
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                yield str(link.readlink())


def _name_of(process: Path) -> str:
    try:
        return f" ({(process / 'comm').read_text('utf-8').strip()})"
    except OSError:
        return ""
