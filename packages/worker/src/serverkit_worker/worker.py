"""The async worker: one event loop that serves one application on the sockets it is given."""

import asyncio
import contextlib
import functools
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Final, Literal

from serverkit_worker import hooks
from serverkit_worker.acceptor import Acceptor
from serverkit_worker.access_log import AccessLog
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.deadlines import LINGER_S
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.observation import observe
from serverkit_worker.own_loop import run_in_own_loop
from serverkit_worker.serving import Serving

logger = logging.getLogger("serverkit.error")

DRAINING_HOOK_S: Final = 1.0
SHUTDOWN_HOOK_S: Final = 10.0
# How long cancelled applications may take to clean up.
CANCELLED_S: Final = 1.0


class Worker:
    """Serves an application on one event loop.

    Attributes:
        unfinished_count: calls of the application that had to be cancelled at the end.

    Owner: whoever made it. `run` or `serve` is called once, by the thread whose loop serves; every
    other method may be called from any thread, before, during and after that.
    """

    def __init__(
        self,
        config: WorkerConfig,
        app: ASGIApp,
        sock: socket.socket | Sequence[socket.socket],
        *,
        worker_id: int = 0,
        shutdown_event: threading.Event | None = None,
        max_connections: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        lifecycle_collector: LifecycleCollector | None = None,
        access_log: AccessLog | None = None,
        ready: Callable[[], None] | None = None,
    ) -> None:
        """Prepare a worker; nothing runs yet.

        Args:
            config: its settings.
            app: an ASGI 3 application.
            sock: one or more bound, listening or not, stream sockets. They stay the caller's: the
                worker serves on duplicates and never closes them.
            worker_id: of this worker among its siblings.
            shutdown_event: shared with others; the worker shuts down when it is set, and
                `shutdown` sets it.
            max_connections: this worker's share; 0: what `config` says.
            ssl_context: for TLS; None for plain text.
            lifecycle_collector: is told of connections and requests; None for nobody.
            access_log: gets a line per response; None for none.
            ready: called once, by the loop thread, when the worker accepts connections.
        """
        self._config = config
        self._app = app
        self._sockets = [sock] if isinstance(sock, socket.socket) else list(sock)
        self._worker_id = worker_id
        self._shutdown_event = shutdown_event
        self._max_connections = max_connections or config.max_connections
        self._ssl_context = ssl_context
        self._collector = lifecycle_collector
        self._access_log = access_log
        self._ready = ready
        self._state: dict[str, object] = {}
        self._lock = threading.Lock()  # Guards what follows, which other threads set.
        self._drain_wanted = False
        self._stop_wanted = False
        self._abort_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: Serving | None = None
        self._stopping: asyncio.Event | None = None
        self.unfinished_count = 0

    # Any thread

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """Offer the lifespan's state to every request, each of which gets a copy of the dict."""
        self._state = state
        serving = self._serving
        if serving is not None:
            serving.state = state

    def is_idle(self) -> bool:
        """Return whether no connection is open and no call of the application is under way."""
        serving = self._serving
        return serving is None or serving.is_idle()

    def start_draining(self) -> None:
        """Finish what is accepted, and refuse new connections with 503. Returns at once.

        The worker goes on to run, and to refuse, until `shutdown`.
        """
        with self._lock:
            self._drain_wanted = True
        self._call_in_loop(functools.partial(self._begin_drain, "reload"))

    def shutdown(self) -> None:
        """Drain, then let `run` return: when the last connection is gone, or at the deadline.

        Returns at once; idempotent. Before `run` it makes `run` return at once.
        """
        with self._lock:
            self._stop_wanted = True
        if self._shutdown_event is not None:
            self._shutdown_event.set()
        self._call_in_loop(self._begin_stop)

    def abort(self) -> None:
        """Cut every connection off and let `run` return. What was under way is lost."""
        with self._lock:
            self._stop_wanted = self._abort_wanted = True
        self._call_in_loop(self._abort)

    def run(self) -> None:
        """Serve until `shutdown`, on an event loop of its own. Blocks."""
        run_in_own_loop(
            self.serve(),
            loop=self._config.loop,
            executor_threads=self._config.executor_threads_per_worker,
            executor_name=f"serverkit-{self._worker_id}-exec",
            shutdown_timeout_s=self._config.shutdown_timeout,
        )

    # The loop thread

    async def serve(self) -> None:
        """Serve until `shutdown`, on the running event loop."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        serving = self._begin(loop, stopping)
        acceptors = [
            Acceptor(
                loop,
                sock,
                self._connection,
                backlog=self._config.backlog,
                ssl_context=self._ssl_context,
            )
            for sock in self._sockets
        ]
        try:
            await self._call_startup_hook()
            for acceptor in acceptors:
                acceptor.start()
            self._watch_shutdown_event()
            if self._ready is not None:
                self._ready()
            await stopping.wait()
            await self._drain(serving)
        finally:
            for acceptor in acceptors:
                await acceptor.close()
            await serving.ended(within_s=LINGER_S)
            self._cut_off_rest(serving)
            await self._end(serving)

    def _begin(self, loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> Serving:
        """Make what the connections share, and catch up with what other threads have asked for."""
        serving = Serving(
            self._app,
            self._config,
            loop,
            state=self._state,
            max_connections=self._max_connections,
            observation=observe(self._collector, self._access_log, worker_id=self._worker_id),
            scheme="http" if self._ssl_context is None else "https",
        )
        with self._lock:
            if self._serving is not None:
                raise RuntimeError("a worker serves once: make another one")
            self._loop, self._serving, self._stopping = loop, serving, stopping
            serving.draining = self._drain_wanted
            if self._stop_wanted or (self._shutdown_event and self._shutdown_event.is_set()):
                stopping.set()
        return serving

    def _connection(self) -> HTTP1Connection:
        serving = self._serving
        if serving is None:
            raise AssertionError("accepts only while serving")
        return HTTP1Connection(serving)

    async def _call_startup_hook(self) -> None:
        """Tell the application that this worker starts."""
        scope = {"type": hooks.STARTUP, "worker_id": self._worker_id}
        exc = await hooks.call_hook(self._app, scope, timeout_s=self._config.startup_timeout)
        if exc is not None:
            logger.warning("The application failed on %s", hooks.STARTUP, exc_info=exc)

    def _begin_drain(self, reason: Literal["reload", "shutdown"]) -> None:
        """Refuse what is new, and let every connection come to its end."""
        serving = self._serving
        if serving is None or serving.draining:
            return
        serving.start_draining()
        scope = {
            "type": hooks.DRAINING,
            "worker_id": self._worker_id,
            "reason": reason,
            "timeout": self._config.shutdown_timeout,
        }
        hook = hooks.call_hook(self._app, scope, timeout_s=DRAINING_HOOK_S)
        serving.add_task(serving.loop.create_task(hook))

    def _begin_stop(self) -> None:
        self._begin_drain("shutdown")
        if self._stopping is not None:
            self._stopping.set()

    def _abort(self) -> None:
        """Cut off everything now."""
        if self._serving is not None:
            self._serving.draining = True
            self._cut_off_rest(self._serving)
        if self._stopping is not None:
            self._stopping.set()

    async def _drain(self, serving: Serving) -> None:
        """Wait for the last connection and the last call of the application, up to the deadline."""
        if self._abort_wanted:
            return
        self._begin_drain("shutdown")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.shutdown_timeout):
                await serving.idle()

    def _cut_off_rest(self, serving: Serving) -> None:
        """End what has not ended by itself, and say so."""
        unfinished = len(serving.tasks)
        if unfinished:
            self.unfinished_count = max(self.unfinished_count, unfinished)
            logger.warning("Cut off with requests under way: %d", unfinished)
        serving.abort()

    async def _end(self, serving: Serving) -> None:
        """Let what was cancelled clean up, tell the application, and forget the loop."""
        if serving.tasks:
            await asyncio.wait(serving.tasks, timeout=CANCELLED_S)
        await asyncio.sleep(0)  # The transports report that they are closed.
        scope = {"type": hooks.SHUTDOWN, "worker_id": self._worker_id}
        exc = await hooks.call_hook(self._app, scope, timeout_s=SHUTDOWN_HOOK_S)
        if exc is not None:
            logger.warning("The application failed on %s", hooks.SHUTDOWN, exc_info=exc)
        serving.end()
        with self._lock:
            self._loop = None

    def _watch_shutdown_event(self) -> None:
        """Carry the shared event into the loop, by a thread that does nothing but wait for it."""
        event = self._shutdown_event
        if event is None:
            return

        def carry() -> None:
            event.wait()
            self._call_in_loop(self._begin_stop)

        name = f"serverkit-{self._worker_id}-shutdown"
        threading.Thread(target=carry, name=name, daemon=True).start()

    def _call_in_loop(self, callback: Callable[[], None]) -> None:
        """Let the loop thread call something soon; do nothing when it does not serve."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop has just been closed.
                loop.call_soon_threadsafe(callback)
