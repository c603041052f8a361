"""HTTP bytes to protocol events and back, without I/O, clock, threads or logging."""

__all__ = ("__version__",)

__version__ = "0.1.0"
