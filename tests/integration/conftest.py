"""Servers for the integration tests, and their output in the report of a test that fails."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from tests.support import certificates
from tests.support.probe import Probe
from tests.support.server_process import ServerProcess
from tests.support.websocket import Dialer


class Serve:
    """Starts servers that end with the test. A server that was sloppy fails the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.servers: list[ServerProcess] = []

    def __call__(self, app: str, *flags: str) -> ServerProcess:
        """Start a server and wait until it listens."""
        server = ServerProcess(app, *flags)
        self.servers.append(self._stack.enter_context(server))
        return server


@pytest.fixture(scope="session")
def tls_flags(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return the flags for a server that speaks TLS; `ServerProcess.trust` trusts it."""
    return ("--ssl-certfile", str(certificates.issue(tmp_path_factory.mktemp("tls"))))


@pytest.fixture(scope="session")
def dial() -> Iterator[Dialer]:
    """Return what opens WebSockets."""
    with Dialer() as dialer:
        yield dialer


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers with flags of the test's own."""
    with ExitStack() as stack:
        factory = Serve(stack)
        yield factory
    complaints = [line for server in factory.servers for line in server.complaints()]
    assert not complaints


def servers_of(item: pytest.Item) -> list[ServerProcess]:
    """Return the servers that a test was given, by whatever fixture."""
    found: list[ServerProcess] = []
    for value in getattr(item, "funcargs", {}).values():
        match value:
            case ServerProcess():
                found.append(value)
            case Probe():
                found.append(value.server)
            case Serve():
                found.extend(value.servers)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the output of its servers to the report of a test that failed."""
    report = yield
    if report.failed:
        for server in servers_of(item):
            report.sections.append((f"output of {server.address}", server.output[-8000:]))
    return report
