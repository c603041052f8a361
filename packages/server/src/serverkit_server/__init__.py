"""The server: configuration, listening sockets, lifespan and signals around a worker."""

__all__: tuple[str, ...] = ()
