"""Decides how many workers there are, and where they run.

| worker_mode | one worker | several |
|---|---|---|
| auto, async | in the server itself | in threads where the GIL is off, else in processes |
| thread | in a thread | in threads |
| process | in a process | in processes |

Rules:
    One worker is supervised as well where a setting asks for what only a supervisor can do, and
    where it is one because there is one CPU: the same command must not reload here and not there.
    Whether the GIL is off is known for certain when the application is imported: one of its
    modules may switch it on. Then the plan is made anew, for processes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from serverkit_server.config import ServerConfig
from serverkit_server.cpus import count_available_cpus
from serverkit_server.gil import explain_gil, is_free_threaded_build, is_gil_enabled

type Place = Literal["single", "thread", "process"]
"""Where workers run; single: one, in the server itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """How many workers there are, and where.

    Attributes:
        place: where they run.
        count: how many there are; 1 or more.
        is_free: nobody has asked for this place, so it may be another.
        reason: why it is not the place one may expect, as a sentence; empty: it is.
    """

    place: Place
    count: int
    is_free: bool
    reason: str = ""

    @property
    def description(self) -> str:
        """The place and how a worker runs the application, such as "thread (async)"."""
        return f"{self.place} (async)"


def plan_workers(
    config: ServerConfig, *, count_cpus: Callable[[], int] = count_available_cpus
) -> WorkerPlan:
    """Plan before the application is imported.

    Args:
        config: of the server.
        count_cpus: says how many workers are as many as fit.
    """
    count = config.workers or _as_many_as_fit(config, count_cpus())
    match config.worker_mode:
        case "thread" | "process" as place:
            return WorkerPlan(place=place, count=count, is_free=False)
        case _:
            return _plan_freely(config, count)


def plan_anew(plan: WorkerPlan, culprits: Sequence[str]) -> WorkerPlan:
    """Look at the plan again after the application was imported.

    Args:
        plan: as it was before.
        culprits: the modules that are known to have switched the GIL on.
    """
    if plan.place != "thread" or not is_gil_enabled():
        return plan
    why = explain_gil(culprits)
    if plan.is_free:
        reason = f"The GIL is on: {why}. Workers run in processes, not in threads."
        return replace(plan, place="process", reason=reason)
    reason = f"Threads were asked for, but do not run at the same time: the GIL is on, {why}."
    return replace(plan, reason=reason)


def needs_supervisor(config: ServerConfig) -> bool:
    """Say whether a setting asks for what only a supervisor can do, also for one worker."""
    return bool(
        config.reload
        or config.workers == 0
        or config.max_requests
        or config.worker_lifetime
        or config.worker_max_rss
        or config.worker_timeout
    )


def _plan_freely(config: ServerConfig, count: int) -> WorkerPlan:
    if count == 1 and not needs_supervisor(config):
        return WorkerPlan(place="single", count=1, is_free=True)
    if config.worker_max_rss:
        reason = "The memory of a worker can be measured in processes alone (worker_max_rss)."
        return WorkerPlan(
            place="process",
            count=count,
            is_free=True,
            reason="" if is_gil_enabled() else reason,
        )
    if not is_gil_enabled():
        return WorkerPlan(place="thread", count=count, is_free=True)
    # On an ordinary build that is what everybody expects.
    is_odd = is_free_threaded_build()
    reason = f"The GIL is on: {explain_gil([])}. Workers run in processes, not in threads."
    return WorkerPlan(place="process", count=count, is_free=True, reason=reason if is_odd else "")


def _as_many_as_fit(config: ServerConfig, cpus: int) -> int:
    return min(cpus, config.max_connections) if config.max_connections else cpus
