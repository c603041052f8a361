"""The distribution that holds the others together."""

import importlib.metadata
import subprocess
import sys

import pytest

import serverkit
import serverkit_cli.main
import serverkit_server

BOUND_S = 60


@pytest.mark.parametrize("name", ["Server", "ServerConfig", "run"])
def test_it_reexports_the_server(name: str) -> None:
    """`serverkit` offers the very objects of the server, not copies."""
    assert getattr(serverkit, name) is getattr(serverkit_server, name)


def test_it_has_no_other_names() -> None:
    """It holds no logic of its own."""
    assert sorted(serverkit.__all__) == ["Server", "ServerConfig", "__version__", "run"]


def test_its_version_is_that_of_the_distribution() -> None:
    """`__version__` is what was installed."""
    assert serverkit.__version__ == importlib.metadata.version("serverkit")


def test_it_runs_as_a_module() -> None:
    """`python -m serverkit` is the command line."""
    command = [sys.executable, "-W", "error", "-m", "serverkit", "--help"]

    assert "serve" in subprocess.check_output(command, text=True, timeout=BOUND_S)


def test_it_brings_the_command() -> None:
    """`serverkit` in the shell is the command line."""
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="serverkit")

    assert script.load() is serverkit_cli.main.main
