"""The shortest way to serve."""

from pathlib import Path

import pytest

from serverkit_server.errors import AppImportError, LifespanError
from serverkit_server.run import run
from tests.server.served import App, failing_lifespan


def test_run_takes_settings_by_name() -> None:
    """`run` makes the configuration of its arguments, and refuses what is none."""
    with pytest.raises(TypeError, match="did you mean 'port'"):
        run(App(), prt=8000)
    with pytest.raises(ValueError, match="port must be"):
        run(App(), port=-1)
    with pytest.raises(LifespanError):
        run(failing_lifespan("startup"), port=0, log_config="none")


def test_a_failure_is_not_hidden_behind_frames_of_the_server() -> None:
    """Who calls `run` sees the own line, that of `run`, and the message."""
    with pytest.raises(AppImportError, match="There is no module 'nothing_of_that_name'") as caught:
        run("nothing_of_that_name:app")

    assert [Path(frame.path).name for frame in caught.traceback] == ["test_run.py", "run.py"]
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
