"""A server under measurement: started, waited for, asked once, ended by its own process id."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import certificate, process_tree
from benchmarks.servers import Server

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN_S = 30.0
ENDED_WITHIN_S = 20.0


class ServerFailedError(Exception):
    """The server did not start, or did not answer as the app does. Says what it printed."""


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class ServerProcess:
    """Runs one server with one app; a context manager. Owner: whoever entered it.

    Attributes:
        server: What is run.
        port: Where it listens, on 127.0.0.1.
        command: Its whole command line.
        access_log: The file of its access log, or of its stdout.
        scheme: "https" where it speaks TLS, else "http".
    """

    def __init__(
        self,
        server: Server,
        app: str,
        *,
        folder: Path,
        core: int | None = None,
        arguments: tuple[str, ...] | None = None,
    ) -> None:
        """Choose a port and build the command line.

        Args:
            server: What to run.
            app: Import path of the application.
            folder: A folder of this process alone, for its output.
            core: The core to pin it to; None leaves it free.
            arguments: What to add to the command; None for the server's `quiet`.
        """
        self.server = server
        self.port = free_port()
        self.access_log = folder / "access.log"
        self.scheme = "https" if server.tls else "http"
        self._stderr = folder / "stderr"
        self._runtime = folder / "runtime.json"
        self._process: subprocess.Popen[bytes] | None = None
        filled = {
            "{app}": app.rpartition(":")[2] if server.same_response_only else app,
            "{port}": str(self.port),
            "{access_log}": str(self.access_log),
        }
        if server.tls:
            pair = certificate.write(folder)
            filled |= {"{certificate}": str(pair.certificate), "{key}": str(pair.key)}
        added = server.quiet if arguments is None else arguments
        self.command = tuple(
            filled.get(word, word.replace("{port}", str(self.port)))
            for word in (*server.command, *added)
        )
        if core is not None:
            self.command = ("taskset", "-c", str(core), *self.command)

    def __enter__(self) -> Self:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "BENCHMARK_RUNTIME_FILE": str(self._runtime),
        }
        with self.access_log.open("ab") as stdout, self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the root of its tree."""
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise ServerFailedError(
                    f"it ended with {self._process.returncode}: {self.last_words()}"
                )
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise ServerFailedError(f"it does not listen after {READY_WITHIN_S} s: {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what it printed."""
        said = [path.read_text(errors="replace") for path in (self._stderr, self.access_log)]
        return " ".join(said)[-2000:].strip()

    def ask(self, method: str, body: bytes, path: str = "/") -> bytes:
        """Send one request and return the body of the response.

        Raises:
            ServerFailedError: It did not answer 200.
        """
        connection = self._connection()
        try:
            connection.request(method, path, body=body or None)
            response = connection.getresponse()
            received = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerFailedError(f"{error!r} to a request: {self.last_words()}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise ServerFailedError(f"it answered {response.status}: {self.last_words()}")
        return received

    def _connection(self) -> http.client.HTTPConnection:
        if self.server.tls:
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=certificate.trusting_context()
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def runtime(self) -> dict[str, object]:
        """Return what the app noted about the runtime at its startup; empty if it was not asked."""
        try:
            noted: dict[str, object] = json.loads(self._runtime.read_text())
        except FileNotFoundError:
            return {}
        return noted

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM, and return at once."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit status, None when it still runs after that time."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it and what it started; by force when it takes too long."""
        if self._process is None:
            return
        tree = process_tree.members(self._process.pid)
        if self._process.poll() is None:
            self.terminate()
        if self.wait(ENDED_WITHIN_S) is None:
            for pid in tree:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
