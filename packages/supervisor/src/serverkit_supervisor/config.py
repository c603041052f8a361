"""What a supervisor lets a deployment decide.

Rules:
    A field says everything about itself: default, help, group, unit and bounds are its metadata,
    from which the command line, the documentation and the checks are derived.
"""

import math
from dataclasses import Field, dataclass, field, fields
from typing import Literal, TypeGuard

from serverkit_supervisor.restart_policy import RestartPolicy

DEFAULT_PROCESS_WORKER_TIMEOUT_S = 60.0


def _setting[T](default: T, group: str, text: str, **traits: object) -> T:
    """Declare a field.

    Args:
        default: its value where nothing is said.
        group: the heading it stands under in help and documentation.
        text: one sentence of help.
        traits: `unit`, and of the bounds what applies: `above`, `at_least`, `at_most`, `choices`.
    """
    # A dataclass wants the field object, type checkers want what an instance will hold.
    declared: T = field(default=default, metadata={"help": text, "group": group, **traits})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorConfig:
    """The settings of a supervisor. Durations are in seconds, sizes in bytes.

    The metadata of each field holds `help` and `group`, with `unit` for a number that has one, and
    the bounds `above`, `at_least`, `at_most` and `choices` where they apply.

    Raises:
        ValueError: a value has the wrong type or is out of bounds. The message names the field,
            the value and what to write instead.

    Threads: any; it never changes.
    """

    worker_count: int = _setting(
        1, "Workers", "How many workers the first group has.", unit="workers", at_least=1
    )
    startup_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long a worker may take to become ready.",
        unit="seconds",
        above=0,
    )
    shutdown_timeout: float = _setting(
        10.0,
        "Timeouts",
        "How long a worker may take to stop once the server stops.",
        unit="seconds",
        above=0,
    )
    reload_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long a worker of the old generation may take to finish what it has after a reload.",
        unit="seconds",
        above=0,
    )
    worker_timeout: float | None = _setting(
        None,
        "Timeouts",
        "How long a worker may give no sign of life until it is replaced. 0: any time; left out: "
        "60 seconds for a process, any time for a thread, which cannot be killed.",
        unit="seconds",
        at_least=0.0,
    )
    restart: RestartPolicy = field(
        default_factory=RestartPolicy,
        metadata={"help": "When a worker that crashed is started again.", "group": "Workers"},
    )
    accept: Literal["distribute", "share"] = _setting(
        "distribute",
        "Workers",
        "Who accepts connections: the supervisor, which hands each to the worker with the fewest, "
        "or each worker from the listening sockets, which all share.",
        choices=("distribute", "share"),
    )
    max_connections: int = _setting(
        0,
        "Limits",
        "How many connections all workers together may have open. 0: any number.",
        unit="connections",
        at_least=0,
    )
    when_full: Literal["hold", "refuse"] = _setting(
        "hold",
        "Limits",
        "What becomes of a connection beyond max_connections: it waits in the kernel, or a worker "
        "is given it to refuse it.",
        choices=("hold", "refuse"),
    )
    worker_lifetime: float | None = _setting(
        None,
        "Recycling",
        "After how long a worker is replaced by a fresh one; never when left out.",
        unit="seconds",
        above=0,
    )
    worker_max_rss: int = _setting(
        0,
        "Recycling",
        "The resident memory above which a worker process is replaced by a fresh one. 0: any.",
        unit="bytes",
        at_least=0,
    )
    recycle_jitter: float = _setting(
        0.1,
        "Recycling",
        "By which part of itself a bound of recycling is raised at random, so that workers which "
        "started together are not replaced together.",
        at_least=0.0,
        at_most=1.0,
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            allowed, expected = _judge(value, each)
            if not allowed:
                raise ValueError(f"{each.name} must be {expected}, not {value!r}")
        if self.accept == "share" and self.max_connections:
            raise ValueError(
                f"max_connections must be 0 with accept='share', not {self.max_connections}: "
                "nobody accepts for all workers then"
            )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _judge(value: object, declared: Field[object]) -> tuple[bool, str]:
    """Say whether a field may have the value, and in words what it takes."""
    traits = declared.metadata
    if declared.type is RestartPolicy:
        return isinstance(value, RestartPolicy), "a RestartPolicy"
    if "choices" in traits:
        return value in traits["choices"], "one of " + ", ".join(traits["choices"])
    unit = f" of {traits['unit']}" if "unit" in traits else ""
    low, high = traits.get("at_least", traits.get("above")), traits.get("at_most")
    kind = "a whole number" if declared.type is int else "a finite number"
    bounds = f"above {low}" if "above" in traits else f"{low:g} or more"
    expected = f"{kind}{unit}, {bounds}" if high is None else f"{kind}{unit}, {low:g} to {high:g}"
    if value is None:
        return declared.default is None, expected
    if not _is_number(value) or (declared.type is int and not isinstance(value, int)):
        return False, expected
    in_bounds = value > low if "above" in traits else value >= low
    return in_bounds and value < math.inf and (high is None or value <= high), expected
