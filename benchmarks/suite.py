"""What a command measures: a set of servers under a set of workloads."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bars import Bar
from benchmarks.rounds import Workload
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What one command measures.

    Attributes:
        name: What the command and the artifact are called.
        description: What `--help` says.
        title: Heading of the report.
        how_to_read: What its columns mean.
        peers: Names of two servers whose cost others are compared with.
        servers: All servers that can take part, with names of their own.
        workloads: All workloads.
        bars: What is promised.
        tools: Programs of the operating system that it needs.
        latest: Name of the report that is committed.
    """

    name: str
    description: str
    title: str
    how_to_read: str
    peers: tuple[str, str]
    servers: Sequence[Server]
    workloads: Sequence[Workload]
    bars: Sequence[Bar]
    tools: tuple[str, ...]
    latest: str
