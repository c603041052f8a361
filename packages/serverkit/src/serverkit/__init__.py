"""A free-threading-native Python application server."""

__all__ = ("__version__",)

__version__ = "0.1.0"
