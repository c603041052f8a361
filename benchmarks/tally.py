"""What exact clients count: each request that they began ends as one of these.

A request is *answered* when the whole answer of status 200 came. Everything else is *lost*, and
kept with its reason. What is no loss, since nothing was asked: that the server closes an idle
connection, or says `Connection: close`. A client cannot know whether a server closed a connection
before or after it read what was just sent on it; such a request counts as lost, as it is for its
client.
"""

import statistics
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

type Window = tuple[int, int]


class Loss(StrEnum):
    """How a request was lost."""

    REFUSED = "refused"
    """No connection could be made."""
    CUT = "cut"
    """The connection ended, by close or reset, before a whole answer to what was sent."""
    TIMEOUT = "timeout"
    """Nothing happened for as long as the client was patient."""
    WRONG = "wrong"
    """An answer of another status than 200, or no HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRequest:
    """One request without an answer.

    Attributes:
        kind: How it was lost.
        detail: What was seen.
        received: How many bytes of an answer had come.
        last_body: The body of the answer before it on the same connection; None on a fresh one.
    """

    kind: Loss
    detail: str
    received: int
    last_body: bytes | None


class Tally:
    """What the clients of one kind saw. Owner: the thread that runs them; others read at the end.

    Attributes:
        lost: The requests without an answer.
        bodies: How often each body came.
        ended_ns: When each answer was complete, by the monotonic clock, ascending.
        took_ns: How long it took since the request was due; as long as `ended_ns`.
        told_to_close: Answers with `Connection: close` to requests that did not ask for it.
        closed_idle: Connections that the server closed while it owed nothing on them.
        longest_stall_ns: The longest time that any one client was without an answer that was due.
        stall_ended_ns: When that was over.
    """

    def __init__(self) -> None:
        self.lost: list[LostRequest] = []
        self.bodies: Counter[bytes] = Counter()
        self.ended_ns = array("q")
        self.took_ns = array("q")
        self.told_to_close = 0
        self.closed_idle = 0
        self.longest_stall_ns = 0
        self.stall_ended_ns = 0

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return len(self.took_ns)

    def note_stall(self, since_ns: int, now_ns: int) -> None:
        """Note for how long a client was without the answer that was due to it."""
        if now_ns - since_ns > self.longest_stall_ns:
            self.longest_stall_ns = now_ns - since_ns
            self.stall_ended_ns = now_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long answers took, in milliseconds; zeros where there were none."""

    answered: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def latencies(took_ns: Sequence[int]) -> Latencies:
    """Return the percentiles of these times."""
    if not took_ns:
        return Latencies(answered=0, p50_ms=0.0, p99_ms=0.0, max_ms=0.0)
    ordered = sorted(took_ns)
    return Latencies(
        answered=len(ordered),
        p50_ms=statistics.median(ordered) / 1e6,
        p99_ms=ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))] / 1e6,
        max_ms=ordered[-1] / 1e6,
    )


def split(tally: Tally, windows: Iterable[Window]) -> tuple[Latencies, Latencies]:
    """Return the latencies inside of these times and outside of them.

    Args:
        tally: What was counted.
        windows: Beginnings and ends by the monotonic clock in nanoseconds, ascending and apart.
            A request is inside if any part of it is.
    """
    ordered = list(windows)
    begins = [begin for begin, _end in ordered]
    inside, outside = array("q"), array("q")
    for ended, took in zip(tally.ended_ns, tally.took_ns, strict=True):
        at = bisect_right(begins, ended) - 1
        within = at >= 0 and ended - took <= ordered[at][1]
        (inside if within else outside).append(took)
    return latencies(inside), latencies(outside)
