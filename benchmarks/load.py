"""What load generators of all kinds have in common: how they are run, and what they tell."""

from dataclasses import dataclass
from typing import Protocol, Self


class LoadError(Exception):
    """The load generator failed. Says what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load generator saw in one run.

    Attributes:
        requests: Answers that came completely.
        seconds: How long that took.
        p50_ms: Median time to an answer, in milliseconds.
        p99_ms: Time to an answer that 99 % kept, in milliseconds.
        max_ms: Longest time to an answer, in milliseconds.
        socket_errors: Connections refused, reset, and answers that timed out.
        bad_statuses: Answers of status 400 and above.
        own_cpu_share: Part of the time that the generator itself was busy; None where unknown.
        remark: What is to be known about the run; empty for nothing.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    socket_errors: int = 0
    bad_statuses: int = 0
    own_cpu_share: float | None = None
    remark: str = ""


class Loader(Protocol):
    """Loads one server, several times; a context manager. Owner: whoever entered it."""

    def __enter__(self) -> Self:
        """Get ready."""

    def __exit__(self, *_error: object) -> None:
        """End, and close all connections."""

    def command(self, seconds: int) -> list[str]:
        """Return the command line of a run of that length."""

    def run(self, seconds: int) -> Load:
        """Load the server for that long, and return what was seen.

        Raises:
            LoadError: That failed.
        """
