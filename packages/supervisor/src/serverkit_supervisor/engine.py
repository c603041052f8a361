"""The loop of the supervisor: takes what it is told, sees what follows, waits for more.

    step(message)      take down one message, then let everything look at how things stand
      starting         until all are ready the first time
      change           a reload or a restart, one at a time
      watch            crashed workers are started again
      recycling        old workers are replaced by fresh ones
      stopping         from then on nothing else

What looks at how things stand decides by the states of the workers alone, not by what has just
come. So it does not matter in which order things happen, nor how many at once.

Rules:
    One thread runs it and owns all state. All others post.
    Nothing here waits, but for the next message or the next deadline.
"""

import logging
from collections import deque
from collections.abc import Callable

from serverkit_supervisor.crash_watch import Watch
from serverkit_supervisor.errors import RestartLimitReached, SupervisorError, Unstopped
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.ordered_end import OrderedEnd
from serverkit_supervisor.orders import Look, Message, Order, Question, Renewed
from serverkit_supervisor.recycling import Recycling
from serverkit_supervisor.reloading import Reload
from serverkit_supervisor.renewal import Renewal
from serverkit_supervisor.restarting import Restart
from serverkit_supervisor.starting import Starting
from serverkit_supervisor.states import OVER, Event
from serverkit_supervisor.stopping import Stopping

_LOG = logging.getLogger("serverkit.supervisor")
_ENDS = {Order.SHUTDOWN, Order.HAND_OVER, Order.ABORT}
_UNSTOPPED_REMEDY = (
    "A thread cannot be ended by force; it ends with the process. The log shows where it was."
)
_CHANGES = {Order.RELOAD, Order.RESTART}


class Engine:
    """All that a supervisor does, but for waiting.

    Owner: the supervisor. Threads: the one that runs it.

    Args:
        fleet: the workers.
        post: gives the engine a message, from any thread.
        renew: gets what a new generation is made of; None: it is made of the same.
        on_ready: called when all workers are ready for the first time.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        post: Callable[[Message], None],
        renew: Callable[[], Generation] | None,
        on_ready: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._post = post
        self._renew = renew
        self._on_ready = on_ready
        self._starting: Starting | None = Starting(fleet)
        self._change: Reload | Restart | None = None
        self._waiting: deque[Order] = deque()
        self._draining: list[OrderedEnd] = []
        self._watch = Watch(fleet)
        self._recycling = Recycling(fleet)
        self._stopping: Stopping | None = None
        self._failure: SupervisorError | None = None
        self.is_over = False

    def begin(self) -> None:
        """Start all workers."""
        if self._starting is not None:
            self._starting.begin()

    def step(self, message: Message | None) -> None:
        """Take a message, if there is one, and do all that is to be done by now."""
        now = self._fleet.clock()
        if isinstance(message, Order):
            self._obey(message, now)
        elif isinstance(message, Question):
            message.answer()
        elif isinstance(message, Renewed):
            self._take_renewed(message)
        elif message is not None and not isinstance(message, Look):
            self._fleet.hear(message)
        self._fleet.check_deadlines(now)
        while self._advance(now):
            pass

    def next_deadline(self) -> float | None:
        """Give the time at which `step` is to be called at the latest; None: only if told."""
        now = self._fleet.clock()
        times = [self._fleet.next_deadline()]
        if self._stopping is not None:
            times.append(self._stopping.next_deadline())
        elif self._starting is None:
            times += [self._watch.next_deadline(), self._recycling.next_deadline(now)]
            times.append(self._change.next_deadline() if self._change is not None else None)
        return min((time for time in times if time is not None), default=None)

    def raise_outcome(self) -> None:
        """Tell how it ended.

        Raises:
            StartupFailed: a worker did not become ready the first time.
            RestartLimitReached: one crashed too often.
            Unstopped: some workers did not stop.
        """
        names = self._stopping.unstopped() if self._stopping is not None else []
        if self._failure is not None:
            if names:
                self._failure.add_note(f"Not stopped: {', '.join(names)}.")
            raise self._failure
        if names:
            raise Unstopped(
                f"not stopped in time: {', '.join(names)}",
                _UNSTOPPED_REMEDY,
                names=names,
            )

    # What follows from how things stand.

    def _advance(self, now: float) -> bool:
        """Look at how things stand; True: look again, since something has begun or ended."""
        if self._stopping is not None:
            self.is_over = self.is_over or self._stopping.advance(now)
            return False
        if self._starting is not None:
            return self._advance_start(self._starting, now)
        changed = self._change is not None and self._advance_change(self._change, now)
        self._draining = [end for end in self._draining if not end.advance()]
        self._watch.advance(now)
        self._recycling.advance(now, may_begin=self._change is None)
        given_up = self._watch.given_up()
        # A reload may bring the code that does not crash.
        if given_up is not None and not isinstance(self._change, Reload):
            self._stop(now, self._limit_reached(*given_up))
            return True
        if self._change is None and self._waiting and self._stopping is None:
            self._obey(self._waiting.popleft(), now)
            return True
        return changed

    def _advance_start(self, starting: Starting, now: float) -> bool:
        if starting.advance():
            self._starting = None
            self._watch.advance(now)  # puts them in service, before the first connection comes
            self._fleet.distribution.start()
            self._on_ready()
            self._fleet.announce("ready")
            return True
        if starting.failure is not None:
            self._stop(now, starting.failure)
            return True
        return False

    def _advance_change(self, change: Reload | Restart, now: float) -> bool:
        if not change.advance(now):
            return False
        self._change = None
        if change.draining is not None:
            self._draining.append(change.draining)
        if isinstance(change, Restart) and change.is_blocked:
            names = [str(run) for run in self._fleet.left_behind()]
            failure = Unstopped(
                f"no new worker can be started, since old ones do not end: {', '.join(names)}",
                _UNSTOPPED_REMEDY,
                names=names,
            )
            self._stop(now, failure)
        return True

    def _limit_reached(self, name: str, reason: str) -> RestartLimitReached:
        policy = self._fleet.config.restart
        return RestartLimitReached(
            f"{name} crashed more than {policy.budget} times within {policy.window_s:g} s; "
            f"the last time {reason}",
            "The log has each crash with its cause.",
            reason=reason,
        )

    def _stop(
        self, now: float, failure: SupervisorError | None = None, event: Event = Event.STOP
    ) -> None:
        self._failure = failure
        self._change = None
        self._waiting.clear()
        self._stopping = Stopping(self._fleet, event)
        self._stopping.begin(now)

    # What it is told.

    def _obey(self, order: Order, now: float) -> None:
        if order in _ENDS:
            self._end(order, now)
        elif self._stopping is not None:
            _LOG.info("No %s any more: the end has begun", order.value)
        elif order is Order.REOPEN_LOGS:
            for runner in self._fleet.runners:
                runner.reopen_logs()
        elif self._starting is not None or self._change is not None:
            self._put_off(order)
        elif order in _CHANGES:
            self._begin_change(order, now)
        elif order is Order.ADD_WORKER:
            self._add_worker(now)
        else:
            self._remove_worker()

    def _end(self, order: Order, now: float) -> None:
        if self._stopping is None:
            self._stop(now, event=Event.DRAIN if order is Order.HAND_OVER else Event.STOP)
        elif order is Order.SHUTDOWN:
            self._stopping.hurry()
        if order is Order.ABORT and self._stopping is not None:
            self._stopping.abort()

    def _put_off(self, order: Order) -> None:
        """Remember it for later; a reload or restart only once."""
        if order in _CHANGES and order in self._waiting:
            _LOG.info("One more %s is not needed: one is to come already", order.value)
            return
        _LOG.info("To come after what is under way: %s", order.value)
        self._waiting.append(order)

    def _begin_change(self, order: Order, now: float) -> None:
        renewal = None
        if self._renew is not None:
            renewal = Renewal(self._renew, self._post, self._fleet.config.startup_timeout)
        kind = Reload if order is Order.RELOAD else Restart
        _LOG.info("Begun: %s of %s", order.value, self._fleet.lineage.current)
        self._change = kind(self._fleet, renewal)
        self._fleet.announce("reloading")
        if renewal is not None:
            renewal.start(now)

    def _take_renewed(self, renewed: Renewed) -> None:
        renewal = self._change.renewal if self._change is not None else None
        if (renewal is None or not renewal.hear(renewed)) and renewed.generation is not None:
            _LOG.warning("A new generation was made too late; it is put away")
            self._fleet.lineage.give_up(self._fleet.lineage.conceive(renewed.generation))

    def _add_worker(self, now: float) -> None:
        team = self._fleet.teams[0]
        if team.is_full:
            _LOG.warning("No worker more: there is no datagram socket for it")
            return
        slot = team.add_slot()
        slot.start_at = now
        _LOG.info("%s is added: %d workers", slot, len(team.slots))

    def _remove_worker(self) -> None:
        team = self._fleet.teams[0]
        if len(team.slots) == 1:
            _LOG.warning("No worker less: it is the last one")
            return
        slot = team.slots.pop()
        _LOG.info("%s is removed: %d left", slot, len(team.slots))
        for run in (slot.current, slot.successor):
            if run is not None and run.state not in OVER:
                self._fleet.retire(run)
