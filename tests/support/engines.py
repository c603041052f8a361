"""The ways to serve HTTP/1 that the integration tests are repeated for."""

import pytest

ENGINES = [
    pytest.param(("--http1", "fast"), id="fast"),
    pytest.param(("--http1", "h11"), id="h11"),
]
UVLOOP = pytest.param(("--http1", "fast", "--loop", "uvloop"), id="uvloop")

ON_EVERY_ENGINE_AND_LOOP = pytest.mark.parametrize(
    "engine", [*ENGINES, UVLOOP], indirect=True, scope="session"
)
"""Marks what depends on the event loop too, such as closing and pausing."""

ON_EVERY_LOOP = pytest.mark.parametrize(
    "engine", [ENGINES[0], UVLOOP], indirect=True, scope="session"
)
"""Marks what depends on the event loop, takes long, and is the same for each engine."""
