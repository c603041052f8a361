"""The tools run and write down what they saw; nothing here says how fast anything is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc"),
    pytest.mark.skipif(shutil.which("taskset") is None, reason="taskset is not installed"),
]
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def run_tool(tool: str, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool on the cores that this process may use."""
    environment = os.environ | ({} if path is None else {"PATH": path})
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", f"benchmarks.{tool}", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def cores() -> tuple[str, ...]:
    """Return the arguments that name the cores to use."""
    allowed = os.sched_getaffinity(0)
    return ("--server-core", str(min(allowed)), "--client-core", str(max(allowed)))


def artifact_of(finished: subprocess.CompletedProcess[str], folder: Path) -> dict[str, Any]:
    """Return what a tool that went well wrote into its folder."""
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (path,) = folder.glob("*.json")
    artifact: dict[str, Any] = json.loads(path.read_text())
    assert {"cpu", "kernel", "python", "gil", "git"} <= artifact["environment"].keys()
    return artifact


@needs_wrk
def test_a_quick_run_writes_samples_commands_and_a_table(tmp_path: Path) -> None:
    """The artifact tells how each number came about, and names no place of this machine."""
    finished = run_tool(
        *("run", "--quick", "--servers", "floor", "--workloads", "hello,post-10k"),
        *("--connections", "4", "--latest", "--output", str(tmp_path), *cores()),
    )

    artifact = artifact_of(finished, tmp_path)
    assert artifact["schema"] == 1
    assert artifact["complete"] is True
    assert artifact["failures"] == []
    assert [one["workload"] for one in artifact["samples"]] == ["hello", "post-10k"]
    for sample in artifact["samples"]:
        assert sample["requests"] > 0
        assert sample["cpu_us"] > 0
        assert sample["pss_mib"] > 0
        assert not [error for error in sample["errors"] if "clocks" not in error]
    commands = artifact["servers"]["floor"]["commands"]
    assert "python -m benchmarks.floor hello" in commands["hello"]
    assert " -c4 -d1s --latency -s request.lua " in artifact["workloads"]["hello"]["load"]
    table = (tmp_path / "latest.md").read_text()
    assert "## hello, GET" in table
    assert str(Path(sys.executable).parent) not in table + json.dumps(commands)


def test_without_wrk_the_message_says_where_to_get_it(tmp_path: Path) -> None:
    """Nobody has to read a traceback to learn that a package is missing."""
    finished = run_tool("run", "--output", str(tmp_path), path="")

    assert finished.returncode == 2
    assert "needs wrk and taskset on the PATH" in finished.stderr
    assert "apt install" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not list(tmp_path.iterdir())


def test_an_unknown_server_is_refused_with_the_names_known() -> None:
    """A slip of the pen does not end in an empty table."""
    finished = run_tool("run", "--servers", "floor,nginx")

    assert finished.returncode == 2
    assert "nginx is none of floor, serverkit" in finished.stderr


def test_idle_connections_are_held_counted_and_weighed(tmp_path: Path) -> None:
    """All are opened, none is closed by the server, and a busy one is timed beside them."""
    finished = run_tool(
        *("idle_connections", "--server", "floor", "--connections", "50", "--rounds", "2"),
        *("--seconds", "1", "--warmup", "0.1", "--output", str(tmp_path), *cores()),
    )

    artifact = artifact_of(finished, tmp_path)
    assert artifact["connections"] == 50
    assert [one["still_open"] for one in artifact["rounds"]] == [50, 50]
    assert all(one["beside"]["requests"] > 1 for one in artifact["rounds"])


def test_slow_transfers_are_verified_and_their_memory_is_watched(tmp_path: Path) -> None:
    """Both directions go through the server under test, and arrive as they were sent."""
    finished = run_tool(
        *("slow_transfers", "--mib", "2", "--seconds", "0.5", "--output", str(tmp_path))
    )

    artifact = artifact_of(finished, tmp_path)
    for direction in ("upload", "download"):
        assert artifact[direction]["intact"] is True
        assert artifact[direction]["length"] == 2 * 2**20
        assert artifact[direction]["idle_rss_mib"] > 1
        assert artifact[direction]["peak_rss_mib"] > 1


def test_a_drain_is_counted(tmp_path: Path) -> None:
    """Each request that was being served at SIGTERM is either answered or named as lost."""
    finished = run_tool("drain", "--requests", "5", "--seconds", "1", "--output", str(tmp_path))

    artifact = artifact_of(finished, tmp_path)
    assert artifact["requests"] == artifact["answered"] + len(artifact["lost"]) == 5
    assert artifact["status"] is not None


@needs_wrk
def test_reloads_are_counted_and_timed(tmp_path: Path) -> None:
    """Each reload has its time, and clients saw what they lost, which here is nothing."""
    finished = run_tool(
        *("reload", "--servers", "serverkit-threads", "--reloads", "2", "--interval", "0.2"),
        *("--output", str(tmp_path), "--latest", *cores()),
    )

    (result,) = artifact_of(finished, tmp_path)["results"]
    assert len(result["took_s"]) == 2
    assert result["remark"] == ""
    assert result["damage"]["answered"] > 0
    assert result["damage"]["wrk_answered"] > 0
    assert result["damage"]["lost"] == {}
    assert "## Reload under load" in (tmp_path / "latest-supervised.md").read_text()


@needs_wrk
def test_kills_are_counted_and_timed(tmp_path: Path) -> None:
    """The workers are restored after each kill, and no child outlives its parent."""
    finished = run_tool(
        *("kill", "--servers", "serverkit-processes", "--kills", "1", "--interval", "0.2"),
        *("--output", str(tmp_path), *cores()),
    )

    (result,) = artifact_of(finished, tmp_path)["results"]
    assert len(result["restored_s"]) == 1
    assert result["remark"] == ""
    assert result["lost_elsewhere"] == 0
    assert result["children_lived_s"] is not None
    assert result["port_free_s"] is not None


def test_the_spread_is_counted_for_all_workers(tmp_path: Path) -> None:
    """Every connection has a worker, in both ways to open them."""
    finished = run_tool(
        *("spread", "--servers", "serverkit-threads", "--connections", "12", "--workers", "3"),
        *("--output", str(tmp_path)),
    )

    (result,) = artifact_of(finished, tmp_path)["results"]
    assert sum(result["one_by_one"]) == sum(result["at_once"]) == 12
    assert len(result["one_by_one"]) == 3


@needs_wrk
def test_short_connections_are_compared(tmp_path: Path) -> None:
    """Each server is measured in both places, and none of its requests fails."""
    finished = run_tool(
        *("short_connections", "--servers", "serverkit,serverkit-threads", "--rounds", "1"),
        *("--seconds", "1", "--connections", "4", "--output", str(tmp_path), *cores()),
    )

    samples = artifact_of(finished, tmp_path)["samples"]
    assert len(samples) == 4
    assert all(one["requests_per_s"] > 0 and not one["error"] for one in samples)


@needs_wrk
def test_memory_and_speed_are_compared(tmp_path: Path) -> None:
    """One worker and several are weighed and timed."""
    finished = run_tool(
        *("thread_scaling", "--servers", "serverkit-threads", "--rounds", "1", "--seconds", "1"),
        *("--connections", "4", "--output", str(tmp_path)),
    )

    artifact = artifact_of(finished, tmp_path)
    assert [one["workers"] for one in artifact["memory"]] == [1, 4]
    assert [one["workers"] for one in artifact["speed"]] == [1, 2]
    assert all(one["pss_mib"] > 0 for one in artifact["memory"])
    assert all(one["per_cpu_s"] > 0 for one in artifact["speed"])


def test_idle_servers_are_watched(tmp_path: Path) -> None:
    """Each server that was started has its share of a core."""
    finished = run_tool(
        *("idle_cpu", "--servers", "serverkit,serverkit-threads", "--seconds", "0.5"),
        *("--output", str(tmp_path)),
    )

    results = artifact_of(finished, tmp_path)["results"]
    assert [one["server"] for one in results] == ["serverkit", "serverkit-threads"]
    assert all(one["processes"] == 1 and not one["error"] for one in results)


@needs_wrk
def test_a_soak_samples_what_the_server_has(tmp_path: Path) -> None:
    """Memory, files and threads are there for each interval, with what was lost."""
    finished = run_tool(
        *("soak", "--servers", "serverkit-threads", "--seconds", "3", "--interval", "0.4"),
        *("--output", str(tmp_path), *cores()),
    )

    (result,) = artifact_of(finished, tmp_path)["results"]
    assert len(result["samples"]) == result["reloads"] >= 1
    assert result["damage"]["lost"] == {}
    assert all(one["rss_mib"] > 1 and one["files"] > 1 for one in result["samples"])


def test_echoes_over_websockets_are_measured(tmp_path: Path) -> None:
    """Plain and deflated messages of serverkit, and plain ones of the floor, have their rows."""
    finished = run_tool(
        *("websocket", "--quick", "--servers", "floor,serverkit"),
        *("--workloads", "text-64,binary-64k-deflate", "--connections", "4", "--latest"),
        *("--output", str(tmp_path), *cores()),
    )

    artifact = artifact_of(finished, tmp_path)
    assert artifact["failures"] == []
    assert {(one["workload"], one["server"]) for one in artifact["samples"]} == {
        ("text-64", "floor"),
        ("text-64", "serverkit"),
        ("binary-64k-deflate", "serverkit"),
    }
    assert all(one["requests"] > 0 and one["cpu_us"] > 0 for one in artifact["samples"])
    assert "benchmarks.websocket_load" in artifact["workloads"]["text-64"]["load"]
    assert "CPU us per message" in (tmp_path / "latest-websocket.md").read_text()


def test_idle_websockets_are_weighed_and_watched(tmp_path: Path) -> None:
    """With deflate and without, all are held, and what they take is told for each."""
    finished = run_tool(
        *("idle_websockets", "--servers", "serverkit", "--connections", "20"),
        *("--seconds", "0.5", "--output", str(tmp_path)),
    )

    results = artifact_of(finished, tmp_path)["results"]
    assert [one["deflate"] for one in results] == ["plain", "deflate"]
    assert [one["error"] for one in results] == ["", ""]
    assert [one["still_open"] for one in results] == [20, 20]


@needs_wrk
def test_tls_is_measured(tmp_path: Path) -> None:
    """Requests on kept connections, and new connections with a resumed session."""
    finished = run_tool(
        *("tls", "--quick", "--servers", "serverkit", "--workloads", "hello,resumed"),
        *("--connections", "4", "--output", str(tmp_path), *cores()),
    )

    artifact = artifact_of(finished, tmp_path)
    assert artifact["failures"] == []
    assert [one["workload"] for one in artifact["samples"]] == ["hello", "resumed"]
    assert all(one["requests"] > 0 and one["cpu_us"] > 0 for one in artifact["samples"])
    assert "100% resumed" in artifact["samples"][1]["remark"]
