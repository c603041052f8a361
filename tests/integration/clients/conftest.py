"""A server with WebSockets for clients of all kinds, in each way to serve."""

from collections.abc import Iterator

import pytest

from tests.support.server_process import ServerProcess

APP = "tests.integration.frameworks.starlette_app:app"


WAYS = {
    "plain": (),
    "h11": ("--http1", "h11"),
    "uvloop": ("--loop", "uvloop"),
    "tls": ("TLS",),
    "tls-uvloop": ("TLS", "--loop", "uvloop"),
}


@pytest.fixture(scope="session", params=WAYS)
def server(request: pytest.FixtureRequest, tls_flags: tuple[str, ...]) -> Iterator[ServerProcess]:
    """Return a server with the application."""
    flags = WAYS[request.param]
    if "uvloop" in flags:
        pytest.importorskip("uvloop")
    if "TLS" in flags:
        flags = (*tls_flags, *flags[1:])
    with ServerProcess(APP, "--no-access-log", *flags) as server:
        yield server
        assert server.stop() == 0
    assert not server.complaints()
