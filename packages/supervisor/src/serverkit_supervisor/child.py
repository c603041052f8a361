"""The process of one worker, from its first line to its last.

The worker runs in the main thread. Two more threads belong to the supervisor's channel: one reads
commands, one sends notices; a third sees to it that signals are noticed.

Rules:
    SIGTERM from outside means: replace me. The supervisor is asked to, and drains this process when
    the replacement is ready. By itself the process drains at the second SIGTERM.
    It does not outlive the supervisor: without it, it drains, and leaves after 1.5 s at the latest.
    Whatever the worker leaves behind, threads above all, does not keep the process.
"""

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from typing import BinaryIO, Final, NoReturn

from serverkit_supervisor.channel import Command
from serverkit_supervisor.child_channel import Reporter, commands
from serverkit_supervisor.child_signals import ChildSignals
from serverkit_supervisor.contract import TCPWorker, WorkerContext
from serverkit_supervisor.main_module import adopt_main
from serverkit_supervisor.notices import Failed, Ready, RecycleWanted, Stacks, Status
from serverkit_supervisor.payload import Payload, unpack_work
from serverkit_supervisor.portable_errors import summary_of, traceback_text
from serverkit_supervisor.process_source import ProcessConnectionSource
from serverkit_supervisor.stacks import stacks_of
from serverkit_supervisor.worker_slot import WorkerSlot

logger = logging.getLogger("serverkit.supervisor")

_ORPHANED_S: Final = 1.5
_LEFTOVERS_S: Final = 1.0
_FLUSH_S: Final = 0.3


def main(file: BinaryIO) -> NoReturn:
    """Run the worker that the file describes; end the process.

    Args:
        file: the payload, read up to where `sys.path` ends. The arguments of the process are the
            descriptors of the control channel and of the handover (-1: none), and that of the file.
    """
    control = _take_over(int(sys.argv[1]))
    handover = int(sys.argv[2])
    with file:
        payload: Payload = pickle.load(file)  # noqa: S301 - the parent has written it
    sys.argv = list(payload.argv)
    child = Child(payload, control, None if handover < 0 else _take_over(handover))
    code = child.run()
    child.leave(code)


class Child:
    """This process, as the one that runs a worker.

    Args:
        payload: what to run.
        control: the channel to the supervisor.
        handover: where connections come from; None where the worker is not handed any.

    Owner: `main`. Threads: made and run by the main thread.
    """

    def __init__(
        self, payload: Payload, control: socket.socket, handover: socket.socket | None
    ) -> None:
        self._payload = payload
        self._control = control
        self._handover = handover
        self._source: ProcessConnectionSource | None = None
        self._sockets: tuple[socket.socket, ...] = ()
        self._pid = os.getpid()
        self._slot = WorkerSlot()
        self._told_ready = threading.Lock()
        self._terms = 0
        self._terminating = False
        self._may_raise = False
        self._reporter = Reporter(control)
        faulthandler.enable()
        # Written by the system's own means, for when no Python code comes to run any more.
        faulthandler.register(signal.SIGUSR2, all_threads=True)
        self._signals = ChildSignals(self._on_term)
        os.register_at_fork(after_in_child=self._after_fork)
        threading.Thread(target=self._obey, name="serverkit-control", daemon=True).start()
        self._signals.unblock()

    def run(self) -> int:
        """Make the worker and run it; return the exit code."""
        try:
            self._may_raise = True
            if self._terminating:  # SIGTERM came before it could raise.
                self._on_term()
            worker = self._make()
            self._slot.put(worker)
            worker.run()
            self._may_raise = False
        except BaseException as error:
            was_raised = self._terminating and not self._may_raise
            self._may_raise = False
            if self._is_fork():
                raise
            if was_raised:  # This error is that, or comes of that.
                return -signal.SIGTERM
            self._reporter.tell(Failed(None, error, traceback_text(error), summary_of(error)))
            return _exit_code(error)
        return 0

    def leave(self, code: int) -> NoReturn:
        """End the process.

        Args:
            code: its exit code; negative: the number of the signal that is to end it.
        """
        if self._is_fork():
            sys.exit(code)
        for leave in (_leave_anyway, _leave_now):  # No thread can be started later on.
            threading.Thread(target=leave, args=(code,), daemon=True).start()
        self._reporter.finish(_LEFTOVERS_S)
        if self._source is not None:
            self._source.close()
        for each in self._sockets:
            each.detach()  # They end with the process; a thread left over meets no other's.
        _flush()
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            signal.raise_signal(-code)
        sys.exit(code)

    def _make(self) -> TCPWorker:
        payload = self._payload
        if payload.main is not None:
            adopt_main(payload.main)
        factory, state = unpack_work(payload.work)
        watched = payload.alive_interval is not None
        if self._handover is not None:
            self._source = ProcessConnectionSource(self._handover)
        self._sockets = tuple(_take_over(each.descriptor, each.timeout) for each in payload.sockets)
        worker = factory(
            WorkerContext(
                worker_id=payload.worker_id,
                generation=payload.generation,
                group=payload.group,
                sockets=self._sockets,
                connections=self._source,
                ready=self._tell_ready,
                alive=self._reporter.tell_alive if watched else _nothing,
                alive_interval=payload.alive_interval,
                recycle=lambda reason: self._reporter.tell(RecycleWanted(None, str(reason))),
            )
        )
        if state is not None:
            worker.set_lifespan_state(state)
        return worker

    def _tell_ready(self) -> None:
        if self._told_ready.acquire(blocking=False):  # never released: once is all
            self._reporter.tell(Ready(None))

    def _obey(self) -> None:
        """Carry out what the supervisor commands, until it is gone."""
        for command in commands(self._control, self._payload.parent_pid):
            match command:
                case Command.DRAIN:
                    self._slot.drain()
                case Command.STOP:
                    self._slot.stop()
                case Command.STATUS:
                    self._reporter.tell(Status(None, idle=self._slot.is_idle()))
                case Command.STACKS:
                    self._reporter.tell(Stacks(None, stacks_of(but=self._reporter.ident)))
                case Command.REOPEN_LOGS:
                    self._slot.reopen_logs()
                case Command.TERMINATE:
                    self._terminating = True
                    self._signals.raise_term()
        threading.Thread(target=self._slot.drain, daemon=True).start()
        time.sleep(_ORPHANED_S)
        os._exit(1)

    def _on_term(self) -> None:
        """Take a SIGTERM: from outside, or after the supervisor has said that this is the end."""
        if self._terminating:
            if self._may_raise:
                self._may_raise = False  # Another one would break into how the worker ends.
                raise SystemExit(128 + signal.SIGTERM)
            return
        self._terms += 1
        if self._terms == 1:
            self._reporter.tell(RecycleWanted(None, "its process was sent SIGTERM"))
        else:
            self._reporter.call(self._slot.drain)

    def _is_fork(self) -> bool:
        """Whether this is another process, forked off within the worker's code."""
        return os.getpid() != self._pid

    def _after_fork(self) -> None:
        """Give up, in a fork, what belongs to the worker's process alone."""
        self._signals.give_up()
        with contextlib.suppress(OSError):
            self._control.close()


def _take_over(descriptor: int, timeout: float | None = None) -> socket.socket:
    """Make a socket of a descriptor that was passed; what this process starts does not get it."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
    taken = socket.socket(fileno=descriptor)
    taken.settimeout(timeout)
    return taken


def _exit_code(error: BaseException) -> int:
    """Give the exit code: 1, but for `sys.exit(3)` what it says."""
    code = error.code if isinstance(error, SystemExit) else 1
    return code if isinstance(code, int) and 0 <= code <= 255 else 1


def _leave_anyway(code: int) -> NoReturn:
    """End the process when its own way out takes too long: threads are left over."""
    time.sleep(_LEFTOVERS_S)
    names = [
        each.name
        for each in threading.enumerate()
        if not each.daemon and each is not threading.main_thread()
    ]
    if names:
        logger.warning("The worker has left threads behind: %s.", ", ".join(names))
    _flush()
    os._exit(abs(code))


def _leave_now(code: int) -> NoReturn:
    """End the process when that hangs too, as when nobody reads what it writes."""
    time.sleep(_LEFTOVERS_S + _FLUSH_S)
    os._exit(abs(code))


def _flush() -> None:
    """Write out what stands in the buffers; takes as long as nobody reads it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _nothing() -> None:
    """Nobody watches."""
