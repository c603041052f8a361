"""Gets what the next generation is made of, in a thread of its own, since that may take its time.

Importing code anew may hang. Then the thread is left behind, and the generation that may come of it
after all is put away at once.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable

from serverkit_supervisor.errors import ReloadFailed
from serverkit_supervisor.fleet import Fleet
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.orders import Renewed
from serverkit_supervisor.portable_errors import summary_of, traceback_text

_LOG = logging.getLogger("serverkit.supervisor")


class Renewal:
    """One try to get a new generation.

    Owner: the reload or restart it belongs to.

    Args:
        renew: gets the generation.
        post: takes the outcome, as `Renewed` with this renewal as its source; any thread.
        timeout_s: how long it may take, in seconds.
    """

    def __init__(
        self,
        renew: Callable[[], Generation],
        post: Callable[[Renewed], None],
        timeout_s: float,
    ) -> None:
        self._renew = renew
        self._post = post
        self._timeout_s = timeout_s
        self._thread = threading.Thread(target=self._run, name="serverkit-renew", daemon=True)
        self.outcome: Renewed | None = None
        self.deadline: float | None = None

    def start(self, now: float) -> None:
        """Begin; returns at once."""
        self.deadline = now + self._timeout_s
        self._thread.start()

    def hear(self, renewed: Renewed) -> bool:
        """Take the outcome; False: it is of another one, or comes too late."""
        if renewed.source is not self or self.outcome is not None:
            return False
        self.outcome, self.deadline = renewed, None
        return True

    def check(self, now: float) -> Renewed | None:
        """Give the outcome; None: it is awaited still."""
        if self.deadline is not None and now >= self.deadline:
            error = ReloadFailed(
                f"the new generation was not made within {self._timeout_s:g} s",
                "Allow it more time with startup_timeout, or let it do less.",
                traceback=self._stack().rstrip(),
            )
            self.hear(Renewed(source=self, error=error))
        return self.outcome

    def _stack(self) -> str:
        """Say what it does at this moment."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - documented
        return "".join(traceback.format_stack(frame)) if frame is not None else ""

    def _run(self) -> None:
        try:
            outcome = Renewed(source=self, generation=self._renew())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the new code raises
            outcome = Renewed(source=self, error=error, traceback=traceback_text(error))
        self._post(outcome)


def renewed(
    fleet: Fleet, renewal: Renewal | None, now: float
) -> tuple[Generation | None, ReloadFailed | None]:
    """Give what the new generation is made of, or why there is none; neither: not yet."""
    if renewal is None:
        return fleet.lineage.current.made_of, None
    outcome = renewal.check(now)
    if outcome is None:
        return None, None
    if outcome.generation is not None:
        return outcome.generation, None
    if isinstance(outcome.error, ReloadFailed):  # says it in words of its own
        return None, outcome.error
    short = summary_of(outcome.error) if outcome.error is not None else "nobody knows why"
    return None, ReloadFailed(
        f"the new generation could not be made: {short}",
        error=outcome.error,
        traceback=outcome.traceback.rstrip(),
    )


def report_failure(fleet: Fleet, failure: ReloadFailed, evidence: str) -> None:
    """Tell that the old generation goes on, and why.

    Args:
        fleet: the workers.
        failure: what went wrong.
        evidence: what the log is to have besides; may be empty.
    """
    what = f"{failure.message.rstrip('.')}. {fleet.lineage.current} goes on serving."
    text = "\n".join(filter(None, [what, failure.remedy, evidence]))
    _LOG.error("Reload failed: %s", text)
    fleet.announce("reload_failed", error=failure)
