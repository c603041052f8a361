"""The kernel's count of processes killed for want of memory."""

from pathlib import Path

import pytest

from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.memory_events import KillCount
from serverkit_supervisor.notices import Ready
from serverkit_supervisor.processes import ProcessRunner
from tests.supervisor.process_workers import Waiting
from tests.supervisor.runs import Run

EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill {}\noom_group_kill 0\n"


def cgroup(folder: Path, lines: str, file: str = "", text: str = "") -> KillCount:
    """Make the files of a cgroup, as the kernel shows them."""
    listing = folder / "cgroup"
    listing.write_text(lines)
    mount = folder / "mount"
    if file:
        path = mount / file
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return KillCount(listing, mount)


@pytest.mark.parametrize(
    ("lines", "file", "text"),
    [
        ("0::/a/b\n", "a/b/memory.events", EVENTS.format(2)),
        ("0::/host/path\n", "memory.events", EVENTS.format(2)),
        (
            "9:cpu:/x\n4:memory:/a\n0::/\n",
            "memory/a/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        ),
        ("4:memory:/host/path\n0::/\n", "memory/memory.oom_control", "oom_kill 2\n"),
        ("5:cpu,memory:/a\n", "memory/a/memory.oom_control", "oom_kill 2\n"),
    ],
)
def test_the_count_is_found(tmp_path: Path, lines: str, file: str, text: str) -> None:
    """Both versions of cgroups are read, also from within a container."""
    assert cgroup(tmp_path, lines, file, text).read() == 2


@pytest.mark.parametrize(
    ("lines", "file", "text"),
    [
        ("0::/a\n", "", ""),
        ("", "memory.events", EVENTS.format(2)),
        ("nonsense\n\n", "memory.events", EVENTS.format(2)),
        ("0::/\n", "memory.events", "oom 3\n"),
        ("0::/\n", "memory.events", "oom_kill many\n"),
        ("0::/\n", "memory.events", "oom_kill \u00e9\n"),
    ],
)
def test_what_the_system_does_not_tell(tmp_path: Path, lines: str, file: str, text: str) -> None:
    """Where there is no count, there is none, and nothing is raised."""
    assert cgroup(tmp_path, lines, file, text).read() is None


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    """Other systems have no such files."""
    assert KillCount(tmp_path / "missing", tmp_path).read() is None
    assert KillCount().read() in {None, *range(1000)}


class Counting(KillCount):
    """A count as the test wishes."""

    def __init__(self, *counts: int | None) -> None:
        self.counts = list(counts)

    def read(self) -> int | None:
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]


@pytest.mark.parametrize(
    ("counts", "out_of_memory"),
    [
        ((0, 0, 1), True),
        ((0, 1, 1), False),
        ((0, 0, 0), False),
        ((None,), False),
        ((0, 0, None), False),
    ],
)
def test_a_killed_process_is_told_to_have_been_out_of_memory(
    counts: tuple[int | None, ...], *, out_of_memory: bool
) -> None:
    """That is so where the count grew since the last sign of life, and not where it did before."""
    count = Counting(*counts)
    with Run(Waiting, lambda spec, post: ProcessRunner(spec, post, kills=count)) as run:
        run.wait_for(Ready)
        run.runner.kill()
        assert run.exit().reason == ExitReason(signal="SIGKILL", out_of_memory=out_of_memory)
