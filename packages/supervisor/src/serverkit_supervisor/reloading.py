"""A graceful reload: the new generation is ready before the old one drains.

    renew      get what the new generation is made of, where something gets it   (may fail)
    start      start all its workers, of all groups                              (may fail)
    switch     connections go to the new workers; the old ones drain, group by group

Until the switch nothing is asked of the old generation, so a failure changes nothing.
"""

import logging

from serverkit_supervisor.errors import ReloadFailed
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import Generation, GenerationLife
from serverkit_supervisor.handle import Run, Slot
from serverkit_supervisor.ordered_end import OrderedEnd
from serverkit_supervisor.renewal import Renewal, renewed, report_failure
from serverkit_supervisor.states import COMING_UP, Event, State

_LOG = logging.getLogger("serverkit.supervisor")


class Reload:
    """One reload.

    Owner: the engine. Threads: the supervisor's.

    Args:
        fleet: the workers.
        renewal: gets what the new generation is made of, and was started; None: the same as the
            old one.

    Attributes:
        draining: the end of the old generation, after the switch.
    """

    def __init__(self, fleet: Fleet, renewal: Renewal | None) -> None:
        self._fleet = fleet
        self.renewal = renewal
        self._generation: GenerationLife | None = None
        self._newcomers: list[tuple[Slot, Run]] = []
        self.draining: OrderedEnd | None = None

    def advance(self, now: float) -> bool:
        """Go on as far as it goes; True once it is over, whatever came of it."""
        if self._generation is None:
            made_of, failure = renewed(self._fleet, self.renewal, now)
            if made_of is not None:
                self._start(made_of)
            elif failure is not None:
                self._fail(failure, failure.traceback)
                return True
            else:
                return False
        for _, run in self._newcomers:
            if run.state not in COMING_UP:
                failure = ReloadFailed(
                    f"{run} of the new generation did not start: {run.ending()}",
                    error=run.error,
                    traceback=run.evidence(),
                )
                # The stacks of one that was late are in the log already.
                self._fail(failure, run.traceback.rstrip())
                return True
        if all(run.state is State.SERVING for _, run in self._newcomers):
            self._switch()
            return True
        return False

    def next_deadline(self) -> float | None:
        """Give the time at which there is something to look at; None: there is none."""
        return self.renewal.deadline if self.renewal is not None else None

    def _start(self, made_of: Generation) -> None:
        self._generation = self._fleet.lineage.conceive(made_of)
        for team in self._fleet.teams:
            for slot in team.slots:
                run = self._fleet.spawn(team, slot.worker_id, self._generation)
                self._newcomers.append((slot, run))

    def _fail(self, failure: ReloadFailed, evidence: str) -> None:
        for _, run in self._newcomers:
            self._fleet.tell(run, Event.STOP)
        if self._generation is not None:
            self._fleet.lineage.give_up(self._generation)
        report_failure(self._fleet, failure, evidence)

    def _switch(self) -> None:
        fleet, generation = self._fleet, self._generation
        if generation is None:
            raise AssertionError("only a generation that was started can be ready")
        old = fleet.lineage.current
        for slot, run in self._newcomers:
            slot.put(run)
            fleet.put_in_service(run)
        fleet.lineage.succeed(generation)
        self.draining = OrderedEnd(fleet, Event.DRAIN, old)
        self.draining.advance()
        # Now it is so: nothing that comes is given to the old one any more.
        _LOG.info("%s serves; %s finishes what it has", generation, old)
        fleet.announce("reloaded")
        fleet.announce("draining")
