"""Declares settings as fields of a dataclass: the server's own, and those it takes over."""

from dataclasses import field, fields

from serverkit_supervisor.config import SupervisorConfig
from serverkit_worker.config import WorkerConfig


def setting[T](default: T, group: str, text: str, **traits: object) -> T:
    """Declare a field of the server's own; see `Settings` for the traits."""
    # A dataclass wants the field object, type checkers want what an instance will hold.
    declared: T = field(
        default=default,
        metadata={"help": text, "group": group, **traits},
        repr=not traits.get("secret", False),
    )
    return declared


def of_worker[T](name: str, default: T) -> T:
    """Take over a field of `WorkerConfig`, with all that it says about itself."""
    return _taken_over(WorkerConfig, name, default)


def of_supervisor[T](name: str, default: T) -> T:
    """Take over a field of `SupervisorConfig`, with all that it says about itself."""
    return _taken_over(SupervisorConfig, name, default)


def _taken_over[T](owner: type[SupervisorConfig | WorkerConfig], name: str, default: T) -> T:
    metadata = next(each.metadata for each in fields(owner) if each.name == name)
    taken: T = field(default=default, metadata=metadata)
    return taken
