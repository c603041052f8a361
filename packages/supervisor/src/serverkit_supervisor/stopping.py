"""The end: first nothing is accepted any more, then the workers stop, group by group.

Every step is bounded. What did not stop is reported, by name.
"""

from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.ordered_end import OrderedEnd
from serverkit_supervisor.states import Event

SWEEP_S = 1.0
"""How long handing out what the kernel still holds may take."""


class Stopping:
    """The ordered end of all workers.

    Owner: the engine. Threads: the supervisor's.

    Args:
        fleet: the workers.
        event: `STOP`; or `DRAIN`, where others serve in their place already.
    """

    def __init__(self, fleet: Fleet, event: Event = Event.STOP) -> None:
        self._fleet = fleet
        self._sweep_until: float | None = None
        self._retire_until: float | None = None
        self._end = OrderedEnd(fleet, event)
        self._in_order = True
        self._is_closed = False

    def begin(self, now: float) -> None:
        """Begin; returns at once."""
        self._fleet.is_ending = True
        self._fleet.announce("stopping")
        self._sweep_until = now + 2 * SWEEP_S
        self._fleet.distribution.begin_stop(SWEEP_S)

    def hurry(self) -> None:
        """Have no more patience than for any end, where there was more."""
        self._end = OrderedEnd(self._fleet, Event.STOP)

    def abort(self) -> None:
        """Go on without order and without mercy."""
        self._in_order = False
        for run in list(self._fleet.runs.values()):
            self._fleet.tell(run, Event.ABORT)

    def advance(self, now: float) -> bool:
        """Go on as far as it goes; True once it is over."""
        if not (self._fleet.distribution.is_stopping and self._is_before(self._sweep_until, now)):
            self._sweep_until = None
        if self._in_order and self._sweep_until is not None:
            return False
        if not self._is_closed:
            self._is_closed = True
            self._fleet.announce("closed")
        if not self._end.advance() or self._sweep_until is not None:
            return False
        if self._retire_until is None:
            self._retire_until = now + self._fleet.config.shutdown_timeout
            self._fleet.lineage.give_up_all()
        if self._in_order and self._is_before(self._retire_until, now):
            return not self._fleet.lineage.retiring()
        return True

    def next_deadline(self) -> float | None:
        """Give the time at which there is something to look at; None: there is none."""
        if self._retire_until is not None:
            return self._retire_until
        return self._sweep_until

    def unstopped(self) -> list[str]:
        """Name what is still there."""
        names = [str(run) for run in self._fleet.left_behind()]
        names += [f"what {life} shared" for life in self._fleet.lineage.retiring()]
        if self._fleet.distribution.is_stopping:
            names.append("the distributor of connections")
        return names

    @staticmethod
    def _is_before(time: float | None, now: float) -> bool:
        return time is not None and now < time
