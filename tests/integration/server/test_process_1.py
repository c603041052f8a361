"""The server as the first process of a container."""

import http.client
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import until

pytestmark = pytest.mark.slow
CONTAINER = (
    *("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"),
    "--kill-child",  # which does not hear what ends its parent
)
# Leaves behind a process whose parent is gone, and which ends at once.
ORPHAN = """
import os
import subprocess

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/orphan":
        subprocess.run(["sh", "-c", "(true &) ; exit 0"], check=True)
    code = subprocess.run(["sh", "-c", "exit 5"]).returncode
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(code).encode()})
"""


def can_be_contained() -> bool:
    """Say whether this user can make a process 1 of its own."""
    try:
        subprocess.run([*CONTAINER, "true"], check=True, capture_output=True, timeout=WAIT_S)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Contained(ServerProcess):
    """A server that is process 1."""

    def __init__(self, app: str, *flags: str) -> None:
        super().__init__(app, *flags)
        self.command = [*CONTAINER, *self.command]

    def outer_pid(self) -> int:
        """Return the number by which the world outside knows the server."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _stat(folder)[1:2] == [str(self.pid)]:
                return int(folder.name)
        raise AssertionError("the server does not run")


def _stat(folder: Path) -> list[str]:
    """Return state, parent and so on of a process."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def dead_children(pid: int) -> list[str]:
    """Return the children of a process that have ended and were not waited for."""
    found = (_stat(each) for each in Path("/proc").iterdir() if each.name.isdigit())
    return [fields[0] for fields in found if fields[:2] == ["Z", str(pid)]]


@pytest.mark.skipif(not can_be_contained(), reason="no process 1 can be made")
def test_process_1(tmp_path: Path) -> None:
    """It removes orphans quietly, keeps exit codes for the application, refuses an upgrade."""
    (tmp_path / "orphans.py").write_text(ORPHAN, "utf-8")
    flags = ("--app-dir", str(tmp_path), "--worker-mode", "process", "--workers", "2")
    with Contained("orphans:app", *flags) as server:
        pid = server.outer_pid()
        for path in ("/orphan", "/orphan", "/"):
            assert not isinstance(server.address, str)
            client = http.client.HTTPConnection(*server.address, timeout=WAIT_S)
            client.request("GET", path)
            assert client.getresponse().read() == b"5"
            client.close()
        until(lambda: not dead_children(pid), "the removal of the dead")
        os.kill(pid, signal.SIGUSR2)
        server.wait_for_output("No upgrade: process 1 of a container cannot end")
        os.kill(pid, signal.SIGTERM)
        assert server.wait() == 0
        assert "WARNING" not in server.output
