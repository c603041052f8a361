"""The start: nothing is served until every worker of every group is ready."""

from serverkit_supervisor.errors import StartupFailed
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.handle import Run
from serverkit_supervisor.states import COMING_UP, State


class Starting:
    """The gate through which all workers come together, or none.

    Owner: the engine. Threads: the supervisor's.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.failure: StartupFailed | None = None

    def begin(self) -> None:
        """Start all workers at once."""
        for team in self._fleet.teams:
            for slot in team.slots:
                slot.current = self._fleet.spawn(team, slot.worker_id, self._fleet.lineage.current)

    def advance(self) -> bool:
        """Say whether all are ready; sets `failure` where one will not be."""
        runs = [slot.current for team in self._fleet.teams for slot in team.slots]
        for run in runs:
            if run is not None and run.state not in COMING_UP:
                self.failure = _failure(run)
                return False
        return all(run is not None and run.state is State.SERVING for run in runs)


def _failure(run: Run) -> StartupFailed:
    return StartupFailed(
        f"{run} did not start: {run.ending()}", error=run.error, traceback=run.evidence()
    )
