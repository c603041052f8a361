"""Accepts the connections of all workers, and hands each to the one that has the fewest.

Rules:
    What was accepted is handed to a worker: nothing but the end of everything closes it.
    Nothing is accepted that could not be handed out, or while every worker still has some to take:
    it waits in the kernel's queue, where it can become anybody's. Under load, that is why many are
    accepted at once: waking a thread for each would cost more than serving it.
    Who waits is woken: nothing looks again and again, and an idle distributor does nothing at all.
"""

import logging
import math
import os
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from socket import socket
from typing import Final, Literal

from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.intake import Intake
from serverkit_supervisor.listening import Listener
from serverkit_supervisor.shortage import PAUSE_S
from serverkit_supervisor.spread import Spread
from serverkit_supervisor.wakeup import Wakeup

logger = logging.getLogger("serverkit.supervisor")

# At the end so many batches are accepted: more than a kernel's queue holds as a rule.
_BATCHES_AT_END: Final = 1024
# How much longer than its own bound `stop` may take, until the thread sees that its time is over.
_GRACE_S: Final = 1.0


def _nobody() -> None:
    """Take word that nobody waits for."""


class AcceptDistributor:
    """A thread that accepts, and the workers it hands connections to.

    It accepts while there is a worker that can take a connection. It makes no TLS handshake, reads
    nothing and sets nothing on a connection: a silent client holds up nobody.

    Owner: the supervisor. Threads: any, for every method.
    """

    def __init__(
        self,
        listeners: Sequence[socket],
        *,
        max_connections: int = 0,
        when_full: Literal["hold", "refuse"] = "hold",
        ended: Callable[[], None] = _nobody,
    ) -> None:
        """Prepare to accept.

        Args:
            listeners: that listen already. They stay the caller's: duplicates are used, and made
                non-blocking, which makes the originals so.
            max_connections: how many may be open at once, over all workers, those included that
                were removed and still have some; 0: any number.
            when_full: what becomes of more: they wait in the kernel's queue, or are handed over
                marked as surplus, for a worker to refuse them.
            ended: called by the thread when it ends, by `stop` or by a `failure`.

        Raises:
            OSError: no descriptors are left, or a listener is closed.
            ValueError: a listener does not listen, there are too many, or a bound is below 0.
        """
        if max_connections < 0:
            raise ValueError(f"max_connections must be 0 or more, not {max_connections}")
        self._max_connections = max_connections
        self._refuses = when_full == "refuse"
        self._ended = ended
        self._lock = threading.Lock()
        self._spread = Spread(count_leaving=max_connections > 0)
        self._selector = selectors.DefaultSelector()
        self._wakeup = Wakeup()
        try:
            self._intake = Intake(listeners, self._selector)
        except BaseException:
            self._selector.close()
            self._wakeup.close()
            raise
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._registered: dict[Outlet, int] = {}
        self._wait_s: float | None = None
        self._stop_at: float | None = None
        self._is_running = False
        self._is_finished = False
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        return self._is_running

    @property
    def failure(self) -> BaseException | None:
        """What ended its thread; None: nothing did. `start` goes on where it ended."""
        return self._failure

    def start(self) -> None:
        """Accept from now on, as soon as there is a worker; also again, after a failure.

        Raises:
            RuntimeError: it runs already, or was stopped; or the system gives no thread.
        """
        with self._lock:
            if self._is_running or self._stop_at is not None:
                raise RuntimeError("A distributor runs once at a time, and not after its stop")
            thread = threading.Thread(target=self._run, name="serverkit-distributor", daemon=True)
            self._failure = None
            self._wait_s = 0.0  # First of all, hand out what an earlier thread has left.
            self._is_running = True
            try:
                thread.start()
            except RuntimeError:
                self._is_running = False
                raise
            self._thread = thread

    def add(self, outlet: Outlet) -> None:
        """Let a worker be given connections."""
        with self._lock:
            self._spread.add(outlet)
            self._register_outlets()
        self._wakeup.set()

    def remove(self, outlet: Outlet) -> None:
        """Give a worker no more connections; what it has not taken goes to others.

        When this returns, nothing will arrive at that outlet. Repeatable.
        """
        with self._lock:
            self._spread.remove(outlet)
            self._register_outlets()
            self._spread.hand_out(time.monotonic())
            if self._is_finished:
                self._close_pending()
        self._wakeup.set()

    def counts(self) -> list[int]:
        """Say how many connections each worker has open, in the order in which they were added."""
        with self._lock:
            return [outlet.open_count() for outlet in self._spread.outlets()]

    def stop(self, *, within_s: float) -> None:
        """Accept what the kernel holds, hand it out, and end. Repeatable.

        What is more than `max_connections` is handed over as surplus. Where there is no worker,
        nothing is accepted.

        Args:
            within_s: how long to wait for workers that cannot take more; what they have not taken
                then is closed, and logged.
        """
        with self._lock:
            if self._stop_at is None:
                self._stop_at = time.monotonic() + within_s
            thread = self._thread
        self._wakeup.set()
        if thread is not None:
            thread.join(within_s + _GRACE_S)
            if thread.is_alive():
                return
        self._finish()

    def _run(self) -> None:
        """Accept and hand out until the stop. The thread's main function."""
        try:
            while self._stop_at is None:
                self._take_turn()
            self._finish()
        except BaseException as exc:  # noqa: BLE001  Whatever it is, somebody must know.
            self._failure = exc
        finally:
            self._is_running = False
            self._ended()

    def _take_turn(self) -> None:
        """Wait until there is something to do, and do it."""
        events = self._selector.select(self._wait_s)
        with self._lock:
            now = time.monotonic()
            self._serve(self._hear(events, now), now)

    def _hear(self, events: list[tuple[selectors.SelectorKey, int]], now: float) -> list[Listener]:
        """Hear what the workers say; return the listening sockets that have connections."""
        ready: list[Listener] = []
        for key, _ in events:
            if isinstance(key.fileobj, Listener):
                ready.append(key.fileobj)
            elif key.fileobj is self._wakeup:
                self._wakeup.clear()
            elif key.data.heard():
                self._spread.rest(key.data, now + PAUSE_S)
        return ready

    def _serve(self, ready: Sequence[Listener], now: float) -> None:
        """Hand out what is pending, then accept and hand out more."""
        self._spread.hand_out(now)
        if self._may_accept(now):
            self._intake.accept(
                ready, self._spread.pending, room=self._room(), refuses=self._refuses, now=now
            )
            self._spread.hand_out(now)
        may_accept = self._may_accept(now)
        if not may_accept:
            self._ask_for_changes(now)
            may_accept = self._may_accept(now)
        self._intake.listen(may_accept)
        self._wait_s = None if may_accept else self._next_wait(now)

    def _ask_for_changes(self, now: float) -> None:
        """Let the workers tell when they can take more."""
        self._spread.call_when_changed(self._wakeup.set, or_closed=not self._has_room())
        self._spread.hand_out(now)  # It may have changed before they were asked.

    def _may_accept(self, now: float) -> bool:
        """Say whether a connection could be handed out if one were accepted."""
        return (
            not self._spread.pending
            and self._intake.rests_until <= now
            and self._has_room()
            and self._spread.is_awaited(now)
        )

    def _has_room(self) -> bool:
        """Say whether one more may be accepted, be it to be refused."""
        return self._refuses or self._room() > 0

    def _room(self) -> float:
        """Say how many more connections may be open."""
        if not self._max_connections:
            return math.inf
        return max(0, self._max_connections - self._spread.open_count())

    def _next_wait(self, now: float) -> float | None:
        """Say for how long nothing can change unless a descriptor becomes readable."""
        times = [self._intake.rests_until, *self._spread.ends_of_rests()]
        return min((each - now for each in times if each > now), default=None)

    def _register_outlets(self) -> None:
        """Be woken by what the workers say: those that are there, and no others."""
        if self._is_finished:
            return
        watched = self._spread.watched()
        for outlet in self._registered.keys() - set(watched):
            # By its number, as it may be closed. First, as the number may be another's by now.
            self._selector.unregister(self._registered.pop(outlet))
        for outlet in watched:
            if outlet not in self._registered and (descriptor := outlet.fileno()) >= 0:
                self._selector.register(descriptor, selectors.EVENT_READ, outlet)
                self._registered[outlet] = descriptor

    def _finish(self) -> None:
        """Hand out what the kernel holds, and release everything. Repeatable."""
        try:
            while (wait_s := self._sweep()) is not None:
                events = self._selector.select(wait_s)
                with self._lock:
                    self._hear(events, time.monotonic())
        finally:
            with self._lock:
                self._is_finished = True
                self._close_pending()
                self._selector.close()
                self._wakeup.close()
                self._intake.close()

    def _sweep(self) -> float | None:
        """Hand out, accept and hand out, as far as it is possible now.

        Returns:
            how long to wait before the next time; None: there is nothing left to do, or no time.
        """
        with self._lock:
            if self._is_finished or self._stop_at is None:
                return None
            now = time.monotonic()
            spread = self._spread
            self._intake.listen(False)  # noqa: FBT003  it is what it says
            spread.hand_out(now)
            for _ in range(_BATCHES_AT_END):
                if not spread.has_outlets or spread.pending:
                    break
                if not self._intake.sweep(spread.pending, room=self._room(), now=now):
                    break
                spread.hand_out(now)
            if spread.pending:
                self._ask_for_changes(now)
            held_up = bool(spread.pending) or self._intake.rests_until > now
            if not held_up or not spread.has_outlets or now >= self._stop_at:
                return None
            rest = self._next_wait(now)
            return min(self._stop_at - now, self._stop_at if rest is None else rest)

    def _close_pending(self) -> None:
        """Close what no worker could take."""
        if self._spread.pending:
            logger.error(
                "Closed %d connections that no worker could take", len(self._spread.pending)
            )
        while self._spread.pending:
            os.close(self._spread.pending.pop().descriptor)
