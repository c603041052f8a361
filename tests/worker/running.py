"""A worker that runs in a thread of its own, on real sockets, and clients of it."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from serverkit_worker.access_log import AccessLog
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.handed import ConnectionSource
from serverkit_worker.tls import TLSContexts
from serverkit_worker.worker import Worker
from tests.worker.certificates import Authority
from tests.worker.wire_format import Response, first

WAIT_S = 30.0
"""How long anything that must happen may take on a busy machine."""

type Address = tuple[str, int] | tuple[str, int, int, int] | str


def listening(host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that clients can connect to; a path is one of a unix socket."""
    if "/" in host:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(host)
        sock.listen(2048)
        return sock
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family, backlog=2048)


secure: Authority | None = None
"""Whose certificates workers and clients have that are not told; see the fixture `carried`."""


class Client:
    """One connection; every wait is bounded."""

    def __init__(self, address: Address, *, ssl_context: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET
        if isinstance(address, str):
            family = socket.AF_UNIX
        elif ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(address)
        if ssl_context is not None:
            self.socket = ssl_context.wrap_socket(self.socket, server_hostname="localhost")
        elif secure is not None:  # The worker may not run yet.
            self.socket = secure.client().wrap_socket(
                self.socket, server_hostname="localhost", do_handshake_on_connect=False
            )
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def read(self, *, method: str = "GET") -> Response:
        """Return the next response."""
        while (found := first(self._received, method=method)) is None:
            data = self.socket.recv(262_144)
            assert data, f"closed after {self._received!r}"
            self._received += data
        response, self._received = found
        return response

    def ask(self, data: bytes) -> Response:
        """Send a request and return the response."""
        self.send(data)
        return self.read()

    def waiting(self) -> bytes | OSError:
        """Return what has come and was not read, or why nothing can; empty at the end."""
        self.socket.setblocking(False)  # noqa: FBT003  the standard library's signature
        try:
            return self._received + self.socket.recv(262_144)
        except OSError as exc:
            return exc

    def read_to_end(self) -> bytes:
        """Return what comes until the server closes, be it by a reset."""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(262_144):
                self._received += data
        return self._received


class RunningWorker:
    """A worker with a thread that runs it, from `ready` to the end of the block."""

    def __init__(
        self,
        app: ASGIApp,
        *hosts: str,
        config: WorkerConfig | None = None,
        shutdown_event: threading.Event | None = None,
        max_connections: int = 0,
        lifecycle_collector: LifecycleCollector | None = None,
        access_log: AccessLog | None = None,
        sockets: list[socket.socket] | None = None,
        ssl_context: ssl.SSLContext | TLSContexts | None = None,
        connections: ConnectionSource | None = None,
        **options: Any,  # noqa: ANN401  those of Worker
    ) -> None:
        if sockets is None and connections is None:
            self.sockets = [listening(host) for host in hosts or ("127.0.0.1",)]
        else:
            self.sockets = sockets or []
        self._ready = threading.Event()
        self.failure: BaseException | None = None
        self.worker = Worker(
            config or WorkerConfig(),
            app,
            self.sockets,
            shutdown_event=shutdown_event,
            max_connections=max_connections,
            lifecycle_collector=lifecycle_collector,
            access_log=access_log,
            ssl_context=ssl_context or (secure.server() if secure else None),
            ready=self._ready.set,
            connections=connections,
            **options,
        )
        self._owns_sockets = sockets is None
        self.thread = threading.Thread(target=self._run, name="worker under test")

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as exc:  # noqa: BLE001  handed to the test
            self.failure = exc
        finally:
            self._ready.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is not None:
            self.worker.abort()
        self.worker.shutdown()
        self.join()
        for sock in self.sockets if self._owns_sockets else ():
            sock.close()
        if self.failure is not None and exc is None:
            raise self.failure

    def start(self) -> None:
        """Run the worker, and wait until it serves."""
        self.thread.start()
        assert self._ready.wait(WAIT_S)

    def join(self) -> None:
        """Wait for the end of `run`."""
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive(), "run has not returned"

    @property
    def address(self) -> Address:
        """Where the first socket is."""
        address: Address = self.sockets[0].getsockname()
        return address

    def client(self) -> Client:
        """Connect to it."""
        return Client(self.address, ssl_context=secure.client() if secure else None)

    @contextlib.contextmanager
    def ended_within(self, seconds: float) -> Iterator[None]:
        """See that `run` returns soon after the block; the bound is for busy machines."""
        yield
        start = time.monotonic()
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"still running after {time.monotonic() - start} s"


def eventually(condition: object) -> None:
    """Wait until something is so that nothing announces."""
    assert callable(condition)
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.001)
