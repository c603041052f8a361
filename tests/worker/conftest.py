"""Settings that several tests of the worker are run with."""

import pytest

from serverkit_worker.config import WorkerConfig


@pytest.fixture(params=["asyncio", "uvloop"])
def any_loop(request: pytest.FixtureRequest) -> WorkerConfig:
    """The defaults, with each kind of loop."""
    pytest.importorskip(request.param)
    return WorkerConfig(loop=request.param)
