"""The async worker: one event loop that serves one application on the sockets it is given."""

import asyncio
import functools
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Final

from serverkit_worker import hooks
from serverkit_worker.access_log import AccessLog
from serverkit_worker.alive import Heartbeat
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.cpu_affinity import pin_to_cpu
from serverkit_worker.deadlines import LINGER_S, DrainReason
from serverkit_worker.drain import Drain
from serverkit_worker.errors import WorkerStartupError
from serverkit_worker.handed import ConnectionSource
from serverkit_worker.intake import Intake, Redirects
from serverkit_worker.loop_gate import LoopGate
from serverkit_worker.observation import observe
from serverkit_worker.own_loop import run_in_own_loop
from serverkit_worker.recycling import RequestLimit
from serverkit_worker.redirecting import HTTPSRedirect
from serverkit_worker.serving import Serving
from serverkit_worker.tls import TLSContexts, contexts_of

logger = logging.getLogger("serverkit.error")

DRAINING_HOOK_S: Final = 1.0
SHUTDOWN_HOOK_S: Final = 10.0
# How long cancelled applications may take to clean up.
CANCELLED_S: Final = 1.0


def _do_nothing() -> None:
    """Stand in where nobody watches."""


def _ignore_reason(reason: str) -> None:
    """Stand in where nobody replaces the worker."""


class Worker:
    """Serves an application on one event loop.

    Attributes:
        unfinished_count: requests that the application had to be cancelled for at the end.

    Owner: whoever made it. `run` or `serve` is called once, by the thread whose loop serves; every
    other method may be called from any thread, before, during and after that.
    """

    def __init__(
        self,
        config: WorkerConfig,
        app: ASGIApp,
        sock: socket.socket | Sequence[socket.socket],
        *,
        connections: ConnectionSource | None = None,
        worker_id: int = 0,
        generation: int = 0,
        shutdown_event: threading.Event | None = None,
        max_connections: int = 0,
        ssl_context: ssl.SSLContext | TLSContexts | None = None,
        redirect_listeners: frozenset[int] = frozenset(),
        redirect_port: int = 443,
        lifecycle_collector: LifecycleCollector | None = None,
        access_log: AccessLog | None = None,
        cpu: int | None = None,
        ready: Callable[[], None] | None = None,
        alive: Callable[[], None] = _do_nothing,
        alive_interval: float | None = None,
        recycle: Callable[[str], None] = _ignore_reason,
    ) -> None:
        """Prepare a worker; nothing runs yet.

        Args:
            config: its settings.
            app: an ASGI 3 application.
            sock: any number of bound, listening or not, stream sockets. They stay the caller's:
                the worker serves on duplicates and never closes them.
            connections: hands over connections that somebody else has accepted. It is for them
                to keep to a limit then: neither `max_connections` nor that of `config` counts.
            worker_id: of this worker among its siblings.
            generation: how many reloads there have been before it was made.
            shutdown_event: shared with others; the worker shuts down when it is set, and
                `shutdown` sets it.
            max_connections: this worker's share; 0: what `config` says.
            ssl_context: for TLS, or what gives each connection its context; None for plain text.
            redirect_listeners: which of `sock`, or of the listeners that `connections` come from,
                counted from 0, speak plain text and redirect every request to https.
            redirect_port: where they redirect to.
            lifecycle_collector: is told of connections and requests; None for nobody.
            access_log: gets a line per response; None for none.
            cpu: number of the processor that `run` ties its thread to; None: any.
            ready: called once, by the loop thread, when the worker accepts connections.
            alive: called by the loop thread as soon as the worker is ready and then every
                `alive_interval` seconds: it is not hung.
            alive_interval: None: nobody watches.
            recycle: called once, by the loop thread, when the worker has served
                `config.max_requests`, with the reason. It goes on to serve until it is drained.
        """
        self._config = config
        self._app = app
        self._sockets = [sock] if isinstance(sock, socket.socket) else list(sock)
        self._source = connections
        self._worker_id = worker_id
        self._generation = generation
        self._shutdown_event = shutdown_event
        self._max_connections = max_connections or config.max_connections
        self._tls = contexts_of(ssl_context)
        self._redirects = None
        if redirect_listeners:
            self._redirects = Redirects(redirect_listeners, HTTPSRedirect(redirect_port))
        self._collector = lifecycle_collector
        self._access_log = access_log
        self._cpu = cpu
        self._ready = ready
        self._alive = alive
        self._alive_interval_s = alive_interval
        self._recycle = recycle
        self._state: dict[str, object] = {}
        self._gate = LoopGate()  # What other threads ask for comes through it while `serve` runs.
        self._lock = threading.Lock()  # Guards what follows, which other threads set.
        self._wanted: DrainReason | None = None
        self._serving: Serving | None = None
        self._drain: Drain | None = None
        self._draining_hook: asyncio.Task[BaseException | None] | None = None
        self._intake: Intake | None = None
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
        """Finish what is accepted, for somebody else has taken over, and let `run` return.

        It does so when the last connection is gone, or after `reload_timeout`. Until then who
        connects to the worker's own sockets is refused with 503. Returns at once; idempotent.
        Before `run` it makes `run` return at once.
        """
        self._end_for("reload")

    def hand_over(self) -> None:
        """As `start_draining`, where others listen on the worker's own sockets as well.

        Nobody is refused: who connects from now on, or has not been accepted yet, is theirs.
        """
        self._gate.call(self._leave_sockets)
        self._end_for("reload")

    def shutdown(self) -> None:
        """As `start_draining`, but with less patience and after `shutdown_timeout`.

        It may also overtake a `start_draining`; the nearer deadline counts then.
        """
        if self._shutdown_event is not None:
            self._shutdown_event.set()
        self._end_for("shutdown")

    def abort(self) -> None:
        """Cut every connection off and let `run` return. What was under way is lost."""
        with self._lock:
            self._wanted = "shutdown"
        self._gate.call(self._abort)

    def run(self) -> None:
        """Serve until `start_draining` or `shutdown`, on an event loop of its own. Blocks.

        Raises:
            WorkerStartupError: the application failed on `serverkit.worker.startup`, and
                `worker_startup_failure` is "shutdown".
            OSError: a socket cannot listen.
        """
        if self._cpu is not None:
            pin_to_cpu(self._cpu)
        run_in_own_loop(
            self.serve(),
            loop=self._config.loop,
            executor_threads=self._config.executor_threads_per_worker,
            executor_name=f"serverkit-{self._worker_id}-exec",
            shutdown_timeout_s=self._config.shutdown_timeout,
        )

    # The loop thread

    async def serve(self) -> None:
        """As `run`, on the running event loop, whose thread is left on all processors."""
        with self._lock:
            if self._serving is not None:
                raise RuntimeError("a worker serves once: make another one")
            self._serving = serving = self._make_serving(asyncio.get_running_loop())
        try:
            with self._gate.open(serving.loop):
                await self._live(serving)
        finally:
            serving.end()

    async def _live(self, serving: Serving) -> None:
        """Start, serve until asked to end, drain and end."""
        intake = Intake(
            serving,
            self._sockets,
            self._source,
            redirects=self._redirects,
        )
        self._intake, self._drain = intake, (drain := Drain(serving, intake, self._config))
        if self._wanted is not None or (self._shutdown_event and self._shutdown_event.is_set()):
            drain.wanted.set()
        is_started = False
        with Heartbeat(serving.loop, self._alive, self._alive_interval_s) as heartbeat:
            try:
                is_started = await self._has_started(drain)
                if is_started:
                    intake.start()
                    self._watch_shutdown_event()
                    if self._ready is not None:
                        self._ready()
                    heartbeat.start()
                    await drain.wanted.wait()
                    self._begin_drain(self._wanted or "shutdown")  # Unless that is done.
                    await drain.finished()
            finally:
                intake.close()
                await serving.ended(within_s=LINGER_S)
                self._cut_off_rest(serving)
                await self._end(serving, is_started=is_started)

    def _make_serving(self, loop: asyncio.AbstractEventLoop) -> Serving:
        """Make what the connections share."""
        config = self._config
        limit = None
        if config.max_requests:
            limit = RequestLimit(config.max_requests, config.recycle_jitter, self._recycle)
        return Serving(
            self._app,
            config,
            loop,
            state=self._state,
            max_connections=0 if self._source is not None else self._max_connections,
            observation=observe(self._collector, self._access_log, worker_id=self._worker_id),
            tls=self._tls,
            request_limit=limit,
        )

    async def _has_started(self, drain: Drain) -> bool:
        """Tell the application that this worker starts; return whether it is to serve."""
        if drain.wanted.is_set():
            return False
        hook = asyncio.ensure_future(
            hooks.call_hook(
                self._app, self._scope(hooks.STARTUP), timeout_s=self._config.startup_timeout
            )
        )
        wanted = asyncio.ensure_future(drain.wanted.wait())
        try:
            await asyncio.wait({hook, wanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            if not hook.done():  # It is to end before it has begun.
                hook.cancel()
                await asyncio.wait({hook}, timeout=CANCELLED_S)
        if hook.cancelled() or not hook.done():
            return False
        exc = hook.result()
        if exc is not None and self._config.worker_startup_failure == "shutdown":
            raise WorkerStartupError(f"The application failed on {hooks.STARTUP}: {exc!r}") from exc
        if exc is not None:
            logger.warning("The application failed on %s", hooks.STARTUP, exc_info=exc)
        return True

    def _scope(self, kind: str) -> dict[str, object]:
        return {"type": kind, "worker_id": self._worker_id, "generation": self._generation}

    def _begin_drain(self, reason: DrainReason) -> None:
        """Let every connection come to its end, and tell the application, once."""
        serving, drain = self._serving, self._drain
        if serving is None or drain is None:
            return
        is_first = drain.reason is None
        timeout_s = drain.begin(reason)
        if is_first and timeout_s is not None:
            scope = {**self._scope(hooks.DRAINING), "reason": reason, "timeout": timeout_s}
            hook = hooks.call_hook(self._app, scope, timeout_s=DRAINING_HOOK_S)
            self._draining_hook = asyncio.Task(hook, loop=serving.loop, eager_start=True)
            if not self._draining_hook.done():
                serving.add_task(self._draining_hook)

    def _leave_sockets(self) -> None:
        if self._intake is not None:
            self._intake.leave_sockets()

    def _abort(self) -> None:
        """Cut off everything now."""
        if self._serving is not None and self._drain is not None:
            self._drain.abort()
            self._cut_off_rest(self._serving)

    def _cut_off_rest(self, serving: Serving) -> None:
        """End what has not ended by itself, and say so."""
        unfinished = len(serving.tasks - {self._draining_hook})
        if unfinished:
            self.unfinished_count = max(self.unfinished_count, unfinished)
            logger.warning("Cut off with requests under way: %d", unfinished)
        serving.abort()

    async def _end(self, serving: Serving, *, is_started: bool) -> None:
        """Let what was cancelled clean up, and tell the application."""
        if serving.tasks:
            await asyncio.wait(serving.tasks, timeout=CANCELLED_S)
        await asyncio.sleep(0)  # The transports report that they are closed.
        if is_started:
            scope = self._scope(hooks.SHUTDOWN)
            exc = await hooks.call_hook(self._app, scope, timeout_s=SHUTDOWN_HOOK_S)
            if exc is not None:
                logger.warning("The application failed on %s", hooks.SHUTDOWN, exc_info=exc)

    def _watch_shutdown_event(self) -> None:
        """Carry the shared event into the loop, by a thread that does nothing but wait for it."""
        event = self._shutdown_event
        if event is None:
            return

        def carry() -> None:
            event.wait()
            self._end_for("shutdown")

        name = f"serverkit-{self._worker_id}-shutdown"
        threading.Thread(target=carry, name=name, daemon=True).start()

    def _end_for(self, reason: DrainReason) -> None:
        """Have the worker end. Any thread."""
        with self._lock:
            if self._wanted != "shutdown":
                self._wanted = reason
        self._gate.call(functools.partial(self._begin_drain, reason))
