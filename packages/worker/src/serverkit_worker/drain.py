"""The end of a worker's serving: why it comes, and until when it may take."""

import asyncio

from serverkit_worker.config import WorkerConfig
from serverkit_worker.deadlines import NEVER, DrainReason
from serverkit_worker.intake import Intake
from serverkit_worker.serving import Serving


class Drain:
    """Begins once, by a reload or a shutdown; a shutdown may overtake a reload.

    Owner: the worker; the loop thread only.

    Attributes:
        wanted: set as soon as the worker is to end.
        reason: why it does; None until it has begun.
    """

    def __init__(self, serving: Serving, intake: Intake, config: WorkerConfig) -> None:
        self._serving = serving
        self._intake = intake
        self._timeouts_s: dict[DrainReason, float] = {
            "reload": config.reload_timeout,
            "shutdown": config.shutdown_timeout,
        }
        self._deadline = NEVER
        self._timeout: asyncio.Timeout | None = None
        self._is_aborted = False
        self.wanted = asyncio.Event()
        self.reason: DrainReason | None = None

    def begin(self, reason: DrainReason) -> float | None:
        """Let every connection come to its end.

        Returns:
            Seconds that this may take; None where there is nothing new: it has begun for as good a
            reason, or has nothing to end yet.
        """
        self.wanted.set()
        if self.reason in (reason, "shutdown") or self._is_aborted or not self._intake.is_open:
            return None
        serving, timeout_s = self._serving, self._timeouts_s[reason]
        if self.reason is None:
            self._intake.admit_waiting()  # They have come before.
        self.reason = reason
        serving.start_draining(reason)
        self._deadline = min(self._deadline, serving.loop.time() + timeout_s)
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(self._deadline)  # The nearer one counts.
        return timeout_s

    def abort(self) -> None:
        """Wait for nothing any more."""
        self._is_aborted = True
        self._serving.draining = True
        self.wanted.set()

    async def finished(self) -> None:
        """Wait for the last connection and the last call of the application, up to the deadline."""
        if self._is_aborted:
            return
        try:
            async with asyncio.timeout_at(self._deadline) as self._timeout:
                await self._serving.idle()
                while self._admits_last():
                    await self._serving.idle()
        except TimeoutError:
            pass  # What is left is cut off, and told of.
        finally:
            self._timeout = None

    def _admits_last(self) -> bool:
        """Let in what was handed over in the last moment; return whether there was anything."""
        return not self._is_aborted and self._intake.admit_handed()
