"""A run of one worker, for tests: started, listened to, and ended in any case."""

import functools
import os
import queue
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from serverkit_supervisor import WorkerFactory
from serverkit_supervisor.notices import Exited, Notice
from serverkit_supervisor.processes import ProcessRunner
from serverkit_supervisor.runner import RunnerFactory, RunSpec
from tests.supervisor.process_workers import Acting

BOUND_S = 60


def open_descriptors() -> int:
    """Count the open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def spec_of(factory: WorkerFactory, **changes: object) -> RunSpec:
    """Say that a worker is to be run, as the first of its group but for the changes."""
    fields: dict[str, object] = {
        "worker_id": 0,
        "generation": 0,
        "group": "tcp",
        "factory": factory,
        "state": None,
        "sockets": (),
        "distribute": False,
        "alive_interval": None,
    }
    return RunSpec(**(fields | changes))  # type: ignore[arg-type]


def acting(act: Callable[..., None], **arguments: object) -> functools.partial[Acting]:
    """Make a factory of workers that do one thing."""
    return functools.partial(Acting, act=functools.partial(act, **arguments))


class Run:
    """One run. Use it as a context manager: what still runs at its end is ended.

    Args:
        factory: makes the worker.
        kind: the runner's class.
        changes: of the RunSpec.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        kind: RunnerFactory = ProcessRunner,
        **changes: object,
    ) -> None:
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.heard: list[Notice] = []
        self.runner = kind(spec_of(factory, **changes), self._notices.put)
        self._started = False

    def __enter__(self) -> Self:
        self.runner.start()
        self._started = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if not any(isinstance(each, Exited) for each in self.heard):
            if not self.runner.kill():
                self.runner.stop()
            self.exit()
        self.runner.close()

    def next(self) -> Notice:
        """Wait for the next notice."""
        notice = self._notices.get(timeout=BOUND_S)
        self.heard.append(notice)
        return notice

    def wait_for[N: Notice](self, kind: type[N]) -> N:
        """Wait for the next notice of a kind; the end of the run is waited past by none."""
        while True:
            notice = self.next()
            if isinstance(notice, kind):
                return notice
            assert not isinstance(notice, Exited), f"ended early: {notice.reason}, {self.heard}"

    def exit(self) -> Exited:
        """Wait for the end."""
        return self.wait_for(Exited)

    def drained(self) -> Exited:
        """Drain it, and wait for the end."""
        self.runner.drain()
        return self.exit()

    @property
    def silent(self) -> bool:
        """Whether nothing was told that was not taken."""
        return self._notices.empty()

    @property
    def pid(self) -> int:
        pid = self.runner.pid
        assert pid is not None
        return pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """Stop the process for a while, until SIGCONT."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
