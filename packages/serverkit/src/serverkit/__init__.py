"""A free-threading-native Python application server."""

from serverkit_server import Server, ServerConfig, run

__all__ = ("Server", "ServerConfig", "__version__", "run")

__version__ = "0.1.0"
