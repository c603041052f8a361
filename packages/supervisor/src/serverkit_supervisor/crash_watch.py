"""What follows when a worker crashes: it is started again, after a while, unless that is in vain.

A crash, step by step: the runner posts `Exited`; `Fleet.hear` takes the run for GONE; `Watch`, who
looks after each message, finds a slot whose worker is gone, asks the slot's history for how long to
wait, and says so in the log; when the time has come, it starts another.
"""

import logging

from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.handle import Run, Slot
from serverkit_supervisor.states import OVER, State
from serverkit_supervisor.team import Team

_LOG = logging.getLogger("serverkit.supervisor")


class Watch:
    """Sees to it that each slot has a worker.

    Owner: the engine. Threads: the supervisor's.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def advance(self, now: float) -> None:
        """Look after all slots and the distributor."""
        self._fleet.distribution.advance(now)
        for team in self._fleet.teams:
            for slot in team.slots:
                self._look_after(team, slot, now)

    def next_deadline(self) -> float | None:
        """Give the time at which the next worker is to be started; None: there is none."""
        times = [slot.start_at for team in self._fleet.teams for slot in team.slots]
        times.append(self._fleet.distribution.start_at)
        return min((time for time in times if time is not None), default=None)

    def given_up(self) -> tuple[str, str] | None:
        """Give who crashed too often, and how the last time; None: nobody did."""
        for team in self._fleet.teams:
            for slot in team.slots:
                if slot.given_up:
                    return str(slot), slot.given_up
        if self._fleet.distribution.given_up:
            return "the distributor of connections", self._fleet.distribution.given_up
        return None

    def _look_after(self, team: Team, slot: Slot, now: float) -> None:
        if slot.current is not None and slot.current.state in OVER:
            self._crashed(slot, slot.current, now)
        elif slot.current is not None and slot.current.state is State.SERVING:
            self._fleet.put_in_service(slot.current)
        if slot.current is None and slot.start_at is not None and now >= slot.start_at:
            slot.start_at = None
            slot.current = self._fleet.spawn(team, slot.worker_id, self._fleet.lineage.current)
            if slot.current.state in OVER:
                self._crashed(slot, slot.current, now)

    def _crashed(self, slot: Slot, run: Run, now: float) -> None:
        delay = slot.history.crashed(now)
        slot.current, slot.successor = slot.successor, None
        # The stacks of one that was late are in the log already, from when it was ended by force.
        evidence = f"\n{run.traceback.rstrip()}" if run.traceback else ""
        if delay is None:
            slot.given_up = run.ending()
            _LOG.critical("%s crashed: %s; it is not started again.%s", run, run.ending(), evidence)
        elif slot.current is not None:
            _LOG.error(
                "%s crashed: %s; %s takes its place.%s", run, run.ending(), slot.current, evidence
            )
        else:
            slot.start_at = now + delay
            _LOG.error("%s crashed: %s; again in %g s.%s", run, run.ending(), delay, evidence)
