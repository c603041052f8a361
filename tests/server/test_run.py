"""The shortest way to serve."""

import pytest

from serverkit_server.errors import (
    LifespanError,
)
from serverkit_server.run import run
from tests.server.served import (
    App,
    failing_lifespan,
)


def test_run_takes_settings_by_name() -> None:
    """`run` makes the configuration of its arguments, and refuses what is none."""
    with pytest.raises(TypeError, match="did you mean 'port'"):
        run(App(), prt=8000)
    with pytest.raises(ValueError, match="port must be"):
        run(App(), port=-1)
    with pytest.raises(LifespanError):
        run(failing_lifespan("startup"), port=0, log_config="none")
