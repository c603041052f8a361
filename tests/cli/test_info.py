"""What runs here."""

import json
import platform
import sys

from serverkit_cli.info import gather, version_of
from serverkit_server.cpus import count_available_cpus
from tests.cli.conftest import Run


def test_info_is_json_in_a_pipe(run: Run) -> None:
    """A program gets one JSON object on stdout, and nothing on stderr."""
    result = run("info")

    assert result.exit_code == 0
    assert result.stderr == ""
    facts = json.loads(result.stdout)
    assert facts == gather()
    assert facts["python"]["version"] == platform.python_version()
    assert facts["python"]["gil"] is getattr(sys, "_is_gil_enabled", lambda: True)()
    assert facts["packages"]["serverkit-cli"] == version_of("serverkit-cli")
    parts = {"packages", "python", "workers", "loops", "tls", "http1", "platform"}
    assert facts.keys() == parts


def test_info_tells_of_workers() -> None:
    """How many CPUs there are for workers, and what several of them would be, are facts."""
    facts = gather()
    gil = facts["python"]["gil"]
    assert facts["workers"] == {
        "cpus_available": count_available_cpus(),
        "auto": "process (async)" if gil else "thread (async)",
    }


def test_info_is_text_when_asked_for(run: Run) -> None:
    """A person gets one line a fact."""
    lines = run("info", "--format", "text").stdout.splitlines()

    assert "python" in lines
    assert f"  version         {platform.python_version()}" in lines


def test_what_is_not_installed_has_no_version() -> None:
    """A distribution that is missing is told, not guessed."""
    assert version_of("no-such-distribution-anywhere") is None
