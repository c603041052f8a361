"""The server: configuration, listening sockets, lifespan and signals around a worker."""

from serverkit_server.config import ServerConfig
from serverkit_server.errors import (
    AppImportError,
    BindError,
    LifespanError,
    LogSetupError,
    ServerError,
    ShutdownError,
    StartupError,
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
    "__version__",
    "run",
)

__version__ = "0.1.0"
