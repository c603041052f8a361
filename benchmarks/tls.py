"""HTTP/1.1 over TLS beside the peers: keep-alive requests, and what a new connection costs.

Reports only.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import command
from benchmarks.apps import HELLO
from benchmarks.client_process import ClientProcess
from benchmarks.rounds import Settings
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import Server, adapted
from benchmarks.suite import Suite
from benchmarks.workloads import WORKLOADS

AT_A_TIME = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One request on each new connection: a `Workload`.

    Attributes:
        name: What the command line and the artifact call it.
        title: What the table calls it.
        kind: "new", or "resumed" where each takes up the session of the one before.
        app: Import path of the application.
        access_log: Whether each server writes its access log, to a file.
        unit: What is counted.
    """

    name: str
    title: str
    kind: str
    app: str = "benchmarks.apps:hello"
    access_log: bool = False
    unit: str = "connection"

    def suits(self, server: Server) -> bool:
        """Say whether a server can take part."""
        return server.tls

    def load(self, process: ServerProcess, _folder: Path, settings: Settings) -> ClientProcess:
        """Return what loads a server that runs.

        Raises:
            ServerFailedError: The server does not answer as the app does.
        """
        if process.ask("GET", b"") != HELLO:
            raise ServerFailedError("its answer is not that of the app")
        return ClientProcess(
            "benchmarks.tls_load",
            *(str(process.port), str(min(AT_A_TIME, settings.connections)), self.kind),
            core=settings.client_core,
        )


FILES = ("--certfile", "{certificate}", "--keyfile", "{key}")
SSL_FILES = ("--ssl-certfile", "{certificate}", "--ssl-keyfile", "{key}")
SERVERS = (
    adapted("serverkit", *SSL_FILES, tls=True),
    adapted("serverkit-uvloop", *SSL_FILES, tls=True),
    adapted("granian", "--ssl-certificate", "{certificate}", "--ssl-keyfile", "{key}", tls=True),
    adapted("uvicorn", *SSL_FILES, tls=True),
    adapted("gunicorn", *FILES, tls=True),
    adapted("hypercorn", *FILES, tls=True),
)
SUITE = Suite(
    name="tls",
    description=__doc__,
    title="TLS benchmark",
    how_to_read=(
        "Median (lowest to highest) of the rounds. *CPU us* is user and system time of the "
        "server's whole process tree, divided by the requests answered or the connections served. "
        "A *new connection* is a TCP connection, a handshake with an ECDSA P-256 certificate, one "
        f"request and the end of it, {AT_A_TIME} at a time; *resumed*: with a session ticket of "
        "the one before. How many were resumed is in the remarks. *client busy* near 1: the "
        "handshakes per second are those of the client, and the CPU time is what counts."
    ),
    peers=("uvicorn", "granian"),
    servers=SERVERS,
    workloads=(
        *(one for one in WORKLOADS if one.name in {"hello", "get-10k"}),
        Handshake(name="new", title="new connection", kind="new"),
        Handshake(name="resumed", title="new connection, session resumed", kind="resumed"),
    ),
    bars=(),
    tools=("wrk", "taskset"),
    latest="latest-tls.md",
)


if __name__ == "__main__":
    raise SystemExit(command.main(SUITE))
