"""Runs a worker in a process, and sees of it what a supervisor sees."""

import queue
import socket
from collections.abc import Sequence

from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.contract_rules import Rule, broken
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.messages import Exited, Failed, Notice, Ready
from serverkit_supervisor.processes import ProcessRunner, check_factory
from serverkit_supervisor.runner import RunSpec


class ProcessLife:
    """One worker in a process, from its start to its end.

    Owner: the check. Threads: one.

    Args:
        factory, sockets, state, timeout_s: see `check_worker`.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        sockets: Sequence[socket.socket] | None,
        state: dict[str, object] | None,
        timeout_s: float,
    ) -> None:
        try:
            check_factory(factory)
        except TypeError as error:
            broken(Rule.TRAVELS, str(error))
        spec = RunSpec(
            worker_id=0,
            generation=0,
            group="tcp",
            factory=factory,
            state=state,
            sockets=tuple(sockets or ()),
            distribute=sockets is None,
            alive_interval=None,
        )
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self._runner = ProcessRunner(spec, self._notices.put)
        self._timeout_s = timeout_s
        self._failure = ""

    def check(self, *, drain: bool) -> None:
        """Let it become ready, then ask it to end.

        Args:
            drain: by `start_draining`; else by `shutdown`, if it has one.
        """
        reason: ExitReason | None = None
        self._runner.start()
        try:
            while not isinstance(notice := self._next("become ready"), Ready):
                if isinstance(notice, Exited):
                    reason = notice.reason
                    broken(Rule.IN_PROCESS, f"Before it was ready, {reason}.\n{self._failure}")
            if drain:
                self._runner.drain()
            else:
                self._runner.stop()
            reason = self._end("end when it was asked to")
            if not reason.expected:
                broken(Rule.IN_PROCESS, f"When it was asked to end, {reason}.\n{self._failure}")
        finally:
            if reason is None and self._runner.kill():
                self._end("end when it was killed")
            self._runner.close()

    def _end(self, what: str) -> ExitReason:
        """Wait for its end."""
        while not isinstance(notice := self._next(what), Exited):
            pass
        return notice.reason

    def _next(self, what: str) -> Notice:
        """Wait for the next that it tells."""
        try:
            notice = self._notices.get(timeout=self._timeout_s)
        except queue.Empty:
            broken(Rule.IN_PROCESS, f"It did not {what} in time.")
        if isinstance(notice, Failed):
            self._failure = notice.traceback
        return notice
