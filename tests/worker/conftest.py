"""Settings that several tests of the worker are run with."""

import pytest

from serverkit_worker.config import WorkerConfig
from tests.worker import driving
from tests.worker.carried_by_tls import carry_by_tls

# Whatever holds for connections in plain text holds over TLS.
OVER_TLS = (
    "test_exchange_send",
    "test_http1_connection",
    "test_http1_connection_bodies",
    "test_http1_connection_deadlines",
    "test_http1_connection_drain",
    "test_observation",
    "test_path_send",
    "test_redirecting",
    "test_websocket_backpressure",
    "test_websocket_closing",
    "test_websocket_deadlines",
    "test_websocket_denial",
    "test_websocket_observation",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some modules twice."""
    if metafunc.module.__name__.rpartition(".")[2] in OVER_TLS:
        metafunc.parametrize("carried", ["tcp", "tls"], indirect=True)


@pytest.fixture(autouse=True)
def carried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries the connections of `driving`."""
    if getattr(request, "param", "tcp") == "tls":
        monkeypatch.setattr(driving, "carry", carry_by_tls)


@pytest.fixture(params=["asyncio", "uvloop"])
def any_loop(request: pytest.FixtureRequest) -> WorkerConfig:
    """The defaults, with each kind of loop."""
    pytest.importorskip(request.param)
    return WorkerConfig(loop=request.param)
