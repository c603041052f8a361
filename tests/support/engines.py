"""The ways to serve HTTP/1 that the integration tests are repeated for."""

import pytest

ENGINES = [
    pytest.param(("--http1", "fast"), id="fast"),
    pytest.param(("--http1", "h11"), id="h11"),
]
EVERY_ENGINE_AND_LOOP = [
    *ENGINES,
    pytest.param(("--http1", "fast", "--loop", "uvloop"), id="uvloop"),
]
ON_EVERY_LOOP = pytest.mark.parametrize(
    "engine", EVERY_ENGINE_AND_LOOP, indirect=True, scope="session"
)
"""Marks what depends on the event loop too, such as closing and pausing."""
