"""Hold many idle WebSockets: what each takes of memory, and what all of them take of a core.

On each one message was echoed first, so that what a server makes at the first message is there.
All servers are filled one after another and then watched during the same minute; they send pings
by their own defaults, which are answered. Reports only.
"""

import argparse
import contextlib
import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from benchmarks import process_tree
from benchmarks.connection_holder import SPARE_DESCRIPTORS, raise_descriptor_limit
from benchmarks.server_process import ROOT, ServerFailedError, ServerProcess
from benchmarks.servers import PYTHON, Server
from benchmarks.supervised_report import Page, Section, parser, publish
from benchmarks.websocket import SERVERS

APP = "benchmarks.apps:websocket_echo"
DEFLATE = ("plain", "deflate")
KNOWN = {server.name: server for server in SERVERS if not server.same_response_only}
PAGE = Page(title="# Idle WebSockets", file="latest-idle-websockets.md")
LET_GO_WITHIN_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What was seen of one server.

    Attributes:
        server: Its name.
        deflate: Whether permessage-deflate was negotiated: "deflate" or "plain".
        connections: How many it had.
        rss_each: Growth of its resident memory by connection, in bytes.
        pss_each: The same of its proportional memory.
        still_open: How many it had not closed at the end.
        pings_each: Pings that came on each.
        percent: Part of a core that it took, in percent.
        error: Why there is no measurement; empty if there is.
    """

    server: str
    deflate: str
    connections: int = 0
    rss_each: float = 0.0
    pss_each: float = 0.0
    still_open: int = 0
    pings_each: float = 0.0
    percent: float = 0.0
    error: str = ""


class Holder:
    """The process that holds the WebSockets; a context manager. Owner: whoever entered it."""

    def __init__(self, port: int, count: int, deflate: str) -> None:
        self._process = subprocess.Popen(
            [PYTHON, "-m", "benchmarks.websocket_holder", str(port), str(count), deflate],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._last_words = ""

    def __enter__(self) -> Self:
        if not self._line():
            self.__exit__()
            raise ServerFailedError(self._last_words.strip())
        return self

    def __exit__(self, *_error: object) -> None:
        _stdout, self._last_words = self._process.communicate(timeout=LET_GO_WITHIN_S)

    def seen(self) -> dict[str, int]:
        """Return how many connections are open, and how many pings have come on them."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        told: dict[str, int] = json.loads(self._line())
        return told

    def _line(self) -> str:
        return self._process.stdout.readline() if self._process.stdout is not None else ""


class Filled:
    """A server that holds WebSockets. Owner: the measurement whose stack ends it."""

    def __init__(
        self, stack: contextlib.ExitStack, server: Server, deflate: str, connections: int
    ) -> None:
        """Start it, and open the connections.

        Raises:
            ServerFailedError: That fails.
        """
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        flags = (*server.quiet, *server.patient)
        process = ServerProcess(server, APP, folder=folder, arguments=flags)
        self._pid = stack.enter_context(process).pid
        with Holder(process.port, 1, deflate):
            pass  # what the first connection of all takes is not counted
        rss, pss = process_tree.rss_bytes(self._pid), process_tree.pss_bytes(self._pid)
        self._holder = stack.enter_context(Holder(process.port, connections, deflate))
        self._seen = Idle(
            server=server.name,
            deflate=deflate,
            connections=connections,
            rss_each=(process_tree.rss_bytes(self._pid) - rss) / connections,
            pss_each=(process_tree.pss_bytes(self._pid) - pss) / connections,
        )
        self._began, self._cpu = time.monotonic(), process_tree.cpu_time(self._pid)
        self._pings = 0

    def begin(self) -> None:
        """Look from now on."""
        self._pings = self._holder.seen()["pings"]
        self._began, self._cpu = time.monotonic(), process_tree.cpu_time(self._pid)

    def end(self) -> Idle:
        """Return what was seen."""
        took = process_tree.cpu_time(self._pid) - self._cpu
        elapsed = time.monotonic() - self._began
        holder = self._holder.seen()
        return dataclasses.replace(
            self._seen,
            still_open=holder["open"],
            pings_each=(holder["pings"] - self._pings) / self._seen.connections,
            percent=100 * took.seconds / elapsed,
        )


def measure(names: list[str], connections: int, seconds: float) -> list[Idle]:
    """Fill all the servers, leave them alone, and return what each took."""
    failed: list[Idle] = []
    filled: list[Filled] = []
    with contextlib.ExitStack() as stack:
        for name in names:
            for deflate in DEFLATE:
                try:
                    filled.append(Filled(stack, KNOWN[name], deflate, connections))
                except ServerFailedError as error:
                    failed.append(Idle(server=name, deflate=deflate, error=str(error)[:300]))
        for one in filled:
            one.begin()
        time.sleep(seconds)
        return [one.end() for one in filled] + failed


def row(seen: Idle) -> list[object]:
    """Return the cells of one server."""
    title = KNOWN[seen.server].title
    if seen.error:
        return [title, seen.deflate, *["-"] * 4, seen.error]
    closed = seen.connections - seen.still_open
    return [
        *(title, seen.deflate, seen.rss_each / 1024, seen.pss_each / 1024),
        *(f"{seen.percent:.2f}", seen.pings_each),
        f"**{closed} were closed by the server**" if closed else "",
    ]


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    made = parser("idle_websockets", __doc__, servers=tuple(KNOWN), page=PAGE)
    made.add_argument("--connections", type=int, default=2000)
    made.add_argument("--seconds", type=float, default=60.0, help="of idleness")
    return made.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure what the command line says, and write it down."""
    arguments = arguments_of(words)
    allowed = raise_descriptor_limit() - SPARE_DESCRIPTORS
    if allowed < arguments.connections:
        arguments.connections = allowed
        print(f"Only so many files may be open here: {allowed} connections.")
    installed = [name for name in arguments.servers if not KNOWN[name].missing()]
    results = measure(installed, arguments.connections, arguments.seconds)
    section = Section(
        kind="idle-websockets",
        title="Memory and processor time",
        how_to_read=(
            f"{arguments.connections} open WebSockets for each server, without and with "
            f"permessage-deflate, one message of 1 KiB echoed on each; then "
            f"{arguments.seconds:.0f} s in which nothing was sent but pings by each server's own "
            "defaults, and their answers. Memory is growth of the process tree by connection."
        ),
        header=(
            *("server", "messages", "RSS KiB each", "PSS KiB each", "% of a core", "pings each"),
            "remarks",
        ),
        rows=[row(one) for one in results],
    )
    artifact = {"results": [dataclasses.asdict(one) for one in results]}
    publish(section, artifact, folder=arguments.output, latest=arguments.latest, page=PAGE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
