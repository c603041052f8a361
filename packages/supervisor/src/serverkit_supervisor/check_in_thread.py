"""Leads a worker through its life in a thread, and looks at it from within."""

import contextlib
import socket
import threading
import traceback
from collections.abc import Callable, Sequence

from serverkit_supervisor.contract import TCPWorker, WorkerContext, WorkerFactory
from serverkit_supervisor.contract_rules import Rule, broken
from serverkit_supervisor.handover import Accepted
from serverkit_supervisor.thread_handover import ThreadHandover

_ALIVE_INTERVAL_S = 0.1
_SIGNS_OF_LIFE = 3
_LAST_CHANCE_S = 1.0
_AT_ONCE_S = 5.0
"""What returns at once has returned by then, also on a machine that has much else to do."""


class Life:
    """One worker, from its making to its end.

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
        self.worker: TCPWorker | None = None
        self._factory = factory
        self._state = state if state is not None else {}
        self._timeout_s = timeout_s
        self._sockets = tuple(sockets or ())
        self._handover = ThreadHandover() if sockets is None else None
        self._changed = threading.Condition()
        self._ready_count = 0
        self._alive_count = 0
        self._has_taken = False
        self._has_ended = False
        self._raised = ""

    def check(self, ask: str) -> None:
        """Let it serve, then ask it to end by one of its methods."""
        worker = self._make()
        try:
            self._start(worker)
            self._check_serving(worker)
            self._ask(getattr(worker, ask), Rule.ASKED_RETURNS_AT_ONCE)
            self._check_end(worker)
        finally:
            self._close(worker)

    def check_early_drain(self) -> None:
        """Ask it to end before it runs."""
        worker = self._make()
        try:
            self._ask(worker.start_draining, Rule.ASKED_RETURNS_AT_ONCE)
            self._start(worker)
            if not self._wait(lambda: self._has_ended):
                broken(Rule.EARLY_DRAIN, "It had not returned in time.")
            if self._raised:
                broken(Rule.ENDS_WELL, f"It raised:\n{self._raised}")
        finally:
            self._close(worker)

    # The steps.

    def _make(self) -> TCPWorker:
        worker = self._factory(self._context())
        if not isinstance(worker, TCPWorker):
            broken(Rule.SHAPE, f"It made {worker!r}.")
        self.worker = worker
        worker.set_lifespan_state(self._state)
        if self._ready_count:
            broken(Rule.READY_IN_RUN, "It had been called already.")
        self._check_idle(worker, "before run")
        return worker

    def _context(self) -> WorkerContext:
        return WorkerContext(
            worker_id=0,
            sockets=self._sockets,
            connections=None if self._handover is None else self._handover.source,
            ready=self._count_ready,
            alive=self._count_alive,
            alive_interval=_ALIVE_INTERVAL_S,
        )

    def _start(self, worker: TCPWorker) -> None:
        threading.Thread(target=self._run, args=(worker,), daemon=True).start()

    def _check_serving(self, worker: TCPWorker) -> None:
        self._wait(lambda: self._ready_count > 0 or self._has_ended)
        if not self._ready_count:
            broken(Rule.READY, f"It was not called in time.\n{self._raised}")
        self._check_idle(worker, "before the first connection")
        if self._handover is not None:
            self._check_connection(self._handover)
        if self._alive_count:
            self._wait(lambda: self._alive_count >= _SIGNS_OF_LIFE or self._has_ended)
            self._check_stays()
            if self._alive_count < _SIGNS_OF_LIFE:
                broken(Rule.ALIVE, f"It said so {self._alive_count} times and then no more.")
        reopen_logs = getattr(worker, "reopen_logs", None)
        if reopen_logs is not None:
            self._ask(reopen_logs, Rule.REOPENS)
        self._check_stays()

    def _check_connection(self, handover: ThreadHandover) -> None:
        """Hand over a connection whose client leaves at once."""
        handover.outlet.call_when_changed(self._note_taken, or_closed=False)
        handover.outlet.give([connection_without_client()])
        self._wait(lambda: self._has_taken or self._has_ended)
        self._check_stays()
        if not self._has_taken:
            broken(Rule.TAKES, "One was not, in time.")

    def _check_stays(self) -> None:
        if self._has_ended:
            broken(Rule.STAYS, f"It had not been asked.\n{self._raised}")

    def _check_end(self, worker: TCPWorker) -> None:
        if not self._wait(lambda: self._has_ended):
            broken(Rule.ENDS, "It had not returned in time.")
        if self._raised:
            broken(Rule.ENDS_WELL, f"It raised:\n{self._raised}")
        if self._ready_count > 1:
            broken(Rule.READY_ONCE, f"It was called {self._ready_count} times.")
        if self._handover is not None and self._handover.outlet.open_count():
            broken(Rule.CLOSES, "One was still open when run had returned.")
        self._check_idle(worker, "after run")
        for _ in range(2):
            self._ask(worker.start_draining, Rule.REPEATABLE)
        for each in self._sockets:
            if not _is_open(each):
                broken(Rule.LEAVES_SOCKETS, f"{each} was closed.")

    def _check_idle(self, worker: TCPWorker, when: str) -> None:
        if worker.is_idle() is not True:
            broken(Rule.IDLE, f"It was not, {when}.")

    def _close(self, worker: TCPWorker) -> None:
        """End it, as far as it can be ended, also where a rule was broken before its end."""
        if not self._has_ended:
            threading.Thread(target=_drain, args=(worker,), daemon=True).start()
        with self._changed:
            is_over = self._changed.wait_for(lambda: self._has_ended, _LAST_CHANCE_S)
        if is_over and self._handover is not None:
            self._handover.close()

    # How it is done.

    def _run(self, worker: TCPWorker) -> None:
        try:
            worker.run()
        except BaseException:  # noqa: BLE001 - whatever it is, the check tells it
            self._raised = traceback.format_exc()
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _note_taken(self) -> None:
        with self._changed:
            self._has_taken = True
            self._changed.notify_all()

    def _count_ready(self) -> None:
        with self._changed:
            self._ready_count += 1
            self._changed.notify_all()

    def _count_alive(self) -> None:
        with self._changed:
            self._alive_count += 1
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, self._timeout_s)

    def _ask(self, method: Callable[[], object], rule: Rule) -> None:
        """Call a method that is to return at once, without waiting for it for ever."""
        raised: list[str] = []

        def call() -> None:
            try:
                method()
            except Exception:  # noqa: BLE001 - whatever it is, the check tells it
                raised.append(traceback.format_exc())

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(min(self._timeout_s, _AT_ONCE_S))
        if thread.is_alive():
            broken(rule, "It had not returned in time.")
        if raised:
            broken(rule, f"It raised:\n{raised[0]}")


def _drain(worker: TCPWorker) -> None:
    with contextlib.suppress(Exception):
        worker.start_draining()


def connection_without_client() -> Accepted:
    """Give a connection over TCP whose other end is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        accepted.settimeout(0)
        family = accepted.family
        return Accepted(accepted.detach(), family, 0, surplus=False)


def _is_open(each: socket.socket) -> bool:
    try:
        each.getsockname()
    except OSError:
        return False
    return True
