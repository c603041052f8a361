"""One upload to an app that reads slowly, one download to a client that reads slowly.

A server that holds back its peer keeps its memory; one that does not, stores what it cannot pass
on. Length and digest of both are verified. Reports only.
"""

import argparse
import dataclasses
import hashlib
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import environment, process_tree
from benchmarks.apps import CHUNK_BYTES, numbered_chunk
from benchmarks.busy_connection import read_answer
from benchmarks.server_process import ServerFailedError, ServerProcess
from benchmarks.servers import SERVERS, by_name

BAR_MIB = 32
MIB = 2**20
STALLED_AFTER_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What was seen of one transfer.

    Attributes:
        length: Bytes of the body.
        seconds: How long it took.
        intact: Whether length and digest were those of what was sent.
        ahead_mib: Most that the fast side was ahead of the pace of the slow one, buffers of the
            kernel included: without backpressure, nearly all of it. None for a download, whose
            fast side is the server.
        idle_rss_mib: The server's resident memory before.
        peak_rss_mib: The server's highest resident memory meanwhile.
    """

    length: int
    seconds: float
    intact: bool
    ahead_mib: float | None
    idle_rss_mib: float
    peak_rss_mib: float

    @property
    def growth_mib(self) -> float:
        """What the transfer took of memory at its worst."""
        return self.peak_rss_mib - self.idle_rss_mib


def chunks(length: int) -> Iterator[bytes]:
    """Yield the chunks of a body, of which no two are equal."""
    for number in range(-(-length // CHUNK_BYTES)):
        yield numbered_chunk(number)[: length - number * CHUNK_BYTES]


def upload(port: int, length: int, rate: int) -> tuple[bool, float | None]:
    """Send a body as fast as the server takes it; return whether it came intact, and the lead."""
    digest, ahead, sent = hashlib.sha256(), 0.0, 0
    with socket.create_connection(("127.0.0.1", port), timeout=STALLED_AFTER_S) as connection:
        head = f"POST /?rate={rate} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        began = time.monotonic()
        for data in chunks(length):
            connection.sendall(data)
            digest.update(data)
            sent += len(data)
            ahead = max(ahead, sent - rate * (time.monotonic() - began))
        answer = json.loads(read_answer(connection).partition(b"\r\n\r\n")[2])
    intact = answer == {"length": length, "sha256": digest.hexdigest()}
    return intact, ahead / MIB


def download(port: int, length: int, rate: int) -> tuple[bool, float | None]:
    """Read a body no faster than the rate; return whether it came intact."""
    expected = hashlib.sha256()
    for data in chunks(length):
        expected.update(data)
    digest, received = hashlib.sha256(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=STALLED_AFTER_S) as connection:
        connection.sendall(f"GET /?length={length} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        began = time.monotonic()
        reader = connection.makefile("rb")
        status = reader.readline()
        if b" 200 " not in status:
            raise ServerFailedError(f"it answered a download with {status!r}")
        while reader.readline().strip():
            pass
        while received < length and (data := reader.read1(CHUNK_BYTES)):
            digest.update(data)
            received += len(data)
            early = received / rate - (time.monotonic() - began)
            if early > 0:
                time.sleep(early)
    return received == length and digest.digest() == expected.digest(), None


def transfer(
    arguments: argparse.Namespace,
    app: str,
    run: Callable[[int, int, int], tuple[bool, float | None]],
) -> Transfer:
    """Start a server, run one transfer, and end it."""
    server = by_name(arguments.server)
    length = arguments.mib * MIB
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        ServerProcess(
            server, app, folder=Path(folder), arguments=(*server.quiet, *server.patient)
        ) as process,
    ):
        process.ask("GET", b"", "/?length=0&rate=0")  # what is loaded on first use counts as idle
        idle = process_tree.rss_bytes(process.pid)
        process_tree.forget_peak_rss(process.pid)
        began = time.monotonic()
        try:
            intact, ahead_mib = run(process.port, length, int(length / arguments.seconds))
        except (ServerFailedError, OSError) as error:
            raise ServerFailedError(f"{error}: {process.last_words()}") from error
        return Transfer(
            length=length,
            seconds=time.monotonic() - began,
            intact=intact,
            ahead_mib=ahead_mib,
            idle_rss_mib=idle / MIB,
            peak_rss_mib=process_tree.peak_rss_bytes(process.pid) / MIB,
        )


def report(name: str, seen: Transfer) -> str:
    """Return what was seen, for people."""
    holds = seen.intact and seen.growth_mib <= BAR_MIB
    lead = "" if seen.ahead_mib is None else f", client at most {seen.ahead_mib:.1f} MiB ahead"
    return (
        f"{name:9} {seen.length / MIB:.0f} MiB in {seen.seconds:.1f} s, "
        f"{'intact' if seen.intact else 'DAMAGED'}{lead}; RSS {seen.idle_rss_mib:.1f} MiB idle, "
        f"{seen.peak_rss_mib:.1f} at most: {seen.growth_mib:+.1f} "
        f"(bar {BAR_MIB}: {'holds' if holds else 'MISSED'})"
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_transfers")
    parser.description = __doc__
    names = [server.name for server in SERVERS if not server.same_response_only]
    parser.add_argument("--server", choices=names, default="serverkit")
    parser.add_argument("--mib", type=int, default=1024, help="length of each body")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long each is to take")
    parser.add_argument("--output", type=Path, default=environment.RESULTS)
    return parser


def main(words: list[str] | None = None) -> int:
    """Run both transfers, and write down what was seen."""
    arguments = parser().parse_args(words)
    seen: dict[str, Transfer] = {}
    try:
        seen["upload"] = transfer(arguments, "benchmarks.apps:slow_reader", upload)
        print(report("upload", seen["upload"]), flush=True)
        seen["download"] = transfer(arguments, "benchmarks.apps:download", download)
        print(report("download", seen["download"]))
    except (ServerFailedError, OSError) as error:
        print(f"{by_name(arguments.server).title}: {error}", file=sys.stderr)
        return 2
    artifact: dict[str, object] = {"server": arguments.server}
    artifact |= {name: dataclasses.asdict(one) for name, one in seen.items()}
    path = environment.save(arguments.output, "slow-transfers", artifact)
    print(f"Artifact: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
