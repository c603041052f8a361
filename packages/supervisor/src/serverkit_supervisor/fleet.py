"""All workers at this moment: how one is begun, told something, heard, and lost.

Here is what happens to a single run. What follows from it for the whole is decided above: in
`crash_watch`, `recycling`, `starting`, `reloading`, `restarting` and `stopping`.

Rules:
    Nothing here waits.
    A notice of a runner that is not known any more is dropped: it is of a run that has ended.
    Connections are taken back from a worker before it is told to drain.
"""

import logging
import random
import traceback
from collections.abc import Callable

from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.distribution import Distribution
from serverkit_supervisor.events import EventKind, SupervisorEvent
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.generation import GenerationLife
from serverkit_supervisor.handle import Run
from serverkit_supervisor.lineage import Lineage
from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Failed,
    Notice,
    Ready,
    RecycleWanted,
    Stacks,
)
from serverkit_supervisor.patience import Patience
from serverkit_supervisor.portable_errors import summary_of
from serverkit_supervisor.recycle_limits import RecycleLimits
from serverkit_supervisor.runner import Runner, RunnerFactory, RunSpec
from serverkit_supervisor.states import OVER, Event, State, follow
from serverkit_supervisor.team import Team

_LOG = logging.getLogger("serverkit.supervisor")


class Fleet:
    """The runs of all workers.

    Owner: the engine. Threads: the supervisor's; `runners` may be read by any.

    Args:
        config: the timeouts and the bounds.
        teams: the groups, in the order in which they are stopped.
        lineage: what workers are made of.
        distribution: hands connections to those that are in service.
        make_runner: gives a worker a place to run.
        post: takes what the runners tell.
        clock: seconds, only forward.
        patience: how long each state may last.
        announce: takes events.
    """

    def __init__(
        self,
        *,
        config: SupervisorConfig,
        teams: list[Team],
        lineage: Lineage,
        distribution: Distribution,
        make_runner: RunnerFactory,
        post: Callable[[Notice], None],
        clock: Callable[[], float],
        patience: Patience,
        announce: Callable[[SupervisorEvent], None],
    ) -> None:
        self.config = config
        self.teams = teams
        self.lineage = lineage
        self.distribution = distribution
        self.clock = clock
        self.state: dict[str, object] | None = None
        self.is_ending = False
        self.runs: dict[object, Run] = {}
        self.runners: tuple[Runner, ...] = ()
        self._make_runner = make_runner
        self._post = post
        self._patience = patience
        self._announce = announce
        self._chance = random.Random()  # noqa: S311 - to spread, not to keep a secret
        self._limits = RecycleLimits(
            lifetime_s=config.worker_lifetime, rss_bytes=config.worker_max_rss
        )

    def live(self, team: Team, generation: GenerationLife | None = None) -> list[Run]:
        """List the runs of a team that have not ended and are not left behind.

        Args:
            team: whose.
            generation: only those of this one; None: of all.
        """
        return [
            run
            for run in self.runs.values()
            if run.spec.group == team.name
            and run.state not in OVER
            and (generation is None or run.generation is generation)
        ]

    def left_behind(self) -> list[Run]:
        """List the runs that cannot be ended."""
        return [run for run in self.runs.values() if run.state is State.ABANDONED]

    # How one begins.

    def spawn(self, team: Team, worker_id: int, generation: GenerationLife) -> Run:
        """Start a worker; one that cannot be started is GONE when this returns."""
        made_of = generation.made_of
        spec = RunSpec(
            worker_id=worker_id,
            generation=generation.number,
            group=team.name,
            factory=generation.factory_of(team.name, team.factory),
            state=self.state if made_of.state is None else made_of.state,
            sockets=team.sockets_of(worker_id),
            distribute=team.distribute,
            alive_interval=self._patience.worker_timeout_s / 4 or None,
        )
        run = Run(
            spec=spec,
            runner=None,
            generation=generation,
            limits=self._limits.drawn(self.config.recycle_jitter, self._chance),
        )
        try:
            run.runner = self._make_runner(spec, self._post)
            run.runner.start()
        except Exception as error:  # noqa: BLE001 - such as an object that cannot be pickled
            run.state = State.GONE
            run.error, run.traceback = error, traceback.format_exc()
            run.exit_reason = ExitReason(error=summary_of(error))
            if run.runner is not None:
                run.runner.close()
            return run
        run.deadline = self._deadline_of(run)
        self._keep(run, run.runner)
        return run

    def put_in_service(self, run: Run) -> None:
        """Let a worker that is ready be handed connections."""
        if run.runner is not None and run.runner.outlet is not None and not run.in_service:
            self.distribution.add(run.runner.outlet)
            run.in_service = True

    def _keep(self, run: Run, runner: Runner) -> None:
        self.runs[runner] = run
        self.runners = (*self.runners, runner)
        run.generation.enter()

    # What one is told.

    def retire(self, run: Run) -> None:
        """Let a worker make room for another: drained if it serves, stopped if it never did."""
        starting = run.state is State.STARTING
        self.tell(run, Event.STOP if starting else Event.DRAIN)

    def tell(self, run: Run, event: Event) -> None:
        """Move a run on, and do what its new state asks for; nothing where it is over."""
        if run.state in OVER:
            return
        after = follow(run.state, event)
        if after is not run.state:
            self._enter(run, after)

    def withdraw(self, run: Run) -> None:
        """Take a worker out of service; what it has not taken yet goes to others."""
        if run.in_service and run.runner is not None and run.runner.outlet is not None:
            run.in_service = False
            self.distribution.remove(run.runner.outlet)

    def _enter(self, run: Run, state: State) -> None:
        before, run.state = run.state, state
        until = run.deadline
        run.deadline = self._deadline_of(run)
        if (before, state) == (State.STARTING, State.STOPPING) and until and run.deadline:
            # It has nothing to finish, so it gets no more time than it had to become ready.
            run.deadline = min(until, run.deadline)
        is_last = state is State.STOPPING or (state is State.DRAINING and self.is_ending)
        if state is not State.SERVING and not is_last:
            # At the end of all, who stops still takes what waits for it.
            self.withdraw(run)
        if state is State.SERVING:
            run.ready_at = self.clock()
            self.announce("worker_started", run)
        elif state is State.ABANDONED:
            _LOG.error("%s: %s", run, run.ending())
        elif run.runner is not None:
            self._press(run, run.runner, before)

    def _press(self, run: Run, runner: Runner, before: State) -> None:
        """Ask a worker to end, as its state has it."""
        match run.state:
            case State.DRAINING:
                runner.drain()
            case State.STOPPING:
                if before is State.DRAINING:
                    _LOG.info("%s is told to stop what it has: its time is over", run)
                runner.stop()
            case State.STUCK:
                run.late_with = self._patience.lateness(before)
                runner.ask_stacks()
            case State.TERMINATED:
                self._terminate(run, runner)
            case State.KILLED:
                if not runner.kill():
                    self.tell(run, Event.UNKILLABLE)

    def _terminate(self, run: Run, runner: Runner) -> None:
        threads = f" Its threads:\n{run.stacks.rstrip()}" if run.stacks else ""
        _LOG.error("%s is ended by force: %s.%s", run, run.late_with, threads)
        if not runner.terminate():
            runner.stop()

    def _deadline_of(self, run: Run) -> float | None:
        bound_s = self._patience.with_state(run.state, is_watched=run.is_watched)
        return None if bound_s is None else self.clock() + bound_s

    # What is heard of one.

    def hear(self, notice: Notice) -> None:
        """Take down what a runner tells; nothing where it has no place in the life of a run."""
        run = self.runs.get(notice.source)
        if run is None:
            return
        match notice:
            case Ready():
                self.tell(run, Event.READY)
            case Alive():
                run.is_watched = True
                if run.state is State.SERVING:
                    run.deadline = self._deadline_of(run)
            case RecycleWanted(reason=reason):
                run.recycle_reason = reason
            case Stacks(text=text) if run.state is State.STUCK:
                run.stacks = text
                self.tell(run, Event.OVERDUE)
            case Failed(error=error, traceback=text):
                run.error, run.traceback = error, text
            case Exited(reason=reason):
                self._lose(run, reason)

    def _lose(self, run: Run, reason: ExitReason) -> None:
        before, run.exit_reason = run.state, reason
        self.withdraw(run)
        run.state, run.deadline = follow(before, Event.EXITED), None
        # Who never served has nothing to end well; why the start failed is told by who stops it.
        is_bad_end = before in {State.DRAINING, State.STOPPING} and not reason.expected
        if is_bad_end and run.ready_at is not None:
            evidence = f"\n{run.evidence()}" if run.evidence() else ""
            _LOG.warning("%s did not end well: %s%s", run, reason, evidence)
        elif before is State.ABANDONED:
            _LOG.info("%s has ended after all", run)
        self.announce("worker_exited", run)
        if run.runner is not None:
            del self.runs[run.runner]
            self.runners = tuple(each for each in self.runners if each is not run.runner)
            run.runner.close()
        self.lineage.leave(run.generation)

    def announce(
        self, kind: EventKind, run: Run | None = None, error: BaseException | None = None
    ) -> None:
        """Tell who is interested."""
        if run is None:
            event = SupervisorEvent(kind=kind, generation=self.lineage.current.number, error=error)
        else:
            reason = run.ending() if run.state in OVER else ""
            event = SupervisorEvent(
                kind=kind,
                worker=str(run),
                generation=run.generation.number,
                reason=reason,
                error=run.error,
                lost=run.ready_at is not None and run.ended_badly,
            )
        self._announce(event)

    # What time does.

    def check_deadlines(self, now: float) -> None:
        """Move on the runs whose time is over."""
        for run in list(self.runs.values()):
            if run.deadline is not None and now >= run.deadline:
                self.tell(run, Event.OVERDUE)

    def next_deadline(self) -> float | None:
        """Give the time of the next deadline of a run; None: there is none."""
        return min(
            (run.deadline for run in self.runs.values() if run.deadline is not None), default=None
        )

    def excuse_silence(self) -> None:
        """Give all that serve their time anew, since it was the supervisor that did not listen."""
        for run in self.runs.values():
            if run.state is State.SERVING:
                run.deadline = self._deadline_of(run)
