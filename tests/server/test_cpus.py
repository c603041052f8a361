"""How many CPUs there are for a server."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from serverkit_server.cpus import count_available_cpus, cpu_quota

MANY = 64
HOST_PATH = "/docker/0123"
V1 = f"4:cpuset:{HOST_PATH}\n3:cpu,cpuacct:{HOST_PATH}\n1:name=systemd:{HOST_PATH}\n"


@pytest.fixture
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process run on many CPUs, so that the quota is the smaller bound."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: MANY, raising=False)


def system(root: Path, membership: str, files: Mapping[str, str]) -> Path:
    """Make a folder that looks like the root of a system."""
    for name, text in {"proc/self/cgroup": membership, **files}.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.parametrize(
    ("membership", "files", "quota", "count"),
    [
        pytest.param("0::/\n", {"": "150000 100000\n"}, 1.5, 2, id="part of a CPU counts"),
        pytest.param("0::/\n", {"": "400000 100000\n"}, 4.0, 4, id="whole CPUs"),
        pytest.param("0::/\n", {"": "20000 100000\n"}, 0.2, 1, id="less than one"),
        pytest.param("0::/\n", {"": "max 100000\n"}, None, MANY, id="no quota"),
        pytest.param("0::/\n", {}, None, MANY, id="the root group has no such file"),
        pytest.param("0::/a/b\n", {"a/b": "max 100000", "a": "300000 100000"}, 3.0, 3, id="around"),
        pytest.param("0::/a\n", {"a": "300000 100000", "": "100000 50000"}, 2.0, 2, id="smallest"),
        pytest.param("0::/../../x\n", {"": "200000 100000"}, 2.0, 2, id="outside what is seen"),
        pytest.param("0::/\n", {"": "nonsense"}, None, MANY, id="what cannot be read"),
        pytest.param("0::/\n", {"": "100000 0"}, None, MANY, id="no period"),
        pytest.param("0::/\n", {"": "0 100000"}, None, MANY, id="no time"),
        pytest.param("gibberish\n", {"": "200000 100000"}, None, MANY, id="no membership"),
    ],
)
@pytest.mark.usefixtures("many_cpus")
def test_a_quota_of_version_2(
    tmp_path: Path, membership: str, files: dict[str, str], quota: float | None, count: int
) -> None:
    """The smallest quota of the group and those around it bounds the count; its parts count up."""
    root = system(
        tmp_path, membership, {f"sys/fs/cgroup/{name}/cpu.max": files[name] for name in files}
    )
    assert cpu_quota(root) == quota
    assert count_available_cpus(root) == count


@pytest.mark.parametrize(
    ("folder", "us", "quota"),
    [
        ("cpu,cpuacct", "250000", 2.5),
        ("cpu", "250000", 2.5),
        (f"cpu{HOST_PATH}", "250000", 2.5),
        ("cpu", "-1", None),
        ("cpuset", "250000", None),
    ],
)
@pytest.mark.usefixtures("many_cpus")
def test_a_quota_of_version_1(tmp_path: Path, folder: str, us: str, quota: float | None) -> None:
    """The quota is found where the controller is mounted, under either name."""
    place = f"sys/fs/cgroup/{folder}"
    files = {f"{place}/cpu.cfs_quota_us": us, f"{place}/cpu.cfs_period_us": "100000"}
    assert cpu_quota(system(tmp_path, V1, files)) == quota


def test_affinity_is_a_bound_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the quota, a process does not run on more CPUs than it may."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    root = system(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": "800000 100000"})
    assert count_available_cpus(root) == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="has no affinity")
def test_reads_the_affinity_where_python_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python could tell, the count is that of the CPUs in the affinity."""
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 7, 9})
    assert count_available_cpus(tmp_path) == 3


def test_there_is_always_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be found out there is one CPU; here there is at least one."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert count_available_cpus(tmp_path) == 1
    monkeypatch.undo()
    assert count_available_cpus() >= 1
