"""Serves one ASGI application on the sockets it is given."""

from serverkit_worker.access_log import AccessLog, LoggerAccessLog, StreamAccessLog
from serverkit_worker.asgi import ASGIApp, Message, Receive, Scope, Send
from serverkit_worker.collectors import (
    BufferedCollector,
    LifecycleCollector,
    LoggingCollector,
    NoopCollector,
)
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected, WorkerStartupError
from serverkit_worker.handed import ConnectionSource, HandedConnection
from serverkit_worker.lifecycle_events import (
    ClientDisconnected as ClientDisconnectedEvent,
)
from serverkit_worker.lifecycle_events import (
    ConnectionCompleted,
    ConnectionOpened,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
    StreamClosed,
    StreamOpened,
)
from serverkit_worker.log_output import LogOutput
from serverkit_worker.tls import TLSContexts
from serverkit_worker.worker import Worker

__all__ = (
    "ASGIApp",
    "ASGIMessageError",
    "AccessLog",
    "BufferedCollector",
    "ClientDisconnected",
    "ClientDisconnectedEvent",
    "ConnectionCompleted",
    "ConnectionOpened",
    "ConnectionSource",
    "HandedConnection",
    "LifecycleCollector",
    "LifecycleEvent",
    "LogOutput",
    "LoggerAccessLog",
    "LoggingCollector",
    "Message",
    "NoopCollector",
    "Receive",
    "RequestStarted",
    "ResponseCompleted",
    "Scope",
    "Send",
    "StreamAccessLog",
    "StreamClosed",
    "StreamOpened",
    "TLSContexts",
    "Worker",
    "WorkerConfig",
    "WorkerStartupError",
    "__version__",
)

__version__ = "0.1.0"
