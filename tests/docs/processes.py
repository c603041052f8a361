"""Programs of the documentation, run as readers run them, with their output at hand."""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

WAIT_S = 120.0
"""How long anything that must happen may take on a busy machine."""

# Up to its end: its lines are read one by one.
BANNER = re.compile(
    r'(?:serves at +|"event": "startup".*?"url": ")'
    r"(?:(?P<scheme>https?)://(?P<host>\S+?):(?P<port>\d+)|unix:(?P<path>[^\s\"]+))"
    r"(?:\s+http://(?P<redirecting>\S+), which redirects there)?"
    r'(?:".*"app": |(?:\n.*)*\n  process +\d)'
)
# What a server says to a client that shows no certificate: that it serves, but not this one.
_WANTS_CERTIFICATE = "CERTIFICATE_REQUIRED"


class Program:
    """A program that runs, and what it has written.

    Owner: the test that started it. Its output is read by a thread, so it never waits for a reader.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._words = words
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that it has written so far, stdout and stderr together."""
        with self._news:
            return "".join(self._lines)

    def wait_for(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """Wait for output that matches; None where it ended without.

        Raises:
            AssertionError: neither came in time.
        """
        deadline = time.monotonic() + WAIT_S
        with self._news:
            while not (found := re.search(pattern, "".join(self._lines))) and not self._ended:
                if not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{self} did not get there:\n{''.join(self._lines)}")
        return found

    def wait_for_banner(self) -> re.Match[str] | None:
        """Wait until it says where it serves; None where it ended and never served."""
        return self.wait_for(BANNER)

    def wait(self) -> int:
        """Wait for its end; give the exit code."""
        code = self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code

    def stop(self) -> int:
        """Let it end as Ctrl-C does, or by force where it does not; give the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()
            raise AssertionError(f"{self} did not stop:\n{self.output}") from None
        finally:
            if self._process.stdout:
                self._process.stdout.close()

    def __str__(self) -> str:
        return " ".join(self._words)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


class _UnixConnection(http.client.HTTPConnection):
    """A connection to the path of a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self._path = path

    def connect(self) -> None:
        """Open the connection."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(self._path)


def status_at(banner: re.Match[str]) -> int:
    """Ask the server that wrote a banner for `/`; give the status of its answer."""
    if banner["path"]:
        client: http.client.HTTPConnection = _UnixConnection(banner["path"])
    else:
        # To listen everywhere is to listen here.
        host = banner["host"].strip("[]").replace("0.0.0.0", "127.0.0.1")
        client = _connection(banner["scheme"], host, int(banner["port"]))
    with contextlib.closing(client):
        try:
            client.request("GET", "/")
            return client.getresponse().status
        except ssl.SSLError as error:
            if _WANTS_CERTIFICATE not in str(error.reason):
                raise
            return http.HTTPStatus.FORBIDDEN


def _connection(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    """Make a connection to a server; pages have certificates that nobody else trusts."""
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=WAIT_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=WAIT_S, context=context)


def environment(**more: str) -> dict[str, str]:
    """Give the environment of a program: without settings of serverkit, and of those who test."""
    of_others = ("SERVERKIT_", "PYTEST_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(of_others)}
    return {**inherited, "PYTHONUNBUFFERED": "1", **more}
