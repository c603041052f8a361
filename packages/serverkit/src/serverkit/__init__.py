"""A free-threading-native Python application server."""

__all__: tuple[str, ...] = ()
