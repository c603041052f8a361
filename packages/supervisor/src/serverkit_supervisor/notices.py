"""What a runner tells about its worker.

Rules:
    `source` is the runner itself. What became of the worker it runs is known by that alone, so a
    notice of a runner that was replaced meanwhile means nobody else.
"""

from dataclasses import dataclass

from serverkit_supervisor.exit_reason import ExitReason


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can answer its first client."""

    source: object


@dataclass(frozen=True, slots=True)
class Alive:
    """The worker is not hung. From the first time on, it is expected to say so again and again."""

    source: object


@dataclass(frozen=True, slots=True)
class RecycleWanted:
    """The worker asks for a replacement, and goes on until it is drained."""

    source: object
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """The worker was asked whether it is idle."""

    source: object
    idle: bool


@dataclass(frozen=True, slots=True)
class Stacks:
    """The worker was asked what its threads do."""

    source: object
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker raised. `Exited` follows.

    Args:
        source: the runner.
        error: what it raised; None where that could not come over from its process.
        traceback: as text; may be empty.
        summary: the error in one line, such as "ValueError: no such port"; may be empty.
    """

    source: object
    error: BaseException | None
    traceback: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """The worker is gone; nothing else comes from its runner. Exactly once."""

    source: object
    reason: ExitReason


type Notice = Ready | Alive | RecycleWanted | Status | Stacks | Failed | Exited
"""All that a runner tells."""
