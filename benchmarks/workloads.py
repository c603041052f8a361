"""What is asked of the servers by HTTP."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import wrk
from benchmarks.apps import HELLO, TEN_KIBIBYTES
from benchmarks.rounds import Settings
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One kind of request, repeated by wrk: a `Workload`.

    Attributes:
        name: What the command line and the artifact call it.
        title: What the table calls it.
        app: Import path of the application.
        method: The request's method.
        body: The request's body; empty for none.
        expected: The response's body, checked once before each measurement.
        access_log: Whether each server writes its access log, to a file.
        unit: What is counted.
    """

    name: str
    title: str
    app: str
    method: str = "GET"
    body: bytes = b""
    expected: bytes
    access_log: bool = False
    unit: str = "request"

    def suits(self, server: Server) -> bool:
        """Say whether a server can take part."""
        if self.access_log:
            return server.logged is not None
        return not server.same_response_only or self.app.startswith("benchmarks.apps:")

    def load(self, process: ServerProcess, folder: Path, settings: Settings) -> wrk.Runs:
        """Return what loads a server that runs.

        Raises:
            ServerFailedError: The server does not answer as the app does.
        """
        if process.ask(self.method, self.body) != self.expected:
            raise ServerFailedError("its answer is not that of the app")
        return wrk.Runs(
            process.port,
            script=wrk.write_script(folder, method=self.method, body=self.body),
            connections=settings.connections,
            core=settings.client_core,
            scheme=process.scheme,
        )


WORKLOADS = (
    Request(name="hello", title="hello, GET", app="benchmarks.apps:hello", expected=HELLO),
    Request(
        name="get-10k",
        title="GET 10 KiB",
        app="benchmarks.apps:ten_kibibytes",
        expected=TEN_KIBIBYTES,
    ),
    Request(
        name="post-10k",
        title="POST 10 KiB, echo",
        app="benchmarks.apps:echo",
        method="POST",
        body=TEN_KIBIBYTES,
        expected=TEN_KIBIBYTES,
    ),
    Request(
        name="starlette-json",
        title="JSON through Starlette",
        app="benchmarks.starlette_app:app",
        expected=b'{"message":"Hello, World!"}',
    ),
    Request(
        name="hello-log",
        title="hello, GET, access log to a file",
        app="benchmarks.apps:hello",
        expected=HELLO,
        access_log=True,
    ),
)
