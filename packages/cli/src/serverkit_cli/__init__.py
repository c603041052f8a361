"""The command line of serverkit."""

__all__: tuple[str, ...] = ()
