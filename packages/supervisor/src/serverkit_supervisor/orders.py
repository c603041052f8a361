"""What the engine is told, besides what the runners tell of their workers."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from serverkit_supervisor.generation import Generation
from serverkit_supervisor.notices import Notice


class Order(enum.Enum):
    """What the owner of a supervisor may ask of it."""

    SHUTDOWN = "shutdown"
    HAND_OVER = "hand over"
    ABORT = "abort"
    RELOAD = "reload"
    RESTART = "restart"
    ADD_WORKER = "add a worker"
    REMOVE_WORKER = "remove a worker"
    REOPEN_LOGS = "reopen the logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The code was imported anew, or could not be.

    Args:
        source: the renewal that says so.
        generation: what came of it; None where it failed.
        error, traceback: why it failed.
    """

    source: object
    generation: Generation | None = None
    error: BaseException | None = None
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Somebody wants to know whether the engine is alive.

    Args:
        answer: called by the engine's thread.
    """

    answer: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Look:
    """Something has changed that the engine can see for itself."""


type Message = Notice | Order | Question | Renewed | Look
"""All that reaches the engine."""
