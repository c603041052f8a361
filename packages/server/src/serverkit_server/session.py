"""Serves from the start of the application to its end, on the running loop.

In order: the application starts, the worker accepts and serves, it drains, the application stops.
What goes wrong on the way does not keep the rest from being ended.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from serverkit_server.bind import Listeners
from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError, ShutdownError, StartupError
from serverkit_server.factory import make_worker, open_access_log
from serverkit_server.lifespan import Lifespan
from serverkit_supervisor import WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.worker import Worker

_LOG = logging.getLogger("serverkit.server")
# What a worker may need beyond its own deadlines: it bounds itself, this is for one that hangs.
_OVERTIME_S: Final = 20.0


class Session:
    """One application, served once.

    Args:
        config: of the server.
        app: what is served.
        listeners: open sockets; they stay the caller's.
        lifecycle_collector: is told of connections and requests.
        on_ready: called once, when requests are answered.

    Threads: that of the loop it runs on.
    """

    def __init__(
        self,
        config: ServerConfig,
        app: ASGIApp,
        listeners: Listeners,
        *,
        lifecycle_collector: LifecycleCollector | None,
        on_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._app = app
        self._listeners = listeners
        self._collector = lifecycle_collector
        self._on_ready = on_ready
        self._is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; return when everything has come to its end.

        Args:
            stop: set once, by whoever wants the end. Set beforehand: nothing is started.

        Raises:
            StartupError: the application did not start.
            ShutdownError: not everything came to its end.
        """
        config = self._config
        lifespan = Lifespan(
            self._app,
            mode=config.lifespan,
            startup_timeout=config.startup_timeout,
            shutdown_timeout=config.shutdown_timeout,
        )
        with open_access_log(config) as access_log:
            if not await _completed(lifespan.startup(), stop):
                return
            context = WorkerContext(
                worker_id=0, sockets=tuple(self._listeners.sockets), ready=self._note_ready
            )
            worker = make_worker(
                config,
                self._app,
                context,
                access_log=access_log,
                lifecycle_collector=self._collector,
            )
            worker.set_lifespan_state(lifespan.state)
            try:
                await self._serve(worker, stop)
            except (ServerError, asyncio.CancelledError):
                await _shut_down_after_failure(lifespan)
                raise
            await lifespan.shutdown()

    async def _serve(self, worker: Worker, stop: asyncio.Event) -> None:
        serving = asyncio.create_task(worker.serve(), name="serverkit-worker")
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                _LOG.info("Stopping: requests in flight may finish.")
                worker.shutdown()
                await asyncio.wait({serving}, timeout=self._config.shutdown_timeout + _OVERTIME_S)
        finally:
            stopping.cancel()
            if not serving.done():  # cancelled from outside, or it hangs
                worker.abort()
                await asyncio.wait({serving}, timeout=_OVERTIME_S)
        self._judge_end(worker, serving, was_asked=stop.is_set())

    def _note_ready(self) -> None:
        self._is_ready = True
        self._on_ready()

    def _judge_end(self, worker: Worker, serving: asyncio.Task[None], *, was_asked: bool) -> None:
        """Tell a clean end from another.

        Raises:
            StartupError: the worker failed before it accepted anything.
            ShutdownError: the worker failed, hangs, or had to cut requests off.
        """
        if not serving.done():
            raise ShutdownError("The worker does not end; its requests are lost.")
        error = None if serving.cancelled() else serving.exception()
        if error is not None:
            kind = ShutdownError if self._is_ready else StartupError
            raise kind(f"The worker failed: {error!r}.") from error
        count = worker.unfinished_count
        if count:
            what = "1 request did not finish" if count == 1 else f"{count} requests did not finish"
            raise ShutdownError(
                f"{what} within {self._config.shutdown_timeout:g} s and had to be cut off.",
                setting="shutdown_timeout",
            )
        if not was_asked:
            raise ShutdownError("The worker ended without having been asked to.")


async def _completed(start: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Await a start to its end, unless it is to stop before; say whether it has got there."""
    starting = asyncio.ensure_future(start)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        if not stop.is_set():
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})  # which bounds its own end
    if starting.cancelled():
        return False
    starting.result()
    return True


async def _shut_down_after_failure(lifespan: Lifespan) -> None:
    """Let the application stop, though there is a worse failure to tell of."""
    try:
        await lifespan.shutdown()
    except ShutdownError as error:
        _LOG.error("%s", error)
