"""Echo over WebSockets beside the peers: CPU time per message, messages per second, memory.

Each of the connections has one message in flight. Reports only: a missed bar is shown, and is no
failure.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import command
from benchmarks.bars import beside
from benchmarks.client_process import ClientProcess
from benchmarks.rounds import Settings
from benchmarks.server_process import ServerProcess
from benchmarks.servers import PYTHON, Server, adapted, by_name
from benchmarks.suite import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """One kind of message, sent back by the app: a `Workload`.

    Attributes:
        name: What the command line and the artifact call it.
        title: What the table calls it.
        kind: "text" or "binary".
        size: Length of the message, in bytes.
        deflate: Whether permessage-deflate is negotiated.
        app: Import path of the application.
        access_log: Whether each server writes its access log, to a file.
        unit: What is counted.
    """

    name: str
    title: str
    kind: str
    size: int
    deflate: bool
    app: str = "benchmarks.apps:websocket_echo"
    access_log: bool = False
    unit: str = "message"

    def suits(self, server: Server) -> bool:
        """Say whether a server can take part."""
        return not (self.deflate and server.same_response_only)

    def load(self, process: ServerProcess, _folder: Path, settings: Settings) -> ClientProcess:
        """Return what loads a server that runs."""
        return ClientProcess(
            "benchmarks.websocket_load",
            *(str(process.port), self.kind, str(self.size), str(settings.connections)),
            "deflate" if self.deflate else "plain",
            core=settings.client_core,
        )


def echo(kind: str, size: int, *, deflate: bool) -> Echo:
    """Return the workload of one kind of message."""
    shown = f"{size // 1024} KiB" if size >= 1024 else f"{size} bytes"
    short = f"{size // 1024}k" if size >= 1024 else str(size)
    return Echo(
        name=f"{kind}-{short}" + ("-deflate" if deflate else ""),
        title=f"{shown} of {kind}" + (", permessage-deflate" if deflate else ""),
        kind=kind,
        size=size,
        deflate=deflate,
    )


KINDS = (("text", 64), ("text", 1024), ("text", 65_536), ("binary", 65_536))
SERVERS = (
    Server(
        name="floor",
        title="floor: bare recv and send",
        distributions=("websockets",),
        command=(PYTHON, "-m", "benchmarks.websocket_floor", "{port}"),
        same_response_only=True,
    ),
    by_name("serverkit"),
    by_name("serverkit-uvloop"),
    adapted("uvicorn", "--ws", "websockets-sansio", title="uvicorn (websockets-sansio, uvloop)"),
    adapted(
        *("uvicorn", "--ws", "wsproto"), name="uvicorn-wsproto", title="uvicorn (wsproto, uvloop)"
    ),
    by_name("gunicorn"),
    adapted("granian", but="--no-ws"),
    by_name("hypercorn"),
)
SUITE = Suite(
    name="websocket",
    description=__doc__,
    title="WebSocket benchmark",
    how_to_read=(
        "Median (lowest to highest) of the rounds. *CPU us per message* is user and system time "
        "of the server's whole process tree, divided by the messages that came back, each "
        "compared whole with what was sent. *p99* is that of one of the connections. *client "
        "busy* is the part of the time that the client used its own core: near 1, messages/s is "
        "the client's limit, and a server that waits for it gets fewer messages for each turn of "
        "its loop, so its true cost under more load is rather lower."
    ),
    peers=("uvicorn", "granian"),
    servers=SERVERS,
    workloads=tuple(echo(*kind, deflate=deflate) for deflate in (False, True) for kind in KINDS),
    bars=(
        beside("serverkit-uvloop", "text-64", 0.85, "uvicorn"),
        beside("serverkit-uvloop", "text-64k", 1.0, "uvicorn"),
        beside("serverkit-uvloop", "binary-64k", 1.0, "uvicorn"),
    ),
    tools=("taskset",),
    latest="latest-websocket.md",
)


if __name__ == "__main__":
    raise SystemExit(command.main(SUITE))
