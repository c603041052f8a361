"""Keeps a number of workers of any kind alive, as threads or processes."""

__all__: tuple[str, ...] = ()
