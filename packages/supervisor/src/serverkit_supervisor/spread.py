"""Spreads connections over workers: each goes to the one that has the fewest.

Rules:
    Every connection is in `pending`, or an outlet has it, at whatever point an error comes.
"""

import heapq
import logging
from collections.abc import Callable, Sequence

from serverkit_supervisor.handover import Accepted, Outlet, counted
from serverkit_supervisor.shortage import PAUSE_S, Shortage

logger = logging.getLogger("serverkit.supervisor")


class Spread:
    """The workers that can be given connections, and the connections nobody could take.

    Owner: the distributor; who holds its lock.

    Attributes:
        pending: accepted, and with no worker yet.
    """

    def __init__(self, *, count_leaving: bool) -> None:
        """Start without workers.

        Args:
            count_leaving: the connections of workers that were removed count until they are closed.
        """
        self.pending: list[Accepted] = []
        self._places: list[_Place] = []
        self._leaving: list[Outlet] = []
        self._count_leaving = count_leaving
        self._turn = 0
        self._shortage = Shortage()

    def add(self, outlet: Outlet) -> None:
        """Let a worker be given connections."""
        self._turn += 1
        self._places.append(_Place(outlet, self._turn))

    def remove(self, outlet: Outlet) -> None:
        """Give a worker nothing any more; what it has not taken is pending. Repeatable."""
        for place in self._places:
            if place.outlet is outlet:
                self._places.remove(place)
                if self._count_leaving:
                    self._leaving.append(outlet)
                self.pending += outlet.take_back()
                return

    def rest(self, outlet: Outlet, until: float) -> None:
        """Give a worker nothing for a while; what it has not taken is pending."""
        for place in self._places:
            if place.outlet is outlet:
                place.rests_until = until
                self.pending += outlet.take_back()

    def hand_out(self, now: float) -> None:
        """Give what is pending to whoever can take it."""
        if not self.pending:
            return
        able = [place for place in self._places if place.rests_until <= now]
        while self.pending and able:
            for place in self._give(self._shares(able), now):
                able.remove(place)

    def _shares(self, able: Sequence["_Place"]) -> list[tuple["_Place", list[Accepted]]]:
        """Divide what is pending: the next one to who has the fewest, in turn among equals."""
        if len(self.pending) == 1:
            self._turn += 1
            fewest = min(able, key=_Place.load)
            fewest.turn = self._turn
            return [(fewest, self.pending)]
        heap = [(*place.load(), place) for place in able]
        heapq.heapify(heap)
        shares: dict[_Place, list[Accepted]] = {}
        for connection in self.pending:
            load, _, place = heap[0]
            self._turn += 1
            place.turn = self._turn
            shares.setdefault(place, []).append(connection)
            heapq.heapreplace(heap, (load + 1, place.turn, place))
        return list(shares.items())

    def _give(self, shares: list[tuple["_Place", list[Accepted]]], now: float) -> list["_Place"]:
        """Give each its share; return those who could not take all of it."""
        full: list[_Place] = []
        left: list[Accepted] = []
        try:
            while shares:
                place, share = shares[-1]
                taken = self._give_one(place, share, now)
                shares.pop()
                if taken < len(share):
                    full.append(place)
                    left += share[taken:]
        finally:
            self.pending = left + [each for _, share in shares for each in share]
        return full

    def _give_one(self, place: "_Place", share: list[Accepted], now: float) -> int:
        """Give one its share; return how many it took."""
        try:
            return place.outlet.give(share)
        except OSError as exc:
            place.rests_until = now + PAUSE_S
            if self._shortage.is_new(now):
                logger.error(  # noqa: TRY400  where in the code it happened helps nobody
                    "Cannot hand connections to a worker (%s); trying again every %g s",
                    exc.strerror,
                    PAUSE_S,
                )
            return 0

    def open_count(self) -> int:
        """Say how many connections are open, with those that are pending."""
        return sum(each.open_count() for each in self.watched()) + counted(self.pending)

    def call_when_changed(self, call: Callable[[], None], *, or_closed: bool) -> None:
        """Let the next change be told, of every worker whose connections count."""
        for each in self.watched():
            each.call_when_changed(call, or_closed=or_closed)

    def is_awaited(self, now: float) -> bool:
        """Say whether a worker has taken all it was given, and could take more."""
        for place in self._places:
            if place.rests_until <= now and not place.outlet.untaken_count():
                return True
        return False

    def watched(self) -> list[Outlet]:
        """Give the workers, and those that were removed while their connections count."""
        if self._leaving:
            self._leaving = [each for each in self._leaving if each.open_count() > 0]
        return self.outlets() + self._leaving

    def ends_of_rests(self) -> list[float]:
        """Say when workers that rest can be given connections again."""
        return [place.rests_until for place in self._places]

    @property
    def has_outlets(self) -> bool:
        """Whether there is a worker."""
        return bool(self._places)

    def outlets(self) -> list[Outlet]:
        """Give the workers, in the order in which they were added."""
        return [place.outlet for place in self._places]


class _Place:
    """A worker among others.

    Attributes:
        outlet: where its connections go.
        turn: the lowest comes next among equals. No two have the same.
        rests_until: it cannot take any before.
    """

    __slots__ = ("outlet", "rests_until", "turn")

    def __init__(self, outlet: Outlet, turn: int) -> None:
        self.outlet = outlet
        self.turn = turn
        self.rests_until = 0.0

    def load(self) -> tuple[int, int]:
        """Say what to compare: the lowest is given the next one."""
        return self.outlet.open_count(), self.turn
