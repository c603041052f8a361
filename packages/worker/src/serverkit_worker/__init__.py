"""Serves one ASGI application on the sockets it is given."""

__all__: tuple[str, ...] = ()
