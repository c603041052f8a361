"""The life of one run of a worker, as a table. What is not in it cannot happen.

Rules:
    A worker that is given no way to end by itself is given one more, harder one: the way from any
    state to GONE or ABANDONED is bounded.
    A run is never used twice. To run a worker again, another run is begun at STARTING.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.Enum):
    """How far a run is."""

    STARTING = "starting"
    """It was started and did not say yet that it is ready."""
    SERVING = "serving"
    """It said that it is ready."""
    DRAINING = "draining"
    """It was asked to finish what it has, since another takes its place."""
    STOPPING = "stopping"
    """It was asked to stop, since all end."""
    STUCK = "stuck"
    """It is late, and was asked what its threads do."""
    TERMINATED = "terminated"
    """It was told to end: a process by SIGTERM, a thread once more by a request."""
    KILLED = "killed"
    """A process was ended by SIGKILL."""
    ABANDONED = "abandoned"
    """A thread that does not end. It cannot be killed, so it is left behind and reported."""
    GONE = "gone"
    """It has ended."""


class Event(enum.Enum):
    """What happens to a run."""

    READY = "ready"
    """It says that it can answer its first client."""
    DRAIN = "drain"
    """Another takes its place."""
    STOP = "stop"
    """All are to end."""
    OVERDUE = "overdue"
    """The time for its state is over."""
    ABORT = "abort"
    """All are to end at once."""
    UNKILLABLE = "unkillable"
    """It cannot be killed."""
    EXITED = "exited"
    """It has ended."""


_FINAL = {Event.ABORT: State.KILLED, Event.EXITED: State.GONE}

TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.STARTING: {
            Event.READY: State.SERVING,
            Event.DRAIN: State.DRAINING,
            Event.STOP: State.STOPPING,
            Event.OVERDUE: State.STUCK,
            **_FINAL,
        },
        State.SERVING: {
            Event.READY: State.SERVING,
            Event.DRAIN: State.DRAINING,
            Event.STOP: State.STOPPING,
            Event.OVERDUE: State.STUCK,
            **_FINAL,
        },
        State.DRAINING: {
            Event.READY: State.DRAINING,
            Event.DRAIN: State.DRAINING,
            Event.STOP: State.STOPPING,
            Event.OVERDUE: State.STOPPING,
            **_FINAL,
        },
        State.STOPPING: {
            Event.READY: State.STOPPING,
            Event.DRAIN: State.STOPPING,
            Event.STOP: State.STOPPING,
            Event.OVERDUE: State.STUCK,
            **_FINAL,
        },
        State.STUCK: {
            Event.READY: State.STUCK,
            Event.DRAIN: State.STUCK,
            Event.STOP: State.STUCK,
            Event.OVERDUE: State.TERMINATED,
            **_FINAL,
        },
        State.TERMINATED: {
            Event.READY: State.TERMINATED,
            Event.DRAIN: State.TERMINATED,
            Event.STOP: State.TERMINATED,
            Event.OVERDUE: State.KILLED,
            **_FINAL,
        },
        State.KILLED: {
            Event.READY: State.KILLED,
            Event.DRAIN: State.KILLED,
            Event.STOP: State.KILLED,
            Event.OVERDUE: State.ABANDONED,
            Event.UNKILLABLE: State.ABANDONED,
            **_FINAL,
        },
        State.ABANDONED: {
            Event.READY: State.ABANDONED,
            Event.DRAIN: State.ABANDONED,
            Event.STOP: State.ABANDONED,
            Event.ABORT: State.ABANDONED,
            Event.EXITED: State.GONE,
        },
        State.GONE: {},
    }
)
"""What follows from what."""

COMING_UP = frozenset({State.STARTING, State.SERVING, State.STUCK})
"""It may yet serve; or it is late, and what it does is about to be known."""
OVER = frozenset({State.ABANDONED, State.GONE})
"""Nothing more is to be expected or done."""


def follow(state: State, event: Event) -> State:
    """Give the state after an event.

    Raises:
        AssertionError: the event cannot happen in this state; the fault is the supervisor's.
    """
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise AssertionError(f"{event.name} cannot happen to a run that is {state.value}")
    return after
