"""A restart of all workers: the old ones are gone before the first new one starts.

For what cannot be there twice, such as a database file that only one generation may hold open.
Meanwhile clients wait: their connections are kept until there is a worker again.
"""

import logging

from serverkit_supervisor.errors import ReloadFailed
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import GenerationLife
from serverkit_supervisor.ordered_end import OrderedEnd
from serverkit_supervisor.renewal import Renewal, renewed, report_failure
from serverkit_supervisor.states import Event, State

_LOG = logging.getLogger("serverkit.supervisor")


class Restart:
    """One restart of all workers.

    Owner: the engine. Threads: the supervisor's.

    Args:
        fleet: the workers.
        renewal: gets what the new generation is made of, and was started; None: the same as the
            old one.

    Attributes:
        failure: why nothing was changed.
        is_blocked: old workers cannot be ended, so that no new one may start.
    """

    def __init__(self, fleet: Fleet, renewal: Renewal | None) -> None:
        self._fleet = fleet
        self.renewal = renewal
        self._generation: GenerationLife | None = None
        self._ending: OrderedEnd | None = None
        self.draining: OrderedEnd | None = None
        self.failure: ReloadFailed | None = None
        self.is_blocked = False

    def advance(self, now: float) -> bool:
        """Go on as far as it goes; True once it is over, whatever came of it."""
        if self._generation is None and not self._begin(now):
            return self.failure is not None
        if self._ending is not None:
            if not self._ending.advance():
                return False
            self._ending = None
            self.is_blocked = bool(self._fleet.left_behind())
            if not self.is_blocked and self._generation is not None:
                self._start(self._generation, now)
        return self.is_blocked or self._is_settled()

    def next_deadline(self) -> float | None:
        """Give the time at which there is something to look at; None: there is none."""
        return self.renewal.deadline if self.renewal is not None else None

    def _begin(self, now: float) -> bool:
        """Say whether the old generation is being ended, since there is what a new one needs."""
        made_of, self.failure = renewed(self._fleet, self.renewal, now)
        if self.failure is not None:
            report_failure(self._fleet, self.failure, self.failure.traceback)
        if made_of is None:
            return False
        self._generation = self._fleet.lineage.conceive(made_of)
        self._ending = self._end()
        return True

    def _is_settled(self) -> bool:
        slots = [slot for team in self._fleet.teams for slot in team.slots]
        if any(slot.given_up for slot in slots):
            return True
        if all(slot.current and slot.current.state is State.SERVING for slot in slots):
            _LOG.info("%s serves", self._generation)
            self._fleet.announce("reloaded")
            return True
        return False

    def _end(self) -> OrderedEnd:
        """Tell all to stop; from now on no slot has a worker."""
        for run in list(self._fleet.runs.values()):
            self._fleet.withdraw(run)
        for team in self._fleet.teams:
            for slot in team.slots:
                slot.current = slot.successor = slot.start_at = None
        return OrderedEnd(self._fleet, Event.STOP)

    def _start(self, generation: GenerationLife, now: float) -> None:
        """Let the watch start the new workers, and start them again should they crash."""
        self._fleet.lineage.succeed(generation)
        for team in self._fleet.teams:
            for slot in team.slots:
                slot.history.forget()
                slot.start_at = now
