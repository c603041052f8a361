"""Servers with several workers, in threads and in processes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.support.server_process import ServerProcess
from tests.support.supervised import APP, meet

type Supervise = Callable[..., ServerProcess]


@pytest.fixture(params=["thread", "process"])
def mode(request: pytest.FixtureRequest) -> str:
    """Return a kind of worker."""
    name: str = request.param
    return name


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the application notes calls."""
    file = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(file))
    return file


@pytest.fixture
def supervise(serve: Serve, mode: str) -> Supervise:
    """Start servers with some workers of that kind, and wait until all answer, if not told not to.

    Those who have asked may count for a moment after they have left.
    """

    def start(
        *flags: str, workers: int = 2, app: str = APP, meets_all: bool = True
    ) -> ServerProcess:
        many = ("--workers", str(workers), "--worker-mode", mode)
        server = serve(app, "--no-access-log", *many, *flags)
        if meets_all:
            meet(server, workers)
        return server

    return start
