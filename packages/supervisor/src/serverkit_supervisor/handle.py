"""The supervisor's view of a worker: its place among its siblings, and each run of it.

A `Slot` stays as long as there is to be a worker of that number, and keeps its history. A `Run` is
one try of it, in one thread or one process; it may outlive its place in the slot while it drains.

Owner of all of it: the engine, and so the one thread that supervises.
"""

from dataclasses import dataclass

from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.generation import GenerationLife
from serverkit_supervisor.group import FIRST_GROUP
from serverkit_supervisor.recycle_limits import RecycleLimits
from serverkit_supervisor.restart_policy import RestartHistory
from serverkit_supervisor.runner import Runner, RunSpec
from serverkit_supervisor.states import State


@dataclass(slots=True, eq=False, kw_only=True)
class Run:
    """One run of a worker.

    Args:
        spec: what runs.
        runner: where; None where no place could be made.
        generation: what it is made of.
        limits: how long it may serve.
        state: how far it is.
        deadline: when the time for its state is over; None: never.
        ready_at: when it became ready; None: not yet.
        is_watched: it has given a sign of life, so that silence means something.
        in_service: the distributor hands it connections.
        error, traceback: what it raised.
        stacks: what its threads did when it was late.
        late_with: what it was late with, as the rest of a sentence; empty: nothing.
        recycle_reason: why it asked for a replacement; empty: it did not.
        exit_reason: why it is gone.
    """

    spec: RunSpec
    runner: Runner | None
    generation: GenerationLife
    limits: RecycleLimits
    state: State = State.STARTING
    deadline: float | None = None
    ready_at: float | None = None
    is_watched: bool = False
    in_service: bool = False
    error: BaseException | None = None
    traceback: str = ""
    stacks: str = ""
    late_with: str = ""
    recycle_reason: str = ""
    exit_reason: ExitReason | None = None

    def __str__(self) -> str:
        place = self.runner.identity if self.runner is not None else "not started"
        return f"{name_of(self.spec.group, self.spec.worker_id)} ({place})"

    def ending(self) -> str:
        """Say how it came to its end, as the rest of a sentence about it."""
        if self.state is State.ABANDONED:
            late = self.late_with or "it did not end"
            return f"{late}, and since it cannot be killed it is left behind"
        return self.late_with or str(self.exit_reason)

    @property
    def ended_badly(self) -> bool:
        """Whether it is gone, and not as it had been asked to in time."""
        reason = self.exit_reason
        return reason is not None and (bool(self.late_with) or not reason.expected)

    def evidence(self) -> str:
        """Give the traceback of what it raised, or what it did when it was late; may be empty."""
        return (self.traceback or self.stacks).rstrip()


@dataclass(slots=True, eq=False, kw_only=True)
class Slot:
    """The place of one worker.

    Args:
        group: the name of its group.
        worker_id: its number in there.
        history: its crashes, over all its runs.
        recycle_history: the failures to replace it by a fresh one.
        current: the run that serves, or is to serve.
        successor: a fresh run that is to take the place of `current` as soon as it is ready.
        start_at: when to start it again, after a crash; None: not to be started.
        recycle_at: when to try again to replace it by a fresh one, after a failure to do so; None:
            at any time.
        given_up: how its last crash came about, once the budget is spent; else empty.
    """

    group: str
    worker_id: int
    history: RestartHistory
    recycle_history: RestartHistory
    current: Run | None = None
    successor: Run | None = None
    start_at: float | None = None
    recycle_at: float | None = None
    given_up: str = ""

    def __str__(self) -> str:
        return name_of(self.group, self.worker_id)

    def put(self, run: Run) -> None:
        """Give the place to a run, as if the worker had never crashed."""
        self.current = run
        self.successor = None
        self.start_at = self.recycle_at = None
        self.given_up = ""
        self.history.forget()
        self.recycle_history.forget()


def name_of(group: str, worker_id: int) -> str:
    """Name a worker as the log does: "worker 0", "pool worker 0"."""
    return f"worker {worker_id}" if group == FIRST_GROUP else f"{group} worker {worker_id}"
