"""Serves one ASGI application on the sockets it is given."""

__all__ = ("__version__",)

__version__ = "0.1.0"
