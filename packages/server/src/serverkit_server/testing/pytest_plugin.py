"""Fixtures for pytest; pytest finds this module by the entry point `pytest11`."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from serverkit_server.testing.in_thread import TestServer
from serverkit_worker.asgi import ASGIApp


@pytest.fixture
def serverkit_server() -> Iterator[Callable[..., TestServer]]:
    """Start servers that end with the test.

    Call it with an application and any fields of `ServerConfig`; it returns a running `TestServer`.
    """
    with contextlib.ExitStack() as stack:

        def start(app: ASGIApp | str, **config: object) -> TestServer:
            return stack.enter_context(TestServer(app, **config))  # type: ignore[arg-type]

        yield start
