"""HTTP bytes to protocol events and back, without I/O, clock, threads or logging."""

__all__: tuple[str, ...] = ()
