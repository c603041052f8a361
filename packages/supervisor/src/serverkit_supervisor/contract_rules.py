"""What a worker keeps so that it can be supervised, rule by rule."""

import enum
from typing import NoReturn


class Rule(enum.Enum):
    """What a worker keeps, so that it can be supervised."""

    SHAPE = "the factory makes an object with run, set_lifespan_state, start_draining and is_idle"
    NEW_EACH_TIME = "the factory makes a new worker each time it is called"
    READY_IN_RUN = "ready is called by run, not before it"
    READY = "run calls ready as soon as the worker can serve"
    READY_ONCE = "ready is called once"
    STAYS = "run goes on until the worker is asked to end"
    IDLE = "is_idle is True when there is nothing in hand, before run, between two and after it"
    ASKED_RETURNS_AT_ONCE = "start_draining and shutdown return at once"
    ENDS = "run returns after start_draining and after shutdown, within a bounded time"
    ENDS_WELL = "run raises nothing when the worker is asked to end"
    REPEATABLE = "start_draining is harmless when repeated, and after the end"
    EARLY_DRAIN = "after start_draining before run, run returns by itself"
    TAKES = "connections that are handed over are taken"
    CLOSES = "a connection whose client is gone is closed, at the latest when run returns"
    LEAVES_SOCKETS = "the sockets of the context stay open"
    ALIVE = "a worker that once said that it is alive goes on saying so"
    REOPENS = "reopen_logs returns at once and raises nothing"
    TRAVELS = "the factory can be sent to a process"
    IN_PROCESS = "in a process the worker becomes ready, and ends when it is asked to"


def broken(rule: Rule, happened: str) -> NoReturn:
    """Say that a rule is broken, and how.

    Raises:
        AssertionError: always.
    """
    raise AssertionError(f"{rule.name}: {rule.value}. {happened}")
