"""A real server in a thread, for the tests of applications."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from types import TracebackType
from typing import ClassVar, Self

from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError
from serverkit_server.server import Server
from serverkit_server.worker_plan import plan_workers
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.own_loop import run_in_own_loop

_START_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 60.0


class TestServer:
    """Serves an application on the loopback interface while a test runs.

    Use it as a context manager, sync or async, or call `start` and `stop`::

        with TestServer(app) as server:
            httpx.get(server.url)

    Args:
        app: an ASGI application, or the name of one. For workers in processes it must be found by
            them as well: name it, or give a function of a module.
        host: where to listen.
        port: 0: any free one.
        config: any field of `ServerConfig`. Unlike there, nothing is written for each request, and
            logging is left alone, so that what the server logs is seen by the test.

    Threads: any; `start` and `stop` wait for each other.
    """

    __test__: ClassVar[bool] = False  # pytest is not to collect it

    def __init__(
        self, app: ASGIApp | str, host: str = "127.0.0.1", port: int = 0, **config: object
    ) -> None:
        settings = {"access_log": False, "log_config": "none", **config}
        self._config = ServerConfig.from_mapping({"host": host, "port": port, **settings})
        self._app = app
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._settled = threading.Event()
        self._error: BaseException | None = None

    @property
    def url(self) -> str:
        """Where clients find it, such as `http://127.0.0.1:49152`.

        Raises:
            RuntimeError: it does not run.
        """
        found = self._server.url if self._server else None
        if found is None:
            raise RuntimeError("the server does not run")
        return found

    @property
    def host(self) -> str:
        """The address it listens on, or the path of its unix socket.

        Raises:
            RuntimeError: it does not run.
        """
        return self._bound_addr[0]

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: it does not run.
        """
        return self._bound_addr[1]

    @property
    def is_running(self) -> bool:
        """Whether it answers requests."""
        thread, server = self._thread, self._server
        return (
            (thread is not None and thread.is_alive() and self._settled.is_set())
            and server is not None
            and server.bound_addr is not None
        )

    def start(self, timeout: float | None = None) -> None:
        """Start, and return when requests are answered. Does nothing if it runs.

        Args:
            timeout: seconds; after that it is given up. None: 5 for a worker in this process, and
                `startup_timeout` for others, which take longer.

        Raises:
            StartupError: it could not start, or not in time.
        """
        if timeout is None:
            is_single = plan_workers(self._config).place == "single"
            timeout = _START_TIMEOUT_S if is_single else self._config.startup_timeout
        with self._lock:
            if self._thread is not None:
                return
            self._settled.clear()
            self._error = None
            self._server = Server(self._config, self._app)
            self._thread = threading.Thread(
                target=self._run, args=(self._server,), name="serverkit-test", daemon=True
            )
            self._thread.start()
            in_time = self._settled.wait(timeout)
            if in_time and self._error is None:
                return
            self._join()
            if self._error is None:
                raise StartupError(f"The server did not start within {timeout:g} s.")
            raise self._error

    def stop(self) -> None:
        """Let requests in flight finish, and return when the server is gone. May be repeated.

        Raises:
            ShutdownError: not everything came to its end.
        """
        with self._lock:
            if self._thread is not None:
                self._join()
                if self._error is not None:
                    raise self._error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def _bound_addr(self) -> tuple[str, int]:
        found = self._server.bound_addr if self._server else None
        if found is None:
            raise RuntimeError("the server does not run")
        return found

    def _run(self, server: Server) -> None:
        try:
            run_in_own_loop(
                self._serve(server),
                loop=self._config.loop,
                executor_threads=self._config.executor_threads_per_worker,
                executor_name="serverkit-test-exec",
                shutdown_timeout_s=self._config.shutdown_timeout,
            )
        except BaseException as error:  # noqa: BLE001 - raised again by who started or stops
            self._error = error
        finally:
            self._settled.set()

    async def _serve(self, server: Server) -> None:
        async with server:
            self._settled.set()
            await server.wait_stopped()

    def _join(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join(_STOP_TIMEOUT_S)
        is_left = self._thread.is_alive()
        self._thread = None
        if is_left and self._error is None:
            raise RuntimeError(f"the server did not end within {_STOP_TIMEOUT_S:g} s")


@contextlib.asynccontextmanager
async def serve(app: ASGIApp | str, **config: object) -> AsyncIterator[TestServer]:
    """Serve an application while the block runs; takes what `TestServer` takes.

    Raises:
        StartupError: the server could not start.
        ShutdownError: not everything came to its end.
    """
    async with TestServer(app, **config) as server:  # type: ignore[arg-type]
        yield server
