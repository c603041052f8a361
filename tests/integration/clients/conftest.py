"""A server with WebSockets for clients of all kinds, with and without TLS."""

from collections.abc import Iterator

import pytest

from tests.support.server_process import ServerProcess

APP = "tests.integration.frameworks.starlette_app:app"


@pytest.fixture(scope="session", params=[False, True], ids=["plain", "tls"])
def server(request: pytest.FixtureRequest, tls_flags: tuple[str, ...]) -> Iterator[ServerProcess]:
    """Return a server with the application."""
    flags = tls_flags if request.param else ()
    with ServerProcess(APP, "--no-access-log", *flags) as server:
        yield server
        assert server.stop() == 0
    assert not server.complaints()
