"""Runs one worker in a thread of this process."""

import errno
import threading
from collections.abc import Callable

from serverkit_supervisor.contract import TCPWorker, WorkerContext
from serverkit_supervisor.exit_reason import ExitReason
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Failed,
    Notice,
    Ready,
    RecycleWanted,
    Stacks,
    Status,
)
from serverkit_supervisor.portable_errors import summary_of, traceback_text
from serverkit_supervisor.runner import RunSpec
from serverkit_supervisor.stacks import stacks_of
from serverkit_supervisor.thread_handover import ThreadHandover
from serverkit_supervisor.worker_slot import WorkerSlot

_JOIN_S = 5.0


class ThreadRunner:
    """A worker in a daemon thread. It cannot be ended by force.

    Implements `serverkit_supervisor.runner.Runner`.

    Args:
        spec: what to run.
        post: takes the notices.
    """

    def __init__(self, spec: RunSpec, post: Callable[[Notice], None]) -> None:
        self._spec = spec
        self._slot = WorkerSlot()
        self._teller = _Teller(post)
        self._handover = ThreadHandover() if spec.distribute else None
        self._thread = threading.Thread(target=self._run, name=_thread_name(spec), daemon=True)

    @property
    def outlet(self) -> Outlet | None:
        """Where connections for the worker are put; None where it is not handed any."""
        return None if self._handover is None else self._handover.outlet

    @property
    def pid(self) -> int | None:
        """None: the process is not the worker's own."""
        return None

    @property
    def identity(self) -> str:
        """Such as "thread serverkit-worker-0"."""
        return f"thread {self._thread.name}"

    def start(self) -> None:
        """Start the thread; the worker is made there.

        Raises:
            OSError: the system gives no thread.
        """
        try:
            self._thread.start()
        except RuntimeError as error:  # what CPython raises then
            raise OSError(errno.EAGAIN, f"{self.identity}: {error}") from error

    def drain(self) -> None:
        """Ask the worker to finish what it has."""
        self._slot.drain()

    def stop(self) -> None:
        """Ask the worker to stop."""
        self._slot.stop()

    def ask_status(self) -> None:
        """Ask whether the worker is idle; posts `Status`."""
        self._teller.tell(Status(self, idle=self._slot.is_idle()))

    def ask_stacks(self) -> None:
        """Ask what the thread of the worker does; posts `Stacks`."""
        ident = self._thread.ident
        text = "" if ident is None else stacks_of((ident,))
        self._teller.tell(Stacks(self, text))

    def reopen_logs(self) -> None:
        """Ask the worker to open the files of its log anew."""
        self._slot.reopen_logs()

    def terminate(self) -> bool:
        """Do nothing: a thread cannot be ended."""
        return False

    def kill(self) -> bool:
        """Do nothing: a thread cannot be ended."""
        return False

    def rss_bytes(self) -> int | None:
        """None: the memory is that of all threads."""
        return None

    def close(self) -> None:
        """Release the descriptors, after `Exited`. Idempotent."""
        if self._thread.ident is not None and self._teller.ended:
            self._thread.join(_JOIN_S)  # It has said its last word, and is at its last line.
        if self._handover is not None:
            self._handover.close()

    def _run(self) -> None:
        error = ""
        try:
            self._serve()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it ends this worker only
            error = summary_of(raised)
            self._teller.tell(Failed(self, raised, traceback_text(raised), error))
        asked = self._slot.asked
        # The worker may hold descriptors: it goes before anybody is told that it has gone.
        self._slot = WorkerSlot()
        self._teller.end(Exited(self, ExitReason(error=error, asked=asked)))

    def _serve(self) -> None:
        """Make the worker, and run it to its end."""
        spec = self._spec
        watched = spec.alive_interval is not None
        worker: TCPWorker = spec.factory(
            WorkerContext(
                worker_id=spec.worker_id,
                generation=spec.generation,
                group=spec.group,
                sockets=spec.sockets,
                connections=None if self._handover is None else self._handover.source,
                ready=lambda: self._teller.tell_once(Ready(self)),
                alive=(lambda: self._teller.tell(Alive(self))) if watched else _nothing,
                alive_interval=spec.alive_interval,
                recycle=lambda reason: self._teller.tell(RecycleWanted(self, str(reason))),
            )
        )
        if spec.state is not None:
            worker.set_lifespan_state(spec.state)
        self._slot.put(worker)
        worker.run()


class _Teller:
    """Posts the notices of one runner, and none after the last.

    Threads: any; also within a signal handler.
    """

    def __init__(self, post: Callable[[Notice], None]) -> None:
        self._post = post
        self._lock = threading.RLock()
        self._told_ready = False
        self.ended = False

    def tell(self, notice: Notice) -> None:
        """Post a notice, unless the last one was posted."""
        with self._lock:
            if not self.ended:
                self._post(notice)

    def tell_once(self, notice: Ready) -> None:
        """Post that the worker is ready, the first time."""
        with self._lock:
            if not self._told_ready:
                self._told_ready = True
                self.tell(notice)

    def end(self, notice: Exited) -> None:
        """Post the last notice."""
        with self._lock:
            self.tell(notice)
            self.ended = True


def _thread_name(spec: RunSpec) -> str:
    """Name the thread; the first group's workers go without its name, the first generation too."""
    group = "" if spec.group == "tcp" else f"-{spec.group}"
    generation = f"-g{spec.generation}" if spec.generation else ""
    return f"serverkit-worker{group}-{spec.worker_id}{generation}"


def _nothing() -> None:
    """Nobody watches."""
