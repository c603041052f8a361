"""Replaces workers that have served long enough: first the fresh one is ready, then the old drains.

One at a time, so that there is never more than one worker too many. The serving worker is not
touched by a fresh one that fails; that is tried again, less and less often.
"""

import logging

from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.handle import Run, Slot
from serverkit_supervisor.recycle_limits import RSS_CHECK_INTERVAL_S
from serverkit_supervisor.states import OVER, State
from serverkit_supervisor.team import Team

_LOG = logging.getLogger("serverkit.supervisor")


class Recycling:
    """The replacement of single workers within a generation.

    Owner: the engine. Threads: the supervisor's.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._slot: Slot | None = None
        self._leaving: Run | None = None
        self._rss_check_at = 0.0

    def advance(self, now: float, *, may_begin: bool) -> None:
        """Go on with a replacement that is under way; begin the next one if that may be."""
        self._judge(now)
        if self._leaving is not None and self._leaving.state in OVER:
            self._leaving = None
        if self._slot is not None:
            self._go_on(self._slot, now)
        if may_begin and self._slot is None and self._leaving is None:
            self._begin(now)

    def next_deadline(self, now: float) -> float | None:
        """Give the time at which there will be something to look at; None: there is none."""
        times = []
        for _, slot in self._slots():
            run = slot.current
            if slot.recycle_at is not None and slot.recycle_at > now:
                times.append(slot.recycle_at)
            if run is None or run.recycle_reason or run.ready_at is None:
                continue
            ends_at = run.limits.ends_at(run.ready_at)
            if ends_at is not None:
                times.append(ends_at)
            if run.limits.rss_bytes:
                times.append(self._rss_check_at)
        return min(times, default=None)

    def _slots(self) -> list[tuple[Team, Slot]]:
        return [(team, slot) for team in self._fleet.teams for slot in team.slots]

    def _judge(self, now: float) -> None:
        """Find those that are past a bound."""
        weigh = self._fleet.config.worker_max_rss > 0 and now >= self._rss_check_at
        if weigh:
            self._rss_check_at = now + RSS_CHECK_INTERVAL_S
        for _, slot in self._slots():
            run = slot.current
            if run is None or run.runner is None or run.ready_at is None or run.recycle_reason:
                continue
            rss_bytes = run.runner.rss_bytes() if weigh else None
            run.recycle_reason = run.limits.reason(
                ready_at=run.ready_at, now=now, rss_bytes=rss_bytes
            )

    def _begin(self, now: float) -> None:
        """Begin with the first that waits and may be tried."""
        for team, slot in self._slots():
            run = slot.current
            if run is None or run.state is not State.SERVING or not run.recycle_reason:
                continue
            if slot.recycle_at is None or now >= slot.recycle_at:
                _LOG.info("%s is replaced by a fresh one: %s", run, run.recycle_reason)
                slot.successor = self._fleet.spawn(team, slot.worker_id, run.generation)
                self._slot = slot
                self._go_on(slot, now)
                return

    def _go_on(self, slot: Slot, now: float) -> None:
        fresh, old = slot.successor, slot.current
        if fresh is None or slot not in {each for _, each in self._slots()}:
            # It took the place already, or the place is another's after a reload, or gone.
            self._slot = None
        elif fresh.state is State.SERVING:
            self._fleet.put_in_service(fresh)
            slot.current, slot.successor, self._slot = fresh, None, None
            slot.recycle_history.forget()
            if old is not None:
                self._fleet.retire(old)
                self._leaving = old
        elif fresh.state in OVER:
            delay = slot.recycle_history.crashed(now)
            if delay is None:
                delay = self._fleet.config.restart.backoff_max_s
            slot.recycle_at = now + delay
            slot.successor, self._slot = None, None
            _LOG.error(
                "%s cannot be replaced by %s: %s; the old one goes on, again in %g s.\n%s",
                old,
                fresh,
                fresh.ending(),
                delay,
                fresh.evidence(),
            )
