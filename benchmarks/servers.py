"""The servers that are measured, each as its own users start it: one worker, defaults."""

import dataclasses
import sys
from dataclasses import dataclass
from importlib import metadata

PYTHON = sys.executable


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How one server is started.

    `{port}`, `{app}` and `{access_log}` are filled in, with TLS `{certificate}` and `{key}` too.

    Attributes:
        name: What the command line and the artifact call it.
        title: What the table calls it.
        distributions: What must be installed, the server itself first.
        command: Its command line.
        quiet: What is added for no access log.
        logged: What is added for its access log; one that logs to stdout has that led to the file.
        patient: What is added for raised timeouts and limits: ten thousand idle connections,
            transfers that take minutes.
        same_response_only: It is no server, and knows only the apps of benchmarks/apps.py.
        tls: Whether it is started with TLS.
    """

    name: str
    title: str
    distributions: tuple[str, ...]
    command: tuple[str, ...]
    quiet: tuple[str, ...] = ()
    logged: tuple[str, ...] | None = None
    patient: tuple[str, ...] = ()
    same_response_only: bool = False
    tls: bool = False

    def missing(self) -> list[str]:
        """Return the distributions it needs that are not installed."""
        return [name for name in self.distributions if version_of(name) is None]


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def serverkit(loop: str) -> Server:
    """Return serverkit on one of its event loops."""
    return Server(
        name="serverkit" if loop == "asyncio" else f"serverkit-{loop}",
        title=f"serverkit ({loop})",
        distributions=("serverkit", *(("uvloop",) if loop == "uvloop" else ())),
        command=(
            *(PYTHON, "-m", "serverkit", "serve", "{app}", "--port", "{port}"),
            *("--loop", loop, "--log-level", "warning"),
        ),
        quiet=("--no-access-log",),
        logged=("--access-log-file", "{access_log}"),
        patient=(
            *("--max-connections", "20000", "--max-request-size", "4294967296"),
            *("--keep-alive-timeout", "900", "--header-timeout", "900"),
            *("--request-timeout", "900", "--write-timeout", "900", "--shutdown-timeout", "30"),
        ),
    )


def uvicorn(name: str, title: str, http: str, loop: str) -> Server:
    """Return uvicorn with one of its parsers on one of its event loops."""
    return Server(
        name=name,
        title=title,
        distributions=("uvicorn", *(part for part in (http, loop) if part != "asyncio")),
        command=(
            *(PYTHON, "-m", "uvicorn", "{app}", "--port", "{port}"),
            *("--http", http, "--loop", loop),
        ),
        quiet=("--no-access-log", "--log-level", "warning"),
        logged=("--access-log",),
        patient=("--timeout-keep-alive", "900"),
    )


SERVERS = (
    Server(
        name="floor",
        title="floor: bare recv and send",
        distributions=(),
        command=(PYTHON, "-m", "benchmarks.floor", "{app}", "{port}"),
        same_response_only=True,
    ),
    serverkit("asyncio"),
    serverkit("uvloop"),
    Server(
        name="granian",
        title="granian",
        distributions=("granian", "uvloop"),
        # Without WebSockets it has less to do for each request: its best, not its default.
        command=(
            *(PYTHON, "-m", "granian", "{app}", "--interface", "asgi", "--port", "{port}"),
            "--no-ws",
        ),
        quiet=("--no-access-log", "--log-level", "warning"),
        logged=("--access-log",),
        patient=("--backlog", "20000", "--backpressure", "20000"),
    ),
    uvicorn("uvicorn", "uvicorn (httptools, uvloop)", "httptools", "uvloop"),
    uvicorn("uvicorn-h11", "uvicorn (h11, asyncio)", "h11", "asyncio"),
    Server(
        name="gunicorn",
        title="gunicorn (asgi, uvloop)",
        distributions=("gunicorn", "uvloop"),
        command=(
            *(PYTHON, "-m", "gunicorn", "{app}", "-k", "asgi", "-b", "127.0.0.1:{port}"),
            # Its socket has one path for all: two runs at a time would meet there.
            *("--no-control-socket", "--log-level", "warning"),
        ),
        logged=("--access-logfile", "{access_log}"),
        patient=(
            *("--keep-alive", "900", "--worker-connections", "20000"),
            *("--graceful-timeout", "30", "--timeout", "900"),
        ),
    ),
    Server(
        name="hypercorn",
        title="hypercorn (asyncio)",
        distributions=("hypercorn",),
        command=(PYTHON, "-m", "hypercorn", "{app}", "-b", "127.0.0.1:{port}"),
        quiet=("--log-level", "warning"),  # which would silence the access log as well
        logged=("--access-logfile", "{access_log}"),
        patient=("--keep-alive", "900", "--graceful-timeout", "30"),
    ),
)


def by_name(name: str) -> Server:
    """Return the server of that name.

    Raises:
        KeyError: There is none.
    """
    return {server.name: server for server in SERVERS}[name]


def adapted(
    known: str, *flags: str, but: str = "", name: str = "", title: str = "", tls: bool = False
) -> Server:
    """Return a server with other flags.

    Args:
        known: Name of the server.
        flags: What is added to its command line.
        but: A word of its command line that is left out.
        name: Its name then; empty for the same.
        title: Its title then; empty for the same.
        tls: Whether it speaks TLS then.

    Raises:
        KeyError: There is no such server.
    """
    server = by_name(known)
    return dataclasses.replace(
        server,
        name=name or server.name,
        title=title or server.title,
        command=(*(word for word in server.command if word != but), *flags),
        tls=tls,
    )
