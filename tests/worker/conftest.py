"""Settings that several tests of the worker are run with."""

import socket
from collections.abc import Iterator

import pytest

from serverkit_worker.config import WorkerConfig
from tests.worker import driving, running, transports
from tests.worker.carried_by_tls import carry_by_tls
from tests.worker.certificates import authority
from tests.worker.transports import Begin, Pair, begin_ours, begin_theirs

# Whatever holds for connections in plain text holds over TLS.
OVER_TLS = (
    "test_exchange_send",
    "test_http1_connection",
    "test_http1_connection_bodies",
    "test_http1_connection_deadlines",
    "test_http1_connection_drain",
    "test_observation",
    "test_path_send",
    "test_websocket_backpressure",
    "test_websocket_closing",
    "test_websocket_deadlines",
    "test_websocket_denial",
    "test_websocket_observation",
    "test_worker_drain",
    "test_worker_handed",
    "test_worker_reload",
    "test_worker_threads",
)
# But for clients that speak before anybody listens, or to somebody else.
PLAIN_ONLY = (
    "test_an_end_before_run_is_honoured",
    "test_what_comes_in_the_last_moment_is_served",
    "test_what_the_kernel_had_accepted_is_served",
    "test_whoever_comes_during_the_end_is_answered_or_not_accepted",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some modules twice."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in OVER_TLS and metafunc.function.__name__ not in PLAIN_ONLY:
        metafunc.parametrize("carried", ["tcp", "tls"], indirect=True)


@pytest.fixture(autouse=True)
def carried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries the connections of `driving` and `running`."""
    if getattr(request, "param", "tcp") == "tls":
        monkeypatch.setattr(driving, "carry", carry_by_tls)
        monkeypatch.setattr(running, "secure", authority())


@pytest.fixture(params=["asyncio", "uvloop"])
def any_loop(request: pytest.FixtureRequest) -> WorkerConfig:
    """The defaults, with each kind of loop."""
    pytest.importorskip(request.param)
    return WorkerConfig(loop=request.param)


@pytest.fixture(params=["ours", "ours-uvloop", "theirs"])
def begin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Our transport on each loop, and asyncio's own: what holds for one holds for the others."""
    if request.param == "ours-uvloop":
        pytest.importorskip("uvloop")
        monkeypatch.setattr(transports, "loop_name", "uvloop")
    return begin_theirs if request.param == "theirs" else begin_ours


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a connection: the client's, which does not block, and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), running.WAIT_S)
        server, _ = listener.accept()
    client.setblocking(False)  # noqa: FBT003  the standard library's signature
    with client, server:
        yield client, server
