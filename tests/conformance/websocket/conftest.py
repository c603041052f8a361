"""Every test here runs on a real worker, with each kind of loop; some also over TLS."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.websocket.serving import Connect, Loop, serving

LOOPS: tuple[Loop, ...] = ("asyncio", "uvloop")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Connect]]:
    """Give the way to a server by its name, which runs from its first use to the end of all."""
    running: dict[str, Connect] = {}
    with contextlib.ExitStack() as stack:

        def server(name: str) -> Connect:
            if name not in running:
                loop: Loop = "uvloop" if name.startswith("uvloop") else "asyncio"
                folder = tmp_path_factory.mktemp("tls") if name.endswith("tls") else None
                running[name] = stack.enter_context(serving(loop, folder))
            return running[name]

        yield server


@pytest.fixture(params=LOOPS)
def connect(request: pytest.FixtureRequest, servers: Callable[[str], Connect]) -> Connect:
    """Connect to a server that sends back what it receives."""
    pytest.importorskip(request.param)
    return servers(request.param)


@pytest.fixture(params=["asyncio", "uvloop", "asyncio-tls", "uvloop-tls"])
def connect_any(request: pytest.FixtureRequest, servers: Callable[[str], Connect]) -> Connect:
    """Do the same also over TLS."""
    pytest.importorskip(request.param.removesuffix("-tls"))
    return servers(request.param)
