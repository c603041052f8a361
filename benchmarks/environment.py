"""Where a measurement was made: without it a number means nothing."""

import datetime
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import wrk
from benchmarks.server_process import ROOT

RESULTS = ROOT / "benchmarks" / "results"


class ToolMissingError(Exception):
    """A program of the operating system is not installed. Says how to get it."""


def require_tools(*names: str) -> None:
    """Look for programs.

    Raises:
        ToolMissingError: One is missing.
    """
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ToolMissingError(
            f"The benchmark needs {' and '.join(missing)} on the PATH, from the operating system: "
            "on Debian and Ubuntu `apt install wrk util-linux`, on Fedora `dnf install wrk`. "
            "It runs on Linux only, whose /proc it reads."
        )


def cpu_model() -> str:
    """Return the processor's name as the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()


def git(*words: str) -> str:
    """Return what git says in this checkout; empty outside one, or without git."""
    try:
        finished = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return finished.stdout.strip() if finished.returncode == 0 else ""


def gil_state() -> str:
    """Say whether this interpreter's GIL is on; each server's own is asked in its process."""
    return "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off"


def describe() -> dict[str, object]:
    """Return what is to be known about machine, kernel, Python and source."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "governor": governor.read_text().strip() if governor.exists() else None,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.platform(),
        "python": sys.version,
        "gil": gil_state(),
        "openssl": ssl.OPENSSL_VERSION,
        "wrk": wrk.version(),
        "git": git("rev-parse", "HEAD"),
        "uncommitted": bool(git("status", "--porcelain", "--", "packages", "benchmarks")),
        "load": os.getloadavg(),
    }


def save(folder: Path, kind: str, artifact: Mapping[str, object]) -> Path:
    """Write an artifact with its environment into a folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    path = folder / f"{now:%Y%m%dT%H%M%S.%fZ}-{kind}.json"
    ended = now.isoformat(timespec="seconds")
    whole = {"kind": kind, "ended": ended, "environment": describe(), **artifact}
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return path
