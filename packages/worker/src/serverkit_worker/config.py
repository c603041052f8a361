"""What a worker lets a deployment decide.

Rules:
    A field says everything about itself: default, help, group, unit and bounds are its metadata,
    from which the command line, the documentation and the checks are derived.
"""

import math
from dataclasses import Field, dataclass, field, fields
from typing import Literal, TypeGuard

from serverkit_proto.config import ProtoConfig


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
class WorkerConfig:
    """The settings of one worker. Durations are in seconds, sizes in bytes.

    The metadata of each field holds `help` and `group`, with `unit` for a number that has one, and
    the bounds `above`, `at_least`, `at_most` and `choices` where they apply.

    Raises:
        ValueError: a value has the wrong type or is out of bounds. The message names the field,
            the value and what to write instead.

    Threads: any; it never changes.
    """

    keep_alive_timeout: float = _setting(
        5.0,
        "Timeouts",
        "How long a connection may stay idle between two requests.",
        unit="seconds",
        above=0,
    )
    header_timeout: float = _setting(
        10.0,
        "Timeouts",
        "How long a client may take to send the head of a request, from connecting or from the "
        "first byte of the head.",
        unit="seconds",
        above=0,
    )
    request_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long a client may send nothing of a body; one that trickles is cut off as well.",
        unit="seconds",
        above=0,
    )
    write_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long a client may read nothing of the response that waits for it.",
        unit="seconds",
        above=0,
    )
    handler_timeout: float | None = _setting(
        None,
        "Timeouts",
        "How long the application may take for one request until it is cancelled; not bounded "
        "when left out.",
        unit="seconds",
        above=0,
    )
    startup_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long the application may take to start.",
        unit="seconds",
        above=0,
    )
    shutdown_timeout: float = _setting(
        10.0,
        "Timeouts",
        "How long requests in flight may take to finish once the server stops.",
        unit="seconds",
        above=0,
    )
    reload_timeout: float = _setting(
        30.0,
        "Timeouts",
        "How long requests in flight may take to finish once a newer worker has taken over.",
        unit="seconds",
        above=0,
    )
    max_request_size: int = _setting(
        1_048_576,
        "Limits",
        "The largest request body; a larger one is answered 413.",
        unit="bytes",
        at_least=1,
    )
    max_connections: int = _setting(
        10_000,
        "Limits",
        "How many connections may be open; the next is answered 503. 0: any number.",
        unit="connections",
        at_least=0,
    )
    max_requests_per_connection: int = _setting(
        0,
        "Limits",
        "How many requests one connection may send until it is closed. 0: any number.",
        unit="requests",
        at_least=0,
    )
    limit_concurrency: int = _setting(
        0,
        "Limits",
        "How many requests the application is given at the same time by each worker; the next is "
        "answered 503. 0: any number.",
        unit="requests",
        at_least=0,
    )
    backlog: int = _setting(
        2048,
        "Limits",
        "How many connections may wait in the kernel to be accepted.",
        unit="connections",
        at_least=1,
    )
    max_requests: int = _setting(
        0,
        "Recycling",
        "After how many requests a worker is replaced by a new one. 0: never.",
        unit="requests",
        at_least=0,
    )
    recycle_jitter: float = _setting(
        0.1,
        "Recycling",
        "By which part of itself a bound of recycling is varied at random, so that workers which "
        "started together are not replaced together.",
        at_least=0.0,
        at_most=1.0,
    )
    websocket: bool = _setting(
        default=True,
        group="WebSocket",
        text="Serve WebSockets; without, a request for one is served as a plain request.",
    )
    websocket_handshake_timeout: float = _setting(
        10.0,
        "WebSocket",
        "How long the application may take to accept or deny a WebSocket; then it is answered 504.",
        unit="seconds",
        above=0,
    )
    websocket_ping_interval: float = _setting(
        20.0,
        "WebSocket",
        "How often a client is sent a ping. 0: never.",
        unit="seconds",
        at_least=0.0,
        at_most=86_400.0,
    )
    websocket_ping_timeout: float = _setting(
        20.0,
        "WebSocket",
        "How long a client may be silent after a ping; then it is closed with 1011. 0: for ever.",
        unit="seconds",
        at_least=0.0,
        at_most=86_400.0,
    )
    websocket_idle_timeout: float = _setting(
        0.0,
        "WebSocket",
        "How long there may be no message in either direction; then it is closed with 1001. 0: for "
        "ever.",
        unit="seconds",
        at_least=0.0,
        at_most=604_800.0,
    )
    websocket_close_timeout: float = _setting(
        5.0,
        "WebSocket",
        "How long a client may take to answer a close.",
        unit="seconds",
        above=0,
    )
    websocket_max_queue: int = _setting(
        32,
        "WebSocket",
        "How many messages may wait for the application until no more are read from the client; "
        "nor are they above 64 KiB.",
        unit="messages",
        at_least=1,
    )
    server_header: str = _setting(
        "serverkit", "Responses", "The Server header of every response; empty: none."
    )
    date_header: bool = _setting(
        default=True, group="Responses", text="Send a Date header with every response."
    )
    root_path: str = _setting(
        "",
        "Application",
        "The path below which the application is mounted, such as /api; given to it as root_path.",
    )
    cancel_on_disconnect: bool = _setting(
        default=False,
        group="Application",
        text="Cancel the application when its client leaves, or ends its sending side, before the "
        "response is complete.",
    )
    worker_startup_failure: Literal["ignore", "shutdown"] = _setting(
        "ignore",
        "Application",
        "What a failure of the application on serverkit.worker.startup means: ignore is a warning, "
        "with shutdown the worker does not start.",
        choices=("ignore", "shutdown"),
    )
    debug: bool = _setting(
        default=False,
        group="Application",
        text="Show tracebacks and hints to the client. Never where strangers can connect.",
    )
    ssl_handshake_timeout: float = _setting(
        10.0,
        "TLS",
        "How long the TLS handshake of a connection may take, from connecting.",
        unit="seconds",
        above=0,
    )
    loop: Literal["asyncio", "uvloop", "auto"] = _setting(
        "asyncio",
        "Runtime",
        "The event loop; auto takes uvloop where it is installed.",
        choices=("asyncio", "uvloop", "auto"),
    )
    executor_threads_per_worker: int = _setting(
        0,
        "Runtime",
        "How many threads the loop's default executor may start. 0: the number of cores plus 4, "
        "32 at most.",
        unit="threads",
        at_least=0,
    )
    access_log: bool = _setting(
        default=True, group="Logging", text="Write a line for every request."
    )
    log_slow_requests_threshold: float = _setting(
        5.0,
        "Logging",
        "How long a request may take until the lifecycle log calls it slow.",
        unit="seconds",
        above=0,
    )
    proto: ProtoConfig = field(
        default_factory=ProtoConfig,
        metadata={"help": "The limits and the engine of the protocol.", "group": "Protocol"},
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            allowed, expected = _judge(value, each)
            if not allowed:
                raise ValueError(f"{each.name} must be {expected}, not {value!r}")
        _check_server_header(self.server_header)
        _check_root_path(self.root_path)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _judge(value: object, declared: Field[object]) -> tuple[bool, str]:
    """Say whether a field may have the value, and in words what it takes."""
    traits = declared.metadata
    unit = f" of {traits['unit']}" if "unit" in traits else ""
    if "choices" in traits:
        return value in traits["choices"], "one of " + ", ".join(traits["choices"])
    if "above" in traits:
        expected = f"a finite number{unit} above {traits['above']}"
        if declared.default is None and value is None:
            return True, expected
        return _is_number(value) and traits["above"] < value < math.inf, expected
    if "at_most" in traits:
        lowest, highest = traits["at_least"], traits["at_most"]
        expected = f"a finite number{unit}, {lowest:g} to {highest:g}"
        return _is_number(value) and lowest <= value <= highest, expected
    if "at_least" in traits:
        allowed = _is_number(value) and isinstance(value, int) and value >= traits["at_least"]
        return allowed, f"a whole number{unit}, {traits['at_least']} or more"
    kinds: dict[object, tuple[type, str]] = {
        bool: (bool, "True or False"),
        str: (str, "a string"),
        ProtoConfig: (ProtoConfig, "a ProtoConfig"),
    }
    kind, expected = kinds[declared.type]
    return isinstance(value, kind), expected


def _check_server_header(value: str) -> None:
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(
            f"server_header must be printable ASCII without space around it, not {value!r}; "
            "leave it empty to send none"
        )


def _check_root_path(value: str) -> None:
    if not value.isprintable():
        raise ValueError(f"root_path must be printable, not {value!r}; write it percent-decoded")
    if value and (not value.startswith("/") or value.endswith("/")):
        right = "/" + value.strip("/") if value.strip("/") else ""
        raise ValueError(
            f"root_path must be empty, or start with a slash and end without one, not {value!r}; "
            f"write {right!r}"
        )
