"""Workers of one kind, under one name."""

from dataclasses import dataclass
from typing import Literal

from serverkit_supervisor.contract import WorkerFactory

FIRST_GROUP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGroup:
    """A further group of workers beside the first one, which is handed the connections.

    Groups are stopped in order, the first one first: so a group comes after those that still hand
    work to it.

    Args:
        name: what it is called in the log and in `WorkerContext.group`.
        factory: makes its workers.
        worker_count: how many there are.
        sockets: "udp": its workers get the datagram sockets, one each where there are as many as
            workers; a single one all share.

    Raises:
        ValueError: the name is empty or that of the first group, the count is below 1, or sockets
            is something else.

    Threads: any; it never changes.
    """

    name: str
    factory: WorkerFactory
    worker_count: int = 1
    sockets: Literal["none", "udp"] = "none"

    def __post_init__(self) -> None:
        if not self.name or self.name == FIRST_GROUP:
            raise ValueError(
                f"name must not be empty nor {FIRST_GROUP!r}, which is the first group, "
                f"not {self.name!r}"
            )
        if self.worker_count < 1:
            raise ValueError(f"worker_count must be 1 or more, not {self.worker_count!r}")
        if self.sockets not in {"none", "udp"}:
            raise ValueError(f"sockets must be one of none, udp, not {self.sockets!r}")
