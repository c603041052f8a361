"""Says on standard error that the server is up, where, and on what."""

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from typing import Literal, TypedDict

from serverkit_server.config import ServerConfig
from serverkit_server.gil import is_free_threaded_build, is_gil_enabled
from serverkit_server.worker_plan import WorkerPlan
from serverkit_worker.log_text import utc_second


class StartupFacts(TypedDict):
    """What serves where. The keys are a contract: keys may come, none goes."""

    ts: str
    level: Literal["info"]
    event: Literal["startup"]
    version: str
    python: str
    free_threaded: bool
    gil: bool
    url: str
    urls: list[str]
    redirect_urls: list[str]
    tls: str
    pid: int
    workers: int
    worker_mode: str
    worker_mode_reason: str
    worker_pids: list[int]
    loop: str
    protocols: list[str]
    app: str


def print_banner(
    config: ServerConfig,
    urls: Sequence[str],
    *,
    plan: WorkerPlan,
    worker_pids: Sequence[int],
    version: str,
    app: str,
    loop: str,
    log_format: Literal["text", "json"],
    redirect_urls: Sequence[str] = (),
) -> None:
    """Write the banner to standard error.

    Args:
        config: of the server.
        urls: where it listens, one or more.
        plan: how many workers serve, and where.
        worker_pids: the processes of the workers; none where they are in the server's own.
        version: of the server.
        app: the name of the application.
        loop: the name of the event loop that serves.
        log_format: text for people, json for one line that programs read.
        redirect_urls: where it listens only to send clients on to the first of `urls`.
    """
    if sys.stderr is None:
        return
    facts = startup_facts(
        config,
        urls,
        plan=plan,
        worker_pids=worker_pids,
        version=version,
        app=app,
        loop=loop,
        redirect_urls=redirect_urls,
    )
    text = json.dumps(facts) if log_format == "json" else render_banner(facts)
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def startup_facts(
    config: ServerConfig,
    urls: Sequence[str],
    *,
    plan: WorkerPlan,
    worker_pids: Sequence[int],
    version: str,
    app: str,
    loop: str,
    redirect_urls: Sequence[str] = (),
) -> StartupFacts:
    """Collect the facts at this moment; see `print_banner`."""
    now = time.time()
    return {
        "ts": f"{utc_second(now)}.{int(now * 1000) % 1000:03d}Z",
        "level": "info",
        "event": "startup",
        "version": version,
        "python": platform.python_version(),
        "free_threaded": is_free_threaded_build(),
        "gil": is_gil_enabled(),
        "url": urls[0],
        "urls": list(urls),
        "redirect_urls": list(redirect_urls),
        "tls": describe_tls(config),
        "pid": os.getpid(),
        "workers": plan.count,
        "worker_mode": plan.description,
        "worker_mode_reason": plan.reason,
        "worker_pids": list(worker_pids),
        "loop": loop,
        "protocols": [f"HTTP/1.1 ({config.http1})", *["WebSocket"] * config.websocket],
        "app": app,
    }


def describe_tls(config: ServerConfig) -> str:
    """Say in a few words how connections are encrypted; empty: not at all."""
    if not config.has_tls:
        return ""
    if config.ssl_context_factory is not None:
        return "as ssl_context_factory makes it"
    clients = config.ssl_cert_reqs
    shown = "" if clients == "none" else f", certificates of clients are {clients}"
    return f"{config.ssl_minimum_version} and newer{shown}"


def render_banner(facts: StartupFacts) -> str:
    """Lay the facts out for people."""
    build = "free-threaded" if facts["free_threaded"] else "with GIL"
    gil = "on" if facts["gil"] else "off"
    pids = ", ".join(map(str, facts["worker_pids"]))
    rows = [
        *(("serves at" if each == facts["url"] else "", each) for each in facts["urls"]),
        *(("", f"{each}, which redirects there") for each in facts["redirect_urls"]),
        ("tls", facts["tls"]),
        ("app", facts["app"]),
        ("workers", f"{facts['workers']}, {facts['worker_mode']}, {facts['loop']} loop"),
        ("", facts["worker_mode_reason"]),
        ("", f"processes {pids}" if pids else ""),
        ("speaks", ", ".join(facts["protocols"])),
        ("python", f"{facts['python']} {build}, GIL {gil}"),
        ("process", f"{facts['pid']}, Ctrl-C stops it, a second time at once"),
    ]
    lines = [f"  {name:<10} {value}" for name, value in rows if value]
    return "\n".join([f"serverkit {facts['version']}", *lines])
