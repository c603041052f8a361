"""Serves with one worker in the server itself, without a supervisor."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from serverkit_server.config import ServerConfig
from serverkit_server.listeners import Listeners
from serverkit_server.served_tls import ServedTLS
from serverkit_server.session import Session
from serverkit_supervisor import SupervisorEvent, WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.loop_gate import LoopGate

_LOG = logging.getLogger("serverkit.server")


class Single:
    """One worker, which accepts for itself, on the running loop.

    Args:
        config: of the server.
        app: what is served.
        listeners: open sockets; they stay the caller's.
        lifecycle_collector: is told of connections and requests.
        on_ready: called once, by the loop, when requests are answered.
        on_event: is told that a reload failed.
        tls: the certificates; None: it is served without TLS.

    Threads: `run` by that of the loop; everything else by any.
    """

    def __init__(
        self,
        config: ServerConfig,
        app: ASGIApp,
        listeners: Listeners,
        *,
        lifecycle_collector: LifecycleCollector | None,
        on_ready: Callable[[], None],
        on_event: Callable[[SupervisorEvent], None],
        tls: ServedTLS | None = None,
    ) -> None:
        self._tls = tls
        self._on_event = on_event
        self._is_stop_wanted = False
        self._gate = LoopGate()
        self._app = app
        context = WorkerContext(worker_id=0, sockets=tuple(listeners.sockets), ready=on_ready)
        self._session = Session(config, context, lifecycle_collector=lifecycle_collector)

    @property
    def worker_pids(self) -> Sequence[int]:
        """None: the worker is in the server's own process."""
        return ()

    async def run(self) -> None:
        """Serve until `shutdown`; return when everything has come to its end.

        Raises:
            StartupError: the application or the worker did not start.
            ShutdownError: not everything came to its end.
        """
        with self._gate.open(asyncio.get_running_loop()):
            if self._is_stop_wanted:
                self._session.shutdown()
            await self._session.run(self._app, self._tls)

    def shutdown(self) -> None:
        """Let requests in flight finish, then end. Returns at once; may be repeated.

        A signal handler may call it: the session, which has a lock, is told by the loop.
        """
        self._is_stop_wanted = True
        self._gate.call(self._session.shutdown)

    def hand_over(self) -> None:
        """Finish what is accepted, leave the sockets to another process, then end."""
        self._session.hand_over()

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have something called by the loop."""
        self._session.call_soon(answer)

    def reopen_logs(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        self._session.reopen_logs()

    def graceful_reload(self) -> None:
        """Load the certificates anew; and say that nobody could replace the worker."""
        self._on_event(SupervisorEvent(kind="reloading"))
        if self._tls is not None and self._tls.certificates.reload():
            _LOG.info("The certificates have been loaded anew.")
        _refuse("A reload")
        self._on_event(SupervisorEvent(kind="reload_failed"))

    def add_worker(self) -> None:
        """Say that there is nobody who could run another worker."""
        _refuse("Another worker")

    def remove_worker(self) -> None:
        """Say that this is the only worker."""
        _refuse("One worker less")

    def kill_all(self) -> None:
        """Do nothing: there is no process but the server."""


def _refuse(what: str) -> None:
    _LOG.warning(
        "%s is not possible: the server has one worker, in itself. Start it with worker_mode "
        "thread or process, or with more workers.",
        what,
    )
