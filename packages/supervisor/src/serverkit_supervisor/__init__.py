"""Keeps a number of workers of any kind alive, as threads or processes."""

from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.contract import (
    ConnectionSource,
    HandedConnection,
    TCPWorker,
    WorkerContext,
    WorkerFactory,
)
from serverkit_supervisor.errors import (
    ReloadFailed,
    RestartLimitReached,
    StartupFailed,
    SupervisorError,
    Unstopped,
)
from serverkit_supervisor.events import SupervisorEvent
from serverkit_supervisor.generation import Generation
from serverkit_supervisor.group import WorkerGroup
from serverkit_supervisor.restart_policy import RestartPolicy
from serverkit_supervisor.signals import supervised
from serverkit_supervisor.supervisor import Supervisor

__all__ = (
    "ConnectionSource",
    "Generation",
    "HandedConnection",
    "ReloadFailed",
    "RestartLimitReached",
    "RestartPolicy",
    "StartupFailed",
    "Supervisor",
    "SupervisorConfig",
    "SupervisorError",
    "SupervisorEvent",
    "TCPWorker",
    "Unstopped",
    "WorkerContext",
    "WorkerFactory",
    "WorkerGroup",
    "__version__",
    "supervised",
)

__version__ = "0.1.0"
