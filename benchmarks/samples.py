"""One measurement, and what many of them say together."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Above this share of the server's core taken by others, a sample is noisy and the table says so.
NOISY_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One server under one workload in one round.

    Attributes:
        server: Name of the server.
        workload: Name of the workload.
        round: Number of the round, from 0.
        requests: Answers that the client counted.
        seconds: Duration, in seconds.
        cpu_us: User and system microseconds of the process tree for each request.
        cpu_us_by_stat: The same by the kernel's coarse clock.
        requests_per_s: Answers per second.
        p50_ms: Median latency under saturation.
        p99_ms: Latency that 99 % kept under saturation.
        max_ms: Longest latency.
        pss_mib: Proportional memory of the tree just after the load, in MiB.
        foreign_share: Share of the server's core that others took, from 0 to 1.
        client_share: Share of its core that the client was busy; at 1 the client was the limit.
        remark: What is to be known about the sample; empty for nothing.
        errors: Why the sample does not count; empty for a good one.
    """

    server: str
    workload: str
    round: int
    requests: int
    seconds: float
    cpu_us: float
    cpu_us_by_stat: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    pss_mib: float
    foreign_share: float
    client_share: float
    remark: str = ""
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A measurement that was not made, and why."""

    server: str
    workload: str
    round: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and extremes of some numbers."""

    median: float
    low: float
    high: float


class Results:
    """All samples of a run. Owner: the run, which appends; the report only reads."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.failures: list[Failure] = []

    def of(self, server: str, workload: str) -> list[Sample]:
        """Return the samples of one row of a table, in the order of the rounds."""
        return [one for one in self.samples if (one.server, one.workload) == (server, workload)]

    def spread(
        self, server: str, workload: str, number: Callable[[Sample], float]
    ) -> Spread | None:
        """Return the spread of one number over the rounds; None where nothing was measured."""
        return spread(number(one) for one in self.of(server, workload))

    def ratio(self, over: tuple[str, str], under: tuple[str, str]) -> Spread | None:
        """Return the ratio of two (server, workload) in CPU time per request.

        The median is that of the medians, the extremes are of rounds paired with each other.
        """
        first, second = self.of(*over), self.of(*under)
        if not first or not second:
            return None
        paired = {one.round: one.cpu_us for one in second}
        ratios = [one.cpu_us / paired[one.round] for one in first if one.round in paired]
        middle = _median_cpu(first) / _median_cpu(second)
        return Spread(
            median=middle, low=min(ratios, default=middle), high=max(ratios, default=middle)
        )

    def errors(self, server: str, workload: str) -> list[str]:
        """Return what went wrong in a row, each thing once."""
        rows = self.of(server, workload)
        return list(dict.fromkeys(error for one in rows for error in one.errors))

    def remarks(self, server: str, workload: str) -> list[str]:
        """Return what is to be known about a row, each thing once."""
        return list(dict.fromkeys(one.remark for one in self.of(server, workload) if one.remark))

    def noise(self, server: str, workload: str) -> float:
        """Return the largest share of the core that others took in any round of a row."""
        return max((one.foreign_share for one in self.of(server, workload)), default=0.0)

    def failures_of(self, server: str, workload: str) -> list[str]:
        """Return why measurements of a row were not made, each reason once."""
        return list(
            dict.fromkeys(
                one.reason
                for one in self.failures
                if (one.server, one.workload) == (server, workload)
            )
        )


def spread(numbers: Iterable[float]) -> Spread | None:
    """Return median and extremes; None of nothing."""
    ordered = sorted(numbers)
    if not ordered:
        return None
    return Spread(median=statistics.median(ordered), low=ordered[0], high=ordered[-1])


def _median_cpu(samples: list[Sample]) -> float:
    return statistics.median(one.cpu_us for one in samples)
