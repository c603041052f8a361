"""Where a worker is kept, and asked to end, also before it exists.

Rules:
    What was asked before the worker was made is asked as soon as it is there.
    A worker that raises when it is asked something has its traceback logged, and goes on.
"""

import logging
import threading
from collections.abc import Callable

from serverkit_supervisor.contract import TCPWorker

logger = logging.getLogger("serverkit.supervisor")


class WorkerSlot:
    """Room for one worker.

    Threads: `put` by the thread that makes the worker; everything else by any.
    """

    __slots__ = ("_lock", "_to_drain", "_to_stop", "_worker")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: TCPWorker | None = None
        self._to_drain = False
        self._to_stop = False

    @property
    def asked(self) -> bool:
        """Whether the worker was asked to end, in either way."""
        return self._to_drain or self._to_stop

    def put(self, worker: TCPWorker) -> None:
        """Take the worker, and ask it what was asked for before it was there."""
        with self._lock:
            self._worker = worker
            to_drain, to_stop = self._to_drain, self._to_stop
        if to_stop:
            _shut_down(worker)
        elif to_drain:
            _ask(worker.start_draining)

    def drain(self) -> None:
        """Ask the worker to finish what it has, and return."""
        with self._lock:
            self._to_drain = True
            worker = self._worker
        if worker is not None:
            _ask(worker.start_draining)

    def stop(self) -> None:
        """Ask the worker to stop as all others do; as `drain` where it makes no difference."""
        with self._lock:
            self._to_stop = True
            worker = self._worker
        if worker is not None:
            _shut_down(worker)

    def reopen_logs(self) -> None:
        """Ask the worker to open the files of its log anew, if it knows how to."""
        with self._lock:
            reopen = getattr(self._worker, "reopen_logs", None)
        if reopen is not None:
            _ask(reopen)

    def is_idle(self) -> bool:
        """Say whether the worker has nothing in hand; a worker not made yet has nothing."""
        with self._lock:
            worker = self._worker
        if worker is None:
            return True
        try:
            return bool(worker.is_idle())
        except Exception:
            logger.exception("A worker that was asked whether it is idle raised.")
            return False


def _shut_down(worker: TCPWorker) -> None:
    _ask(getattr(worker, "shutdown", worker.start_draining))


def _ask(method: Callable[[], object]) -> None:
    try:
        method()
    except Exception:
        logger.exception("%s of a worker raised.", getattr(method, "__name__", "A method"))
