"""A server for the application of each framework, with and without TLS."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.server_process import WAIT_S, ServerProcess

FRAMEWORKS = ["fastapi", "starlette", "django", "quart", "litestar"]


@pytest.fixture(scope="session", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    """Return the name of a framework."""
    name: str = request.param
    return name


@pytest.fixture(scope="session", params=[False, True], ids=["plain", "tls"])
def server(
    request: pytest.FixtureRequest, framework: str, tls_flags: tuple[str, ...]
) -> Iterator[ServerProcess]:
    """Return a server with the application of one framework."""
    app = f"tests.integration.frameworks.{framework}_app:app"
    flags = ("--max-request-size", "10000000", "--keep-alive-timeout", "60")
    with ServerProcess(app, *flags, *(tls_flags if request.param else ())) as server:
        yield server
        assert server.stop() == 0
    assert not server.complaints()


@pytest.fixture
def new_client(server: ServerProcess) -> Callable[[], httpx.Client]:
    """Return what makes a client of the server that keeps its connections open."""
    trust = server.trust or True
    return lambda: httpx.Client(base_url=server.url, timeout=WAIT_S, trust_env=False, verify=trust)


@pytest.fixture
def client(new_client: Callable[[], httpx.Client]) -> Iterator[httpx.Client]:
    """Return a client."""
    with new_client() as client:
        yield client
