"""How long the end takes at most, as the guide says it and as the code has it."""

import pytest

from serverkit_server.config import ServerConfig
from serverkit_supervisor.patience import KILL_S, STACKS_S, TERMINATE_S, Patience
from serverkit_supervisor.states import State
from tests.docs.pages import ROOT

GUIDE = " ".join((ROOT / "docs/guides/deployment.md").read_text("utf-8").split())
TO_THE_END = (State.STOPPING, State.STUCK, State.TERMINATED, State.KILLED)


@pytest.mark.parametrize("timeout_s", [2.0, 30.0])
def test_a_worker_that_does_not_answer_is_given_no_longer_than_the_guide_says(
    timeout_s: float,
) -> None:
    """From the moment it is told to stop, through all that follows, to where it is left behind."""
    config = ServerConfig(shutdown_timeout=timeout_s).supervisor_config(1)
    patience = Patience(config, worker_timeout_s=0)
    bounds = [patience.with_state(state, is_watched=False) for state in TO_THE_END]

    assert "twice `shutdown_timeout` and 13 seconds" in GUIDE
    assert sum(bound for bound in bounds if bound is not None) == 2 * timeout_s + 13
    assert None not in bounds


def test_the_guide_says_how_that_time_is_made_up() -> None:
    """A second for the stacks, two after SIGTERM, five after SIGKILL."""
    assert (STACKS_S, TERMINATE_S, KILL_S) == (1, 2, 5)
    assert "as long again for its application and threads, and 5 seconds" in GUIDE
    assert "a process 2 seconds more after SIGTERM and up to 5 after SIGKILL" in GUIDE
