"""The server: configuration, listening sockets, lifespan and signals around a worker."""

__all__ = ("__version__",)

__version__ = "0.1.0"
