"""The server: configuration, listening sockets, lifespan, signals and reload around workers."""

from serverkit_server.config import ServerConfig
from serverkit_server.errors import (
    AppImportError,
    BindError,
    LifespanError,
    LogSetupError,
    ServerError,
    ShutdownError,
    StartupError,
    TLSSetupError,
    WorkerRestartLimitError,
)
from serverkit_server.run import run
from serverkit_server.server import Server

__all__ = (
    "AppImportError",
    "BindError",
    "LifespanError",
    "LogSetupError",
    "Server",
    "ServerConfig",
    "ServerError",
    "ShutdownError",
    "StartupError",
    "TLSSetupError",
    "WorkerRestartLimitError",
    "__version__",
    "run",
)

__version__ = "0.1.0"
