"""One server for each way to serve HTTP/1 and each application, for the whole session."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.engines import ENGINES
from tests.support.probe import Probe
from tests.support.server_process import ServerProcess


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for the ways to serve that its mark names; see `tests.support.engines`."""
    if "engine" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("ways")
        ways = mark.args if mark else ENGINES
        metafunc.parametrize("engine", ways, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest, tls_flags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flags that choose the engine and TLS, for servers of the test's own."""
    flags: tuple[str, ...] = request.param
    if "tls" in flags:
        return (*flags[:-1], *tls_flags)
    if "uvloop" in flags:
        pytest.importorskip("uvloop")
    return flags


@contextmanager
def shared(app: str, *flags: str) -> Iterator[ServerProcess]:
    """Run a server that many tests use, and see that it ends well after all of them."""
    patient = ("--keep-alive-timeout", "60")  # a busy machine may let a client pause for long
    with ServerProcess(app, "--no-access-log", *patient, *flags) as server:
        yield server
        assert server.stop(signal.SIGTERM) == 0, server.output
    assert not server.complaints()


@pytest.fixture(scope="session")
def probe(engine: tuple[str, ...]) -> Iterator[Probe]:
    """Return a server with the probe application and settings as they are by default."""
    with shared("tests.support.apps.probe:app", *engine) as server:
        yield Probe(server)


@pytest.fixture(scope="session")
def faulty(engine: tuple[str, ...]) -> Iterator[Probe]:
    """Return a server with the application that breaks the rules."""
    with shared("tests.support.apps.faulty:app", *engine) as server:
        yield Probe(server)
