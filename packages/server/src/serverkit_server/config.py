"""Everything that a deployment decides, in one flat set of names.

Rules:
    Settings of the protocol and of the worker have here the same name and the same default as in
    the package that owns and judges them.
    A field says everything about itself: the command line, the configuration file and the
    documentation are derived from its type, default and metadata.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, Self

from serverkit_proto.config import ProtoConfig
from serverkit_server.address import (
    Address,
    InheritedSocket,
    TCPAddress,
    UnixAddress,
    parse_address,
)
from serverkit_server.setting_checks import check_settings
from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.restart import RestartPolicy
from serverkit_worker.access_log import AccessLogFilter
from serverkit_worker.config import WorkerConfig


def _setting[T](default: T, group: str, text: str, **traits: object) -> T:
    """Declare a field of the server's own; see `ServerConfig` for the traits."""
    # A dataclass wants the field object, type checkers want what an instance will hold.
    declared: T = field(default=default, metadata={"help": text, "group": group, **traits})
    return declared


def _worker[T](name: str, default: T) -> T:
    """Take over a field of `WorkerConfig`, with all that it says about itself."""
    return _taken_over(WorkerConfig, name, default)


def _supervisor[T](name: str, default: T) -> T:
    """Take over a field of `SupervisorConfig`, with all that it says about itself."""
    return _taken_over(SupervisorConfig, name, default)


def _taken_over[T](owner: type[SupervisorConfig | WorkerConfig], name: str, default: T) -> T:
    metadata = next(each.metadata for each in fields(owner) if each.name == name)
    taken: T = field(default=default, metadata=metadata)
    return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The settings of a server: its own and, under the same names, those of worker and protocol.

    The metadata of each field holds `help` and `group`; where they apply `unit`, the bounds
    `above`, `at_least`, `at_most` and `choices`, `base` (8: written in octal), and `code_only`
    for what can be said in Python alone.

    Raises:
        TypeError: there is no setting of a given name.
        ValueError: a value has the wrong type, is out of bounds, or asks for what is not there
            yet. The message names the field and the value.

    Threads: any; it never changes.
    """

    host: str = _setting(
        "127.0.0.1",
        "Address",
        "The name or address to listen on; a name is resolved to all its addresses, and empty "
        "means every address of the machine.",
    )
    port: int = _setting(
        8000, "Address", "The port to listen on; 0: any free port.", at_least=0, at_most=65_535
    )
    bind: tuple[str, ...] = _setting(
        (),
        "Address",
        "What to listen on instead of host and port: host:port, [v6 address]:port, unix:/path, "
        "fd://number, systemd: (all sockets that systemd passes) or systemd:name; may be given "
        "several times.",
    )
    uds: str | None = _setting(
        None, "Address", "The path of a unix socket to listen on instead of host and port."
    )
    uds_permissions: int = _setting(
        0o660,
        "Address",
        "The permissions of unix sockets, in octal.",
        at_least=0,
        at_most=0o777,
        base=8,
    )
    fd: int | None = _setting(
        None,
        "Address",
        "The descriptor of a bound socket to listen on instead of host and port.",
        at_least=0,
    )
    backlog: int = _worker("backlog", 2048)

    app_dir: str = _setting(
        ".", "Application", "The folder to import the application from, besides installed packages."
    )
    factory: bool = _setting(
        default=False,
        group="Application",
        text="The named object is a function without arguments that makes the application.",
    )
    lifespan: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Application",
        "Whether the application is told of start and stop; auto: yes, unless it does not know "
        "of such things.",
        choices=("auto", "on", "off"),
    )
    root_path: str = _worker("root_path", "")
    cancel_on_disconnect: bool = _worker("cancel_on_disconnect", default=False)
    debug: bool = _worker("debug", default=False)

    loop: Literal["asyncio", "uvloop", "auto"] = _worker("loop", "asyncio")
    executor_threads_per_worker: int = _worker("executor_threads_per_worker", 0)
    pid_file: str | None = _setting(
        None, "Runtime", "A file that holds the process id of the server as long as it runs."
    )

    workers: int = _setting(
        1,
        "Workers",
        "How many workers serve; 0: one for each CPU that the server may use.",
        unit="workers",
        at_least=0,
    )
    worker_mode: Literal["auto", "async", "thread", "process", "sync"] = _setting(
        "auto",
        "Workers",
        "Where workers run. auto and async: one worker in the server itself, several in threads "
        "where Python has no GIL and in processes elsewhere; thread and process: as they say, also "
        "one. sync is not available yet.",
        choices=("auto", "async", "thread", "process", "sync"),
    )
    lifespan_scope: Literal["process", "worker"] = _setting(
        "process",
        "Workers",
        "Whether workers in threads share one start of the application, or each has its own, on "
        "its own event loop. A worker in a process always has its own.",
        choices=("process", "worker"),
    )
    worker_startup_failure: Literal["ignore", "shutdown"] = _worker(
        "worker_startup_failure", "ignore"
    )
    cpu_affinity: bool = _setting(
        default=False,
        group="Workers",
        text="Bind each worker to one CPU, where the system can do that.",
    )
    restart_budget: int = _setting(
        5,
        "Workers",
        "How often a worker may crash within restart_window; once more ends the server.",
        unit="restarts",
        at_least=0,
    )
    restart_window: float = _setting(
        60.0, "Workers", "The time in which crashes of a worker count.", unit="seconds", above=0
    )

    reload: bool = _setting(
        default=False,
        group="Development",
        text="Serve new code as soon as files change; for development only.",
    )
    reload_dir: tuple[str, ...] = _setting(
        (),
        "Development",
        "The folder to watch for changes, with all below it; app_dir when left out. May be given "
        "several times.",
    )
    reload_include: tuple[str, ...] = _setting(
        (),
        "Development",
        "A pattern of files whose changes count, besides sources, templates and configuration; "
        "may be given several times.",
    )
    reload_exclude: tuple[str, ...] = _setting(
        (),
        "Development",
        "A pattern of files and folders whose changes do not count, besides environments, caches "
        "and hidden folders; may be given several times.",
    )

    http1: Literal["fast", "h11"] = _setting(
        "fast",
        "Protocol",
        "What reads HTTP/1: the server's own engine, or the h11 package.",
        choices=("fast", "h11"),
    )
    server_header: str = _worker("server_header", "serverkit")
    date_header: bool = _worker("date_header", default=True)

    header_timeout: float = _worker("header_timeout", 10.0)
    request_timeout: float = _worker("request_timeout", 30.0)
    handler_timeout: float | None = _worker("handler_timeout", None)
    write_timeout: float = _worker("write_timeout", 30.0)
    keep_alive_timeout: float = _worker("keep_alive_timeout", 5.0)
    startup_timeout: float = _worker("startup_timeout", 30.0)
    shutdown_timeout: float = _worker("shutdown_timeout", 10.0)
    reload_timeout: float = _worker("reload_timeout", 30.0)
    worker_timeout: float | None = _supervisor("worker_timeout", None)

    max_requests: int = _worker("max_requests", 0)
    worker_lifetime: float | None = _supervisor("worker_lifetime", None)
    worker_max_rss: int = _supervisor("worker_max_rss", 0)
    recycle_jitter: float = _worker("recycle_jitter", 0.1)

    max_request_size: int = _worker("max_request_size", 1_048_576)
    max_header_size: int = _setting(
        65_536,
        "Limits",
        "The largest head of a request; a larger one is answered 431.",
        unit="bytes",
        at_least=1,
    )
    max_headers: int = _setting(
        100,
        "Limits",
        "How many header fields a request may have; with more it is answered 431.",
        unit="fields",
        at_least=1,
    )
    max_target_size: int = _setting(
        16_384,
        "Limits",
        "The longest target of a request; a longer one is answered 414.",
        unit="bytes",
        at_least=1,
    )
    max_connections: int = _worker("max_connections", 10_000)
    max_requests_per_connection: int = _worker("max_requests_per_connection", 0)
    limit_concurrency: int = _worker("limit_concurrency", 0)

    ssl_certfile: str | None = _setting(
        None, "TLS", "The certificate chain, as PEM. Not available yet."
    )
    ssl_keyfile: str | None = _setting(
        None, "TLS", "The key of the certificate, as PEM. Not available yet."
    )

    log_level: Literal["debug", "info", "warning", "error", "critical"] = _setting(
        "info",
        "Logging",
        "The least severe messages to log.",
        choices=("debug", "info", "warning", "error", "critical"),
    )
    log_format: Literal["auto", "text", "json"] = _setting(
        "auto",
        "Logging",
        "How a line is written; auto: as text on a terminal, as JSON elsewhere.",
        choices=("auto", "text", "json"),
    )
    log_config: str | Mapping[str, object] | None = _setting(
        None,
        "Logging",
        "A file for logging.config (.toml, .json, .yaml or .ini), or none to leave logging alone.",
    )
    access_log: bool = _worker("access_log", default=True)
    access_log_file: str | None = _setting(
        None, "Logging", "The file to append the access log to; stderr when left out."
    )
    access_log_filter: AccessLogFilter | None = _setting(  # noqa: RUF009 - makes a field
        None,
        "Logging",
        "A function of method, path and status that says whether a request is logged.",
        code_only=True,
    )
    lifecycle_logging: bool = _setting(
        default=False,
        group="Logging",
        text="Log what happens to connections and requests, and which requests are slow.",
    )
    log_slow_requests_threshold: float = _worker("log_slow_requests_threshold", 5.0)

    def __post_init__(self) -> None:
        self.worker_config()  # which judges the settings of worker and protocol
        check_settings(self)
        _check_together(self)
        try:
            self.addresses()
        except ValueError as error:
            raise ValueError(f"bind: {error}") from None

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object]) -> Self:
        """Make a configuration of settings by their names.

        Raises:
            TypeError: there is no such setting. The message suggests those of a similar name.
            ValueError: a value is not allowed.
        """
        known = [each.name for each in fields(cls)]
        for name in settings:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"there is no setting {name!r}{hint}")
        make: Callable[..., Self] = cls  # whose fields judge the values themselves
        return make(**settings)

    def addresses(self) -> tuple[Address, ...]:
        """What to listen on: `bind`, `uds` and `fd`; `host` and `port` where none is given."""
        found: list[Address] = [parse_address(text) for text in self.bind]
        if self.uds is not None:
            found.append(UnixAddress(self.uds))
        if self.fd is not None:
            found.append(InheritedSocket(self.fd))
        return tuple(found) or (TCPAddress(self.host, self.port),)

    @property
    def says_where(self) -> bool:
        """Whether anything but the default says where to listen."""
        names = ("host", "port", "bind", "uds", "fd")
        return any(getattr(self, f.name) != f.default for f in fields(self) if f.name in names)

    def proto_config(self) -> ProtoConfig:
        """The slice that the protocol engines read."""
        return ProtoConfig(**{each.name: getattr(self, each.name) for each in fields(ProtoConfig)})

    def worker_config(self) -> WorkerConfig:
        """The slice that a worker reads, with that of the protocol in it."""
        names = (each.name for each in fields(WorkerConfig) if each.name != "proto")
        return WorkerConfig(
            proto=self.proto_config(), **{name: getattr(self, name) for name in names}
        )

    def supervisor_config(self, worker_count: int) -> SupervisorConfig:
        """The slice that the supervisor of several workers reads.

        Args:
            worker_count: how many there are, where `workers` may say "as many as fit".
        """
        return SupervisorConfig(
            worker_count=worker_count,
            # A worker keeps the bounds itself and says what it waited for, then its application
            # has as long again to stop. The supervisor's bounds are for a worker that hangs.
            startup_timeout=self.startup_timeout * 1.1 + 5,
            shutdown_timeout=self.shutdown_timeout * 2 + 5,
            reload_timeout=self.reload_timeout + self.shutdown_timeout + 5,
            worker_timeout=self.worker_timeout,
            restart=RestartPolicy(budget=self.restart_budget, window_s=self.restart_window),
            max_connections=self.max_connections,
            when_full="refuse",  # in the words of the protocol, as a single worker does
            worker_lifetime=self.worker_lifetime,
            worker_max_rss=self.worker_max_rss,
            recycle_jitter=self.recycle_jitter,
        )


def _check_together(config: ServerConfig) -> None:
    """Judge what one field alone cannot tell, and what is not there yet."""
    for name in ("uds", "app_dir", "access_log_file", "log_config", "pid_file"):
        if getattr(config, name) == "":
            raise ValueError(f"{name} must not be empty; leave it out instead")
    for name in ("reload_dir", "reload_include", "reload_exclude"):
        if not all(getattr(config, name)):
            raise ValueError(f"{name} must not have an empty entry, not {getattr(config, name)!r}")
    if config.access_log_filter is not None and not callable(config.access_log_filter):
        raise ValueError(f"access_log_filter must be callable, not {config.access_log_filter!r}")
    _check_workers(config)
    for name in ("ssl_certfile", "ssl_keyfile"):
        if getattr(config, name) is not None:
            raise ValueError(
                f"{name} cannot be used: TLS is not available yet; "
                "put a proxy that speaks TLS in front of the server for now"
            )


def _check_workers(config: ServerConfig) -> None:
    if config.worker_mode == "sync":
        raise ValueError(
            "worker_mode must not be 'sync': workers for sync applications are not available yet; "
            "leave it at auto for now"
        )
    if config.worker_mode == "thread" and config.worker_max_rss:
        raise ValueError(
            f"worker_max_rss must be 0 with worker_mode thread, not {config.worker_max_rss}: "
            "threads share their memory; leave worker_mode at auto, or say process"
        )
    if 0 < config.max_connections < config.workers:
        raise ValueError(
            f"max_connections must be as large as workers, which is {config.workers}, or 0, "
            f"not {config.max_connections}: it is the total of all workers"
        )
