"""Runs commands in a folder and an environment of their own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from serverkit_cli.main import cli

type Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one; nothing in the environment is about us."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SERVERKIT_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """A function that runs `serverkit` with its arguments in this process."""
    assert folder == Path.cwd()

    def invoke(*arguments: str, **environ: str) -> Result:
        return CliRunner(env=environ).invoke(cli, arguments, prog_name="serverkit")

    return invoke
