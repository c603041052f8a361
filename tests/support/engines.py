"""On which engine, event loop and transport a test of `tests/integration/http1` runs.

What bytes mean is decided by the engine, and proven for both of them in `tests/conformance` and
`tests/proto`. How a connection is read, paused and closed is decided above the loop and TLS, and
proven for each of them in `tests/worker`. Left to prove here is that a server from the command
line is put together of all this, for which nobody needs every product of everything:

- What talks to a server that many tests share costs a millisecond. It is repeated for each engine,
  and for the loop and TLS where these have a part in it.
- What starts a server of its own, with other settings, costs a third of a second. It is run once,
  but for what the loop or TLS decides, such as the end of a connection.
"""

import pytest

FAST = pytest.param(("--http1", "fast"), id="fast")
H11 = pytest.param(("--http1", "h11"), id="h11")
UVLOOP = pytest.param(("--http1", "fast", "--loop", "uvloop"), id="uvloop")
TLS = pytest.param(("--http1", "fast", "tls"), id="tls")

ENGINES = [FAST, H11]

# The mark that is nearest to a test counts; without one it is run on each engine.
ON_ONE = pytest.mark.ways(FAST)
"""Marks what starts a server for a setting that neither the loop nor TLS knows of."""

ON_TLS_TOO = pytest.mark.ways(FAST, TLS)
"""Marks what starts a server for a setting that TLS has a part in."""

ON_EVERY_ENGINE_AND_TLS = pytest.mark.ways(FAST, H11, TLS)
"""Marks what is to be the same over TLS, but for the loop."""

ON_EVERY_LOOP = pytest.mark.ways(FAST, UVLOOP, TLS)
"""Marks what depends on the event loop and on TLS, and is the same for each engine."""

ON_EVERY_ENGINE_AND_LOOP = pytest.mark.ways(FAST, H11, UVLOOP, TLS)
"""Marks what depends on all of them, such as closing and pausing."""
