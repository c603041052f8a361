"""A server started from the command line, as users start it, for as long as a test needs it."""

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import certificates

WAIT_S = 60.0
"""How long anything that must happen may take on a busy machine."""

ROOT = Path(__file__).parents[2]
# What the start-up output tells: "http://127.0.0.1:8000", "http://[::1]:8000", "unix:/path".
TCP_ADDRESS = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]\s]+\]|[^\s:/\"]+):(?P<port>\d+)")
UNIX_ADDRESS = re.compile(r"unix:(?P<path>/[^\s\"]+)")
# What Python says on stderr when something was forgotten, and no test wants to see.
SLOPPY = re.compile(
    r"ResourceWarning|Exception ignored|was never (?:retrieved|awaited)|Task was destroyed"
    r"|InvalidStateError|RuntimeWarning|socket\.send\(\) raised"
)


class ServerProcess:
    """Runs `python -m serverkit serve APP` and knows the address that it printed.

    Owner: the test or fixture that made it. A thread of its own reads the output, so the server
    never waits for somebody to read it. Use as a context manager.
    """

    def __init__(self, app: str, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.command = self.command_for(app, *flags)
        self.arguments = (app, *flags)
        self._address = UNIX_ADDRESS if "--uds" in flags else TCP_ADDRESS
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SERVERKIT_")}
        self._environment = inherited | {"PYTHONUNBUFFERED": "1"} | (environment or {})
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._process: subprocess.Popen[str] | None = None

    @staticmethod
    def command_for(app: str, *flags: str) -> list[str]:
        """Return the command line; the port is the server's to choose unless a flag says where."""
        where = () if {"--uds", "--bind", "--fd"} & set(flags) else ("--port", "0")
        return [sys.executable, "-W", "error", "-m", "serverkit", "serve", app, *where, *flags]

    def __enter__(self) -> Self:
        """Start the server and wait until it says where it listens."""
        self._process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._reader = threading.Thread(target=self._read, name="output of server", daemon=True)
        self._reader.start()
        try:
            self._found = self.wait_for_output(self._address)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server by its process id, whatever state it is in."""
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._running().pid

    @property
    def output(self) -> str:
        """All that the server has written so far, stdout and stderr together."""
        with self._news:
            return "".join(self._lines)

    @property
    def address(self) -> tuple[str, int] | str:
        """Where to connect: host and port, or the path of a unix socket."""
        if self._address is UNIX_ADDRESS:
            return self._found["path"]
        return self._found["host"].strip("[]"), int(self._found["port"])

    @property
    def url(self) -> str:
        """The address as a browser wants it, without a slash at the end."""
        return f"{self._found['scheme']}://{self._found['host']}:{self._found['port']}"

    @property
    def websocket_url(self) -> str:
        """The same for WebSockets."""
        url = "http://localhost" if self._address is UNIX_ADDRESS else self.url
        return url.replace("http", "ws", 1)

    @cached_property
    def trust(self) -> ssl.SSLContext | None:
        """What a client needs to talk to the server: None if the server does not speak TLS."""
        return certificates.trusting(self.authority) if self.authority else None

    @property
    def authority(self) -> Path | None:
        """The file of who vouches for the server: None if the server does not speak TLS."""
        if "--ssl-certfile" not in self.arguments:
            return None
        certificate = self.arguments[self.arguments.index("--ssl-certfile") + 1]
        return certificates.authority_of(certificate)

    def wait_for_output(
        self, pattern: str | re.Pattern[str], *, within_s: float = WAIT_S
    ) -> re.Match[str]:
        """Return the first match of `pattern` in the output, once it is there."""
        deadline = time.monotonic() + within_s
        with self._news:
            while not (found := re.search(pattern, "".join(self._lines))):
                left = deadline - time.monotonic()
                if self._ended or left <= 0 or not self._news.wait(left):
                    break
        if found:
            return found
        state = "ended" if self._ended else f"ran {within_s:g} s"
        raise AssertionError(f"{self.command} {state} and did not say {pattern}:\n{self.output}")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server alone."""
        self._running().send_signal(number)

    def wait(self) -> int:
        """Return the exit code, once the server has ended by itself."""
        process = self._running()
        try:
            code = process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end:\n{self.output}") from None
        self._reader.join(WAIT_S)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server if it still runs, at last with SIGKILL; return the exit code."""
        process = self._running()
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._reader.join(WAIT_S)
        if process.stdout:
            process.stdout.close()
        return process.returncode

    def cpu_seconds(self) -> float | None:
        """Return the CPU time the server has used so far; None where the system can't tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def complaints(self) -> list[str]:
        """Return the lines of the output that show something forgotten: a task, a socket."""
        return [line for line in self.output.splitlines() if SLOPPY.search(line)]

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process

    def _read(self) -> None:
        stream = self._running().stdout
        for line in stream or ():
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
