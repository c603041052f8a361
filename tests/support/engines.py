"""The ways to serve HTTP/1 that the integration tests are repeated for."""

import pytest

ENGINES = [
    pytest.param(("--http1", "fast"), id="fast"),
    pytest.param(("--http1", "h11"), id="h11"),
]
TLS = pytest.param(("--http1", "fast", "tls"), id="tls")
UVLOOP = pytest.param(("--http1", "fast", "--loop", "uvloop"), id="uvloop")

ON_EVERY_ENGINE_AND_LOOP = pytest.mark.parametrize(
    "engine", [*ENGINES, UVLOOP, TLS], indirect=True, scope="session"
)
"""Marks what depends on the event loop and on TLS too, such as closing and pausing."""

ON_EVERY_ENGINE_AND_TLS = pytest.mark.parametrize(
    "engine", [*ENGINES, TLS], indirect=True, scope="session"
)
"""Marks what is to be the same over TLS, but for the loop."""

ON_EVERY_LOOP = pytest.mark.parametrize(
    "engine", [ENGINES[0], UVLOOP, TLS], indirect=True, scope="session"
)
"""Marks what depends on the event loop and on TLS, takes long, and is the same for each engine."""
