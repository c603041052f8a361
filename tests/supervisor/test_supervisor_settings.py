"""What a supervisor can be made of, and what does not go together."""

import sys

import pytest

from serverkit_supervisor import Supervisor, SupervisorConfig, WorkerGroup
from tests.supervisor.echo_workers import Echo, Idle


def test_a_factory_that_cannot_travel_is_refused_for_processes() -> None:
    """With what to do about it; threads take it."""
    with pytest.raises(TypeError, match="factory"):
        Supervisor(lambda context: Echo(context), mode="process")

    assert Supervisor(lambda context: Echo(context), mode="thread").mode == "thread"


def test_a_bound_of_memory_is_for_processes() -> None:
    """Threads share theirs."""
    with pytest.raises(ValueError, match="worker_max_rss must be 0 in threads, not 5"):
        Supervisor(Echo, SupervisorConfig(worker_max_rss=5), mode="thread")


def test_there_are_two_modes() -> None:
    """And groups have different names."""
    with pytest.raises(ValueError, match="mode must be 'thread', 'process' or None, not 'fiber'"):
        Supervisor(Echo, mode="fiber")  # type: ignore[arg-type]
    pool = WorkerGroup(name="pool", factory=Idle)
    with pytest.raises(ValueError, match="groups must have different names, not pool, pool"):
        Supervisor(Echo, mode="thread", groups=(pool, pool))


def test_the_mode_is_by_the_gil_where_nothing_is_said() -> None:
    """Threads where Python runs without it."""
    ask = getattr(sys, "_is_gil_enabled", lambda: True)

    assert Supervisor(Echo).mode == ("process" if ask() else "thread")


def test_the_worker_count_is_never_zero() -> None:
    """Before the run it is what was asked for."""
    assert Supervisor(Echo, SupervisorConfig(worker_count=3), mode="thread").worker_count == 3
