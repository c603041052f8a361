"""Keeps the distributor of connections at work.

It is watched like a worker: where its thread ends, it is started again, by the same policy.
"""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.restart_policy import RestartHistory

_LOG = logging.getLogger("serverkit.supervisor")
_MOMENT_S = 0.05


class Distributor(Protocol):
    """What accepts connections and hands them out, in a thread of its own."""

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """What ended it; None: nothing did."""
        ...

    def start(self) -> None:
        """Begin, or go on where it ended."""
        ...

    def add(self, outlet: Outlet) -> None:
        """Let a worker be given connections."""
        ...

    def remove(self, outlet: Outlet) -> None:
        """Give a worker no more; what it has not taken goes to others."""
        ...

    def stop(self, *, within_s: float) -> None:
        """Hand out what the kernel holds, then end. Blocks, but not for longer than that."""
        ...


class Distribution:
    """The distributor, or none, and its crashes.

    Owner: the engine. Threads: the supervisor's, but for `note_end`.

    Args:
        history: its crashes.
        when_changed: called when it has ended or stopped, by any thread.

    Attributes:
        distributor: to be set before the start; None: nothing is distributed.
        start_at: when to start it again; None: it runs, or is not to run.
        given_up: how its last crash came about, once the budget is spent; else empty.
    """

    def __init__(self, history: RestartHistory, when_changed: Callable[[], None]) -> None:
        self._history = history
        self._when_changed = when_changed
        self._ended = threading.Event()
        self._stopper: threading.Thread | None = None
        self._stopped = threading.Event()
        self.distributor: Distributor | None = None
        self.start_at: float | None = None
        self.given_up = ""

    def start(self) -> None:
        """Begin, or begin again."""
        if self.distributor is not None:
            self.distributor.start()

    def add(self, outlet: Outlet) -> None:
        """Let a worker be given connections."""
        if self.distributor is not None:
            self.distributor.add(outlet)

    def remove(self, outlet: Outlet) -> None:
        """Give a worker no more connections."""
        if self.distributor is not None:
            self.distributor.remove(outlet)

    def note_end(self) -> None:
        """Take down that its thread ends. Threads: any."""
        self._ended.set()
        self._when_changed()

    def advance(self, now: float) -> None:
        """Look after it: start it again where it has ended, when its time has come."""
        distributor = self.distributor
        if distributor is None or self._stopper is not None:
            return
        if self._ended.is_set():
            self._ended.clear()
            self._crashed(distributor, now)
        if self.start_at is not None and now >= self.start_at:
            if distributor.is_running:  # in its last moments
                self.start_at = now + _MOMENT_S
                return
            self.start_at = None
            distributor.start()

    def _crashed(self, distributor: Distributor, now: float) -> None:
        failure = distributor.failure
        reason = f"it raised {failure!r}" if failure else "it returned without having been asked to"
        delay = self._history.crashed(now)
        if delay is None:
            self.given_up = reason
            return
        self.start_at = now + delay
        _LOG.error(
            "The distributor of connections failed: %s; again in %g s",
            reason,
            delay,
            exc_info=failure,
        )

    def begin_stop(self, within_s: float) -> None:
        """Let it hand out what the kernel holds and end, in a thread of its own."""
        self.start_at = None
        if self._stopper is None and self.distributor is not None:
            self._stopper = threading.Thread(
                target=self._stop,
                args=(self.distributor, within_s),
                name="serverkit-stop-distributor",
                daemon=True,
            )
            self._stopper.start()

    @property
    def is_stopping(self) -> bool:
        """Whether its stop has begun and is not over."""
        return self._stopper is not None and not self._stopped.is_set()

    def _stop(self, distributor: Distributor, within_s: float) -> None:
        try:
            distributor.stop(within_s=within_s)
        except Exception:  # noqa: BLE001 - the workers are stopped in any case
            _LOG.exception("The distributor of connections could not be stopped")
        finally:
            self._stopped.set()
            self._when_changed()
