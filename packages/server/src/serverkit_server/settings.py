"""All settings of a server: what each takes, its default, and what it is for.

Rules:
    Settings of the protocol and of the worker have here the same name and the same default as in
    the package that owns and judges them.
    A field says everything about itself: the command line, the configuration file and the
    documentation are derived from its type, default and metadata.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from serverkit_server.setting_fields import of_supervisor, of_worker, setting
from serverkit_server.tls_settings import TLSSettings
from serverkit_worker.access_log import AccessLogFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(TLSSettings):
    """The fields of `ServerConfig`, which judges them.

    The metadata of each field holds `help` and `group`; where they apply `unit`, the bounds
    `above`, `at_least`, `at_most` and `choices`, `base` (8: written in octal), `code_only`
    for what can be said in Python alone, and `secret` for what is shown to nobody.

    Threads: any; it never changes.
    """

    host: str = setting(
        "127.0.0.1",
        "Address",
        "The name or address to listen on; a name is resolved to all its addresses, and empty "
        "means every address of the machine.",
    )
    port: int = setting(
        8000, "Address", "The port to listen on; 0: any free port.", at_least=0, at_most=65_535
    )
    bind: tuple[str, ...] = setting(
        (),
        "Address",
        "What to listen on instead of host and port: host:port, [v6 address]:port, unix:/path, "
        "fd://number, systemd: (all sockets that systemd passes) or systemd:name; may be given "
        "several times.",
    )
    uds: str | None = setting(
        None, "Address", "The path of a unix socket to listen on instead of host and port."
    )
    uds_permissions: int = setting(
        0o660,
        "Address",
        "The permissions of unix sockets, in octal.",
        at_least=0,
        at_most=0o777,
        base=8,
    )
    fd: int | None = setting(
        None,
        "Address",
        "The descriptor of a bound socket to listen on instead of host and port.",
        at_least=0,
    )
    backlog: int = of_worker("backlog", 2048)

    app_dir: str = setting(
        ".", "Application", "The folder to import the application from, besides installed packages."
    )
    factory: bool = setting(
        default=False,
        group="Application",
        text="The named object is a function without arguments that makes the application.",
    )
    lifespan: Literal["auto", "on", "off"] = setting(
        "auto",
        "Application",
        "Whether the application is told of start and stop; auto: yes, unless it does not know "
        "of such things.",
        choices=("auto", "on", "off"),
    )
    root_path: str = of_worker("root_path", "")
    cancel_on_disconnect: bool = of_worker("cancel_on_disconnect", default=False)
    debug: bool = of_worker("debug", default=False)

    loop: Literal["asyncio", "uvloop", "auto"] = of_worker("loop", "asyncio")
    executor_threads_per_worker: int = of_worker("executor_threads_per_worker", 0)
    pid_file: str | None = setting(
        None, "Runtime", "A file that holds the process id of the server as long as it runs."
    )

    workers: int = setting(
        1,
        "Workers",
        "How many workers serve; 0: one for each CPU that the server may use.",
        unit="workers",
        at_least=0,
    )
    worker_mode: Literal["auto", "async", "thread", "process", "sync"] = setting(
        "auto",
        "Workers",
        "Where workers run. auto and async: one worker in the server itself, several in threads "
        "where Python has no GIL and in processes elsewhere; thread and process: as they say, also "
        "one. sync is not available yet.",
        choices=("auto", "async", "thread", "process", "sync"),
    )
    lifespan_scope: Literal["process", "worker"] = setting(
        "process",
        "Workers",
        "Whether workers in threads share one start of the application, or each has its own, on "
        "its own event loop. A worker in a process always has its own.",
        choices=("process", "worker"),
    )
    worker_startup_failure: Literal["ignore", "shutdown"] = of_worker(
        "worker_startup_failure", "ignore"
    )
    cpu_affinity: bool = setting(
        default=False,
        group="Workers",
        text="Bind each worker to one CPU, where the system can do that.",
    )
    restart_budget: int = setting(
        5,
        "Workers",
        "How often a worker may crash within restart_window; once more ends the server.",
        unit="restarts",
        at_least=0,
    )
    restart_window: float = setting(
        60.0, "Workers", "The time in which crashes of a worker count.", unit="seconds", above=0
    )

    reload: bool = setting(
        default=False,
        group="Development",
        text="Serve new code as soon as files change; for development only.",
    )
    reload_dir: tuple[str, ...] = setting(
        (),
        "Development",
        "The folder to watch for changes, with all below it; app_dir when left out. May be given "
        "several times.",
    )
    reload_include: tuple[str, ...] = setting(
        (),
        "Development",
        "A pattern of files whose changes count, besides sources, templates and configuration; "
        "may be given several times.",
    )
    reload_exclude: tuple[str, ...] = setting(
        (),
        "Development",
        "A pattern of files and folders whose changes do not count, besides environments, caches "
        "and hidden folders; may be given several times.",
    )

    http1: Literal["fast", "h11"] = setting(
        "fast",
        "Protocol",
        "What reads HTTP/1: the server's own engine, or the h11 package.",
        choices=("fast", "h11"),
    )
    server_header: str = of_worker("server_header", "serverkit")
    date_header: bool = of_worker("date_header", default=True)

    header_timeout: float = of_worker("header_timeout", 10.0)
    request_timeout: float = of_worker("request_timeout", 30.0)
    handler_timeout: float | None = of_worker("handler_timeout", None)
    write_timeout: float = of_worker("write_timeout", 30.0)
    keep_alive_timeout: float = of_worker("keep_alive_timeout", 5.0)
    startup_timeout: float = of_worker("startup_timeout", 30.0)
    shutdown_timeout: float = of_worker("shutdown_timeout", 10.0)
    reload_timeout: float = of_worker("reload_timeout", 30.0)
    worker_timeout: float | None = of_supervisor("worker_timeout", None)

    max_requests: int = of_worker("max_requests", 0)
    worker_lifetime: float | None = of_supervisor("worker_lifetime", None)
    worker_max_rss: int = of_supervisor("worker_max_rss", 0)
    recycle_jitter: float = of_worker("recycle_jitter", 0.1)

    max_request_size: int = of_worker("max_request_size", 1_048_576)
    max_header_size: int = setting(
        65_536,
        "Limits",
        "The largest head of a request; a larger one is answered 431.",
        unit="bytes",
        at_least=1,
    )
    max_headers: int = setting(
        100,
        "Limits",
        "How many header fields a request may have; with more it is answered 431.",
        unit="fields",
        at_least=1,
    )
    max_target_size: int = setting(
        16_384,
        "Limits",
        "The longest target of a request; a longer one is answered 414.",
        unit="bytes",
        at_least=1,
    )
    max_connections: int = of_worker("max_connections", 10_000)
    max_requests_per_connection: int = of_worker("max_requests_per_connection", 0)
    limit_concurrency: int = of_worker("limit_concurrency", 0)

    websocket: bool = of_worker("websocket", default=True)
    websocket_compression: bool = setting(
        default=True,
        group="WebSocket",
        text="Deflate messages with clients that offer it (permessage-deflate).",
    )
    websocket_max_message_size: int = setting(
        16_777_216,
        "WebSocket",
        "The largest message of a client, after inflating; a larger one closes with 1009.",
        unit="bytes",
        at_least=1,
    )
    websocket_max_fragments: int = setting(
        100_000,
        "WebSocket",
        "Of how many frames a message may consist; one of more closes with 1009.",
        unit="frames",
        at_least=1,
    )
    websocket_max_queue: int = of_worker("websocket_max_queue", 32)
    websocket_handshake_timeout: float = of_worker("websocket_handshake_timeout", 10.0)
    websocket_ping_interval: float = of_worker("websocket_ping_interval", 20.0)
    websocket_ping_timeout: float = of_worker("websocket_ping_timeout", 20.0)
    websocket_idle_timeout: float = of_worker("websocket_idle_timeout", 0.0)
    websocket_close_timeout: float = of_worker("websocket_close_timeout", 5.0)

    log_level: Literal["debug", "info", "warning", "error", "critical"] = setting(
        "info",
        "Logging",
        "The least severe messages to log.",
        choices=("debug", "info", "warning", "error", "critical"),
    )
    log_format: Literal["auto", "text", "json"] = setting(
        "auto",
        "Logging",
        "How a line is written; auto: as text on a terminal, as JSON elsewhere.",
        choices=("auto", "text", "json"),
    )
    log_config: str | Mapping[str, object] | None = setting(
        None,
        "Logging",
        "A file for logging.config (.toml, .json, .yaml or .ini), or none to leave logging alone.",
    )
    access_log: bool = of_worker("access_log", default=True)
    access_log_file: str | None = setting(
        None, "Logging", "The file to append the access log to; stderr when left out."
    )
    access_log_filter: AccessLogFilter | None = setting(  # noqa: RUF009 - makes a field
        None,
        "Logging",
        "A function of method, path and status that says whether a request is logged.",
        code_only=True,
    )
    lifecycle_logging: bool = setting(
        default=False,
        group="Logging",
        text="Log what happens to connections and requests, and which requests are slow.",
    )
    log_slow_requests_threshold: float = of_worker("log_slow_requests_threshold", 5.0)
