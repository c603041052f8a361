"""What the process of a worker is given at its start.

Layout of the file: the parent's `sys.path`, by `marshal`, so that it can be set before anything is
imported; then the `Payload`, by `pickle`.
"""

import pickle
import signal
from dataclasses import dataclass
from typing import Final

from serverkit_supervisor.contract import WorkerFactory
from serverkit_supervisor.main_module import MainModule

BLOCKED: Final = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
"""The signals that the process begins with blocked, until it is ready for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedSocket:
    """A socket that was passed on.

    Args:
        descriptor: of it, the same in both processes.
        timeout: of the socket object; whether it blocks is shared by both processes anyway.
    """

    descriptor: int
    timeout: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What is needed to make and run the worker.

    Args:
        argv: the parent's `sys.argv`.
        parent_pid: to notice its end.
        main: the parent's main module, where the work refers to it.
        work: the factory and the state, pickled; readable once `main` was adopted.
        sockets: for the worker's context.
        worker_id: as in RunSpec; likewise the following.
        generation: likewise.
        group: likewise.
        alive_interval: likewise.
    """

    argv: tuple[str, ...]
    parent_pid: int
    main: MainModule | None
    work: bytes
    sockets: tuple[PassedSocket, ...]
    worker_id: int
    generation: int
    group: str
    alive_interval: float | None


def unpack_work(work: bytes) -> tuple[WorkerFactory, dict[str, object] | None]:
    """Undo `pack_work`.

    Raises:
        Exception: whatever the modules and classes named in it raise.
    """
    factory, state = pickle.loads(work)  # noqa: S301 - the parent has written it
    return factory, state
