"""What a supervisor tells whoever is interested, such as the manager of services."""

from dataclasses import dataclass
from typing import Literal

type EventKind = Literal[
    "ready",
    "worker_started",
    "worker_exited",
    "reloading",
    "reloaded",
    "reload_failed",
    "draining",
    "stopping",
    "closed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorEvent:
    """One thing that happened.

    Args:
        kind: what:
            "ready": all workers are ready for the first time;
            "worker_started": a worker is ready; "worker_exited": one is gone, wished or not;
            "reloading": a reload or restart has begun; "reloaded": the new generation serves;
            "reload_failed": it does not, and the old one goes on;
            "draining": the old generation finishes what it has;
            "stopping": the end has begun: who owns the listening sockets had better close them
            now, then the last sweep ends with the end of listening and nobody comes in between;
            "closed": nothing is accepted any more, and all that was is handed out: who owns the
            listening sockets may close them, so that nobody waits for nothing.
        worker: the worker as the log names it, for what concerns a single one; else empty.
        generation: the number of the generation that it is about.
        reason: why, as the rest of a sentence about it; may be empty.
        error: what went wrong, if anything.
        lost: for "worker_exited": it served, and did not end as it had been asked to, so that what
            it was at may be lost.

    Threads: any; it never changes. The supervisor's own tells of it, and waits meanwhile.
    """

    kind: EventKind
    worker: str = ""
    generation: int = 0
    reason: str = ""
    error: BaseException | None = None
    lost: bool = False
