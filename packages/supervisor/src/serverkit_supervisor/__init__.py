"""Keeps a number of workers of any kind alive, as threads or processes."""

from serverkit_supervisor.contract import TCPWorker, WorkerContext, WorkerFactory

__all__ = ("TCPWorker", "WorkerContext", "WorkerFactory", "__version__")

__version__ = "0.1.0"
