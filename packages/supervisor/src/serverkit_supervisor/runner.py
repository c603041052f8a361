"""What gives a worker a place to run: a thread, a process, or a fake in a test.

Rules:
    A runner runs one worker once. To run it again, another runner is made.
    It tells what happens by notices; no method of it waits for anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import Protocol

from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.handover import Outlet
from serverkit_supervisor.notices import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What is to be run.

    Args:
        worker_id: the number of the worker among its siblings.
        generation: 0 and up; one more with every reload.
        group: the name of the worker's group.
        factory: makes the worker, where it will run.
        state: what the application's start left behind; None: there is nothing to hand over.
        sockets: what the worker's context holds; they belong to somebody else and stay open.
        distribute: the worker is handed connections, through the runner's outlet.
        alive_interval: how often the worker should say that it is alive, in seconds; None: never.
    """

    worker_id: int
    generation: int
    group: str
    factory: WorkerFactory
    state: dict[str, object] | None
    sockets: tuple[socket, ...]
    distribute: bool
    alive_interval: float | None


class Runner(Protocol):
    """The place of one worker, as the supervisor sees it.

    Its notices come in this order: `Ready`; then any of the others; `Failed` where it raised; and
    last of all `Exited`, exactly once.

    Threads: all methods are called by the thread of the supervisor, and return at once. `kill`
    alone may come from a signal handler too, at any moment.
    """

    @property
    def outlet(self) -> Outlet | None:
        """Where connections for the worker are put; None where it is not handed any."""
        ...

    @property
    def pid(self) -> int | None:
        """The process, once started; None for a thread."""
        ...

    @property
    def identity(self) -> str:
        """The place as people know it: "process 1234", "thread serverkit-worker-0"."""
        ...

    def start(self) -> None:
        """Start it. Whatever goes wrong in the worker comes as a notice.

        Raises:
            OSError: the system gives no thread or no process. No notice will come.
        """
        ...

    def drain(self) -> None:
        """Ask the worker to finish what it has: `start_draining`. May be repeated."""
        ...

    def stop(self) -> None:
        """Ask the worker to stop: `shutdown`, or `start_draining` where it has none."""
        ...

    def ask_status(self) -> None:
        """Ask whether the worker is idle; the answer comes as `Status`."""
        ...

    def ask_stacks(self) -> None:
        """Ask what all threads of the worker do; the answer comes as `Stacks`."""
        ...

    def reopen_logs(self) -> None:
        """Ask the worker to open the files of its log anew."""
        ...

    def terminate(self) -> bool:
        """End it by force, with a moment for last words; False: it cannot be."""
        ...

    def kill(self) -> bool:
        """End it by force, now; False: it cannot be."""
        ...

    def rss_bytes(self) -> int | None:
        """Measure its resident memory; None: it has none of its own, or is gone."""
        ...

    def close(self) -> None:
        """Release what it holds, after `Exited` and after its outlet was removed. Idempotent."""
        ...


type RunnerFactory = Callable[[RunSpec, Callable[[Notice], None]], Runner]
"""Makes the runner of one worker. The second argument takes its notices, from any thread."""
