"""Ends workers group by group: those that hand work to others before those that are handed it."""

from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import GenerationLife
from serverkit_supervisor.states import Event


class OrderedEnd:
    """The end of a generation, or of all workers.

    All workers of a group are told at once, each with a deadline of its own. The next group is told
    when the last of them is gone or left behind. So it takes no longer than the sum, over the
    groups, of what one worker may take.

    Owner: who ends them.

    Args:
        fleet: the workers.
        event: `DRAIN` or `STOP`: how they are told.
        generation: only those of this one; None: all.
    """

    def __init__(
        self, fleet: Fleet, event: Event, generation: GenerationLife | None = None
    ) -> None:
        self._fleet = fleet
        self._event = event
        self._generation = generation

    def advance(self) -> bool:
        """Tell who is to be told next; True once it is over."""
        for team in self._fleet.teams:
            alive = self._fleet.live(team, self._generation)
            for run in alive:
                if self._event is Event.DRAIN:
                    self._fleet.retire(run)
                else:
                    self._fleet.tell(run, self._event)
            if any(self._fleet.live(team, self._generation)):
                return False
        return True
