"""Runs a worker in a process, and sees of it what a supervisor sees."""

import queue
import select
import socket
import time
from collections.abc import Sequence

from serverkit_supervisor.check_in_thread import connection_without_client
from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.contract_rules import Rule, broken
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.notices import Exited, Failed, Notice, Ready
from serverkit_supervisor.processes import ProcessRunner, check_factory
from serverkit_supervisor.runner import RunSpec
from serverkit_supervisor.wakeup import Wakeup


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
        self._told = Wakeup()
        self._runner = ProcessRunner(spec, self._hear)
        self._timeout_s = timeout_s
        self._failure = ""
        self._has_ended = False

    def check(self, *, drain: bool) -> None:
        """Let it become ready, then ask it to end.

        Args:
            drain: by `start_draining`; else by `shutdown`, if it has one.
        """
        self._runner.start()
        try:
            while not isinstance(notice := self._next("become ready"), Ready):
                self._check_stays(notice, "Before it was ready")
            outlet = self._runner.outlet
            if outlet is not None:
                self._check_connection(outlet)
            if drain:
                self._runner.drain()
            else:
                self._runner.stop()
            reason = self._end("end when it was asked to")
            if not reason.expected:
                broken(Rule.IN_PROCESS, f"When it was asked to end, {reason}.\n{self._failure}")
        finally:
            if not self._has_ended and self._runner.kill():
                self._end("end when it was killed")
            self._runner.close()
            self._told.close()

    def _check_connection(self, outlet: Outlet) -> None:
        """Hand over a connection whose client leaves at once."""
        until = time.monotonic() + self._timeout_s
        poll = select.poll()
        for each in (self._told, outlet):
            poll.register(each.fileno(), select.POLLIN)
        outlet.call_when_changed(_unheard, or_closed=False)
        outlet.give([connection_without_client()])
        while not self._has_ended:
            left_s = until - time.monotonic()
            readable = [fileno for fileno, _ in poll.poll(left_s * 1000)] if left_s > 0 else []
            if outlet.fileno() in readable:
                return
            if not readable:
                broken(Rule.TAKES, "One was not, in time.")
            self._told.clear()
            while not self._notices.empty():
                self._check_stays(self._next("go on"), "Before it was asked to end")

    def _check_stays(self, notice: Notice, when: str) -> None:
        if isinstance(notice, Exited):
            broken(Rule.IN_PROCESS, f"{when}, {notice.reason}.\n{self._failure}")

    def _end(self, what: str) -> ExitReason:
        """Wait for its end."""
        while not isinstance(notice := self._next(what), Exited):
            pass
        return notice.reason

    def _hear(self, notice: Notice) -> None:
        self._notices.put(notice)
        self._told.set()

    def _next(self, what: str) -> Notice:
        """Wait for the next that it tells."""
        try:
            notice = self._notices.get(timeout=self._timeout_s)
        except queue.Empty:
            broken(Rule.IN_PROCESS, f"It did not {what} in time.")
        if isinstance(notice, Failed):
            self._failure = notice.traceback
        self._has_ended = isinstance(notice, Exited)
        return notice


def _unheard() -> None:
    """The descriptor tells it."""
