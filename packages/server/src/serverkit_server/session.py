"""Serves one application with one worker, from the start of both to their end, on the running loop.

In order: the application starts, the worker accepts and serves, it drains, the application stops.
What goes wrong on the way does not keep the rest from being ended.
"""

import asyncio
import dataclasses
import logging
import threading
from collections.abc import Callable
from typing import Final, Literal

from serverkit_server.app_import import app_traceback
from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError, ShutdownError, StartupError
from serverkit_server.factory import OpenAccessLog, make_worker, open_access_log
from serverkit_server.lifespan import Lifespan
from serverkit_server.log_files import reopen_log_files
from serverkit_server.served_tls import ServedTLS
from serverkit_supervisor import WorkerContext
from serverkit_worker import hooks
from serverkit_worker.access_log import AccessLog
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.errors import WorkerStartupError
from serverkit_worker.loop_gate import LoopGate
from serverkit_worker.worker import Worker

_LOG = logging.getLogger("serverkit.server")
# What a worker may need beyond its own deadlines: it bounds itself, this is for one that hangs.
_OVERTIME_S: Final = 20.0

type End = Literal["drain", "shutdown", "abort"]
"""What a session can be asked for, each worse for the requests in flight than the one before."""
_SEVERITY: Final[tuple[End, ...]] = ("drain", "shutdown", "abort")


class Session:
    """One application, served once by one worker.

    Args:
        config: of the server.
        context: the place of the worker: its number, what it accepts from, whom to tell.
        lifecycle_collector: is told of connections and requests.

    Attributes:
        state: what the start of the application has left behind, where somebody else starts and
            stops it; None: the session does. To be set before `run`.

    Threads: `run` by that of the loop it runs on, once; everything else by any, at any time.
    """

    def __init__(
        self,
        config: ServerConfig,
        context: WorkerContext,
        *,
        lifecycle_collector: LifecycleCollector | None,
    ) -> None:
        self.state: dict[str, object] | None = None
        self._config = config
        self._context = context
        self._collector = lifecycle_collector
        self._is_ready = False
        self._access_log: OpenAccessLog | None = None
        self._gate = LoopGate()
        self._lock = threading.Lock()  # guards what follows
        self._wanted: End | None = None
        self._worker: Worker | None = None
        self._is_asked: asyncio.Event | None = None

    def start_draining(self) -> None:
        """Finish what is accepted, for at most `reload_timeout`, then end. Returns at once."""
        self._ask("drain")

    def shutdown(self) -> None:
        """Finish what is accepted, for at most `shutdown_timeout`, then end. Returns at once.

        Before the start, or while the application starts, nothing is served at all.
        """
        self._ask("shutdown")

    def hand_over(self) -> None:
        """Do the same, and leave whoever is not accepted yet to others on the same sockets."""
        self._note("drain")  # first, for the worker may have ended before it has told us
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.hand_over()

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have something called by the loop; before and after `run` nothing is called."""
        self._gate.call(function)

    def abort(self) -> None:
        """Cut everything off and end. Returns at once."""
        self._ask("abort")

    def is_idle(self) -> bool:
        """Whether no connection is open and no call of the application is under way."""
        worker = self._worker
        return worker is None or worker.is_idle()

    def reopen_logs(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        log = self._access_log
        if log is not None:
            log.reopen()
        reopen_log_files()

    async def run(self, app: ASGIApp, tls: ServedTLS | None = None) -> None:
        """Serve until asked to end; return when everything has come to its end.

        Args:
            app: what is served.
            tls: the certificates; None: it is served without TLS.

        Raises:
            StartupError: the application or the worker did not start.
            ShutdownError: not everything came to its end.
        """
        with (
            self._gate.open(asyncio.get_running_loop()),
            open_access_log(self._config, worker_id=self._shown_id()) as opened,
        ):
            with self._lock:
                self._is_asked = asyncio.Event()
                if self._wanted:
                    self._is_asked.set()
            self._access_log = opened
            await self._live(app, opened.log, self._is_asked, tls)

    async def _live(
        self,
        app: ASGIApp,
        access_log: AccessLog | None,
        is_asked: asyncio.Event,
        tls: ServedTLS | None,
    ) -> None:
        lifespan = Lifespan.of(self._config, app) if self.state is None else None
        if lifespan and not await lifespan.startup_unless(is_asked):
            return
        worker = make_worker(
            self._config,
            app,
            dataclasses.replace(self._context, ready=self._note_ready),
            access_log=access_log,
            lifecycle_collector=self._collector,
            tls=tls,
        )
        worker.set_lifespan_state(lifespan.state if lifespan else self.state or {})
        try:
            await self._serve(worker, is_asked)
        except (ServerError, asyncio.CancelledError):
            if lifespan:
                await _shut_down_after_failure(lifespan)
            raise
        if lifespan:
            await lifespan.shutdown()

    async def _serve(self, worker: Worker, is_asked: asyncio.Event) -> None:
        with self._lock:
            self._worker = worker
            wanted = self._wanted
        if wanted:
            _pass_on(wanted, worker)
        serving = asyncio.create_task(worker.serve(), name="serverkit-worker")
        asking = asyncio.create_task(is_asked.wait())
        try:
            await asyncio.wait({serving, asking}, return_when=asyncio.FIRST_COMPLETED)
            if is_asked.is_set():
                if self._context.connections is None:  # otherwise the supervisor tells
                    _LOG.info("Stopping: requests in flight may finish.")
                await asyncio.wait({serving}, timeout=self._patience_s())
        finally:
            asking.cancel()
            if not serving.done():  # cancelled from outside, or it hangs
                worker.abort()
                await asyncio.wait({serving}, timeout=_OVERTIME_S)
        self._judge_end(worker, serving)

    def _note_ready(self) -> None:
        self._is_ready = True
        self._context.ready()

    def _shown_id(self) -> int | None:
        """Name the worker in the log where there may be others."""
        return None if self._context.connections is None else self._context.worker_id

    def _ask(self, end: End) -> None:
        if not self._note(end):
            return
        with self._lock:
            worker = self._worker
        if worker is not None:
            _pass_on(end, worker)

    def _note(self, end: End) -> bool:
        """Take note of what is wanted, and wake `run`; False: that much was wanted already."""
        with self._lock:
            if self._wanted and _SEVERITY.index(self._wanted) >= _SEVERITY.index(end):
                return False
            self._wanted = end
            is_asked = self._is_asked
        if is_asked is not None:
            self._gate.call(is_asked.set)
        return True

    def _patience_s(self) -> float:
        config = self._config
        is_drain = self._wanted == "drain"  # which may become a shutdown at any time
        return config.shutdown_timeout + _OVERTIME_S + (config.reload_timeout if is_drain else 0)

    def _judge_end(self, worker: Worker, serving: asyncio.Task[None]) -> None:
        """Tell a clean end from another.

        Raises:
            StartupError: the worker failed before it accepted anything.
            ShutdownError: the worker failed, hangs, or had to cut requests off.
        """
        if not serving.done():
            raise ShutdownError("The worker does not end; its requests are lost.")
        error = None if serving.cancelled() else serving.exception()
        if isinstance(error, WorkerStartupError):
            cause = error.__cause__
            details = app_traceback(cause, hooks.__file__) if cause else ""
            raise StartupError(f"{error}.", setting="worker_startup_failure", details=details)
        if error is not None:
            kind = ShutdownError if self._is_ready else StartupError
            raise kind(f"The worker failed: {error!r}.") from error
        if self._wanted is None:
            raise ShutdownError("The worker ended without having been asked to.")
        count = worker.unfinished_count
        if count and self._wanted != "drain":  # a replaced worker has told the log, that is all
            what = "1 request did not finish" if count == 1 else f"{count} requests did not finish"
            raise ShutdownError(
                f"{what} within {self._config.shutdown_timeout:g} s and had to be cut off.",
                setting="shutdown_timeout",
            )


def _pass_on(end: End, worker: Worker) -> None:
    match end:
        case "drain":
            worker.start_draining()
        case "shutdown":
            worker.shutdown()
        case "abort":
            worker.abort()


async def _shut_down_after_failure(lifespan: Lifespan) -> None:
    """Let the application stop, though there is a worse failure to tell of."""
    try:
        await lifespan.shutdown()
    except ShutdownError as error:
        _LOG.error("%s", error)
