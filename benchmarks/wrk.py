"""wrk, the load generator: as many requests as the server takes, on a fixed set of connections.

It waits for each answer before it asks again, so its p99 is that of a saturated server, and a
stall hides the requests that were not sent meanwhile. Compare it between servers, do not quote it.
"""

import json
import signal
import subprocess
from pathlib import Path
from typing import Self

from benchmarks.load import Load, LoadError

# wrk prints for people; this prints for us. Without a `response` function it costs nothing.
DONE = """
done = function(summary, latency, requests)
  io.write(string.format(
    '\\nRESULT {"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.timeout, summary.errors.status))
end
"""


class WrkError(LoadError):
    """wrk failed. Says what it printed."""


def version() -> str | None:
    """Return wrk's first words about itself; None where it is not installed."""
    try:
        shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return (shown.stdout or shown.stderr).partition(" Copyright")[0].strip()


def write_script(folder: Path, *, method: str = "GET", body: bytes = b"") -> Path:
    """Write the Lua script of one kind of request, and return its path."""
    lines = [f'wrk.method = "{method}"']
    if body:
        # A JSON string of printable ASCII is a Lua string too.
        lines.append(f"wrk.body = {json.dumps(body.decode('ascii'))}")
    script = folder / "request.lua"
    script.write_text("\n".join(lines) + DONE)
    return script


def command(
    port: int,
    *,
    script: Path,
    seconds: int,
    connections: int,
    core: int | None,
    path: str = "/",
    headers: tuple[str, ...] = (),
    timeout_s: int | None = None,
    scheme: str = "http",
) -> list[str]:
    """Return the command line of one run; no core leaves it free, no timeout means two seconds."""
    return [
        *(() if core is None else ("taskset", "-c", str(core))),
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)),
        *(() if timeout_s is None else ("--timeout", f"{timeout_s}s")),
        *(word for header in headers for word in ("-H", header)),
        f"{scheme}://127.0.0.1:{port}{path}",
    ]


def run(words: list[str], seconds: int) -> Load:
    """Run a command line of `command`, which takes that long, and return what wrk saw.

    Raises:
        WrkError: It failed, or printed no result.
    """
    finished = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=seconds + 30
    )
    return parse(finished.stdout, finished.stderr)


class Runs:
    """Runs of wrk with the same script, one after another: a `Loader`."""

    def __init__(
        self, port: int, *, script: Path, connections: int, core: int, scheme: str
    ) -> None:
        self._port = port
        self._script = script
        self._connections = connections
        self._core = core
        self._scheme = scheme

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is left behind by a run."""

    def command(self, seconds: int) -> list[str]:
        """Return the command line of a run of that length."""
        return command(
            self._port,
            script=self._script,
            seconds=seconds,
            connections=self._connections,
            core=self._core,
            scheme=self._scheme,
        )

    def run(self, seconds: int) -> Load:
        """Load the server for that long, and return what was seen.

        Raises:
            WrkError: wrk failed, or printed no result.
        """
        return run(self.command(seconds), seconds)


class Background:
    """A run that goes on until `stop`; a context manager. Owner: whoever entered it."""

    def __init__(self, words: list[str]) -> None:
        """Keep a command line of `command`, whose duration is then the longest."""
        self._words = words
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def stop(self) -> Load:
        """End it now, and return what it saw.

        Raises:
            WrkError: It failed, or printed no result.
        """
        if self._process is None:
            raise RuntimeError("wrk was not started")
        self._process.send_signal(signal.SIGINT)  # on which it reports
        return parse(*self._process.communicate(timeout=30))


def parse(stdout: str, stderr: str = "") -> Load:
    """Return what our script printed.

    Raises:
        WrkError: There is no result.
    """
    _before, found, result = stdout.partition("\nRESULT ")
    if not found:
        raise WrkError(f"wrk gave no result: {(stdout + stderr)[-500:].strip()}")
    raw = json.loads(result)
    return Load(
        requests=raw["requests"],
        seconds=raw["microseconds"] / 1e6,
        p50_ms=raw["p50_us"] / 1e3,
        p99_ms=raw["p99_us"] / 1e3,
        max_ms=raw["max_us"] / 1e3,
        socket_errors=sum(raw[kind] for kind in ("connect", "read", "write", "timeout")),
        bad_statuses=raw["status"],
    )
