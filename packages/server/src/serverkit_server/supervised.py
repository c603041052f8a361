"""Serves with workers in threads or processes, kept alive by a supervisor.

The supervisor runs in a thread of its own; the main loop goes on meanwhile: in thread mode the
application lives there between its start and its stop. In order::

    the application starts (threads) ── workers start, each with its own start of the application
    (processes) ── all are ready ── ... ── nothing is accepted any more, the listeners are closed
    ── workers finish ── the application stops (threads)
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError
from serverkit_server.listeners import Listeners
from serverkit_server.process_worker import ProcessWorkerFactory
from serverkit_server.served_tls import RecentFiles, Redirect, ServedTLS
from serverkit_server.supervisor_failures import all_of, as_server_error, loss_of
from serverkit_server.thread_generation import ThreadGenerations
from serverkit_server.worker_plan import WorkerPlan
from serverkit_supervisor import Generation, Supervisor, SupervisorError, SupervisorEvent
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.loop_gate import LoopGate

_LOG = logging.getLogger("serverkit.server")
# What the supervisor may need to end at once: it bounds itself, this is for when it hangs.
_ABORT_S: Final = 20.0


class Supervised:
    """Several workers, or one that can be replaced.

    Args:
        config: of the server.
        plan: how many workers there are, and where.
        app: what is served: imported for threads, by its name for processes where it has one.
        name: what the application is imported by; None: it was given as an object.
        listeners: open sockets; closed as soon as nothing is accepted any more.
        lifecycle_collector: is told of connections and requests.
        on_ready: called once, by the loop, when requests are answered.
        on_event: is told what happens to the workers, by the supervisor's thread.
        tls: the certificates; processes load them for themselves, and are given these for when
            they cannot.

    Threads: `run` by that of the loop; everything else by any, at any time.
    """

    def __init__(
        self,
        config: ServerConfig,
        plan: WorkerPlan,
        app: ASGIApp | str,
        name: str | None,
        listeners: Listeners,
        *,
        lifecycle_collector: LifecycleCollector | None,
        on_ready: Callable[[], None],
        on_event: Callable[[SupervisorEvent], None],
        tls: ServedTLS | None = None,
    ) -> None:
        self._tls = tls
        self._on_event = on_event
        self._config = config
        self._plan = plan
        self._app = app
        self._name = name
        self._listeners = listeners
        self._collector = lifecycle_collector
        self._on_ready = on_ready
        self._is_stop_wanted = False
        self._has_served = False
        self._supervisor: Supervisor | None = None
        self._generations: ThreadGenerations | None = None
        self._gate = LoopGate()
        self._stop: asyncio.Event | None = None
        self._failures: dict[str, ServerError] = {}

    async def run(self) -> None:
        """Serve until `shutdown`; return when everything has come to its end.

        Raises:
            StartupError: the application or a worker did not start.
            WorkerRestartLimitError: a worker crashed again and again.
            ShutdownError: not everything came to its end.
        """
        with self._gate.open(asyncio.get_running_loop()):
            self._stop = asyncio.Event()
            if not self._is_stop_wanted:
                await self._live(self._stop)

    async def _live(self, stop: asyncio.Event) -> None:
        first = await self._first_generation(stop)
        if first is None:
            return
        try:
            self._supervisor = self._make_supervisor(first)
            await self._supervise(self._supervisor)
        except BaseException:
            await self._end_application(after_failure=True)
            raise
        await self._end_application(after_failure=False)

    def shutdown(self) -> None:
        """Let requests in flight finish, then end. Returns at once; may be repeated."""
        self._is_stop_wanted = True
        if self._generations is not None:
            self._generations.expect_end()
        supervisor, stop = self._supervisor, self._stop
        if supervisor is not None:
            supervisor.shutdown()
        elif stop is not None:
            self._gate.call(stop.set)

    def hand_over(self) -> None:
        """Finish what is accepted, leave the sockets to another process, then end."""
        self._command(lambda supervisor: supervisor.hand_over(), "hand over")

    def ask_alive(self, answer: Callable[[], None]) -> None:
        """Have something called by the supervisor's thread."""
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.ask_alive(answer)

    def graceful_reload(self) -> None:
        """Have new workers with new code ready, then let the old ones finish. Returns at once.

        Where the new ones do not come up, the old ones go on.
        """
        self._command(lambda supervisor: supervisor.graceful_reload(), "reload")

    def add_worker(self) -> None:
        """Have one worker more. Returns at once."""
        self._command(lambda supervisor: supervisor.add_worker(), "add a worker")

    def remove_worker(self) -> None:
        """Have one worker less, at least one. Returns at once."""
        self._command(lambda supervisor: supervisor.remove_worker(), "remove a worker")

    def reopen_logs(self) -> None:
        """Let all workers go on in new files, after the old ones were moved away."""
        self._command(lambda supervisor: supervisor.reopen_logs(), "reopen the logs")

    def kill_all(self) -> None:
        """End the processes of all workers, whatever they do. Safe in signal handlers."""
        if self._supervisor is not None:
            self._supervisor.kill_all()

    @property
    def worker_pids(self) -> Sequence[int]:
        """The processes of the workers; empty where they are threads, or do not run."""
        return self._supervisor.worker_pids if self._supervisor is not None else ()

    # The loop

    async def _first_generation(self, stop: asyncio.Event) -> Generation | None:
        """Make what the first workers are made of; None: it is to stop before that."""
        if self._plan.place == "process":
            factory = ProcessWorkerFactory(
                config=self._config,
                app=self._name or self._app,
                lifecycle_collector=self._collector,
                redirect=Redirect.of(self._config, self._listeners),
                recent=RecentFiles(self._tls.certificates if self._tls else None),
            )
            factory.check_travels()
            return Generation(factory=factory)
        if isinstance(self._app, str):
            raise AssertionError("the application is imported before it is given to threads")  # noqa: TRY004
        self._generations = ThreadGenerations(
            self._config,
            self._app,
            self._name,
            lifecycle_collector=self._collector,
            gate=self._gate,
            tls=self._tls,
        )
        return await self._generations.start(stop)

    def _make_supervisor(self, first: Generation) -> Supervisor:
        return Supervisor(
            first,
            self._config.supervisor_config(self._plan.count),
            mode="process" if self._plan.place == "process" else "thread",
            renew=self._generations.renew if self._generations is not None else None,
            on_ready=self._pass_ready_on,
            on_event=self._hear,
        )

    async def _supervise(self, supervisor: Supervisor) -> None:
        """Run the supervisor in a thread until its end.

        Raises:
            ServerError: how it ended, where that was not well.
        """
        ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=self._run_supervisor,
            args=(supervisor, ended),
            name="serverkit-supervisor",
            daemon=True,
        ).start()
        if self._is_stop_wanted:  # since before there was a supervisor to tell
            supervisor.shutdown()
        try:
            error = await asyncio.shield(ended)
        except asyncio.CancelledError:
            await self._abort(supervisor, ended)
            raise
        if isinstance(error, SupervisorError):
            raise as_server_error(error) from error
        if error is not None:
            raise error
        if self._failures:
            raise all_of(self._failures)

    async def _abort(
        self, supervisor: Supervisor, ended: asyncio.Future[BaseException | None]
    ) -> None:
        """End at once, whatever is under way."""
        if self._generations is not None:  # threads cannot be killed, but their loops can end
            supervisor.shutdown()
            self._generations.abort_workers()
            if (await asyncio.wait({ended}, timeout=_ABORT_S))[0]:
                return
        supervisor.abort()
        await asyncio.wait({ended}, timeout=_ABORT_S)

    async def _end_application(self, *, after_failure: bool) -> None:
        if self._generations is None:
            return
        try:
            await self._generations.end()
        except ServerError as error:
            if not after_failure:
                raise
            _LOG.error("%s", error)

    # The supervisor's thread

    def _run_supervisor(
        self, supervisor: Supervisor, ended: asyncio.Future[BaseException | None]
    ) -> None:
        error: BaseException | None = None
        try:
            supervisor.run(self._listeners.sockets)
        except BaseException as raised:  # noqa: BLE001 - raised again by the loop
            error = raised
        self._gate.call(functools.partial(_settle, ended, error))

    def _pass_ready_on(self) -> None:
        self._gate.call(self._on_ready)

    def _hear(self, event: SupervisorEvent) -> None:
        """Take note of what the supervisor tells, and pass it on."""
        self._on_event(event)
        match event.kind:
            case "reloaded" | "reload_failed" if self._generations is not None:
                self._generations.settle(succeeded=event.kind == "reloaded")
            case "ready":
                self._has_served = True
            case "stopping":
                # The distributor has duplicates, and closes them when nobody waits any more: so
                # nobody comes too late to be accepted, and is reset.
                self._listeners.close()
                if self._has_served:
                    _LOG.info("Stopping: requests in flight may finish.")
                self._is_stop_wanted = True
                if self._generations is not None:
                    self._generations.expect_end()
            case "worker_exited" if self._is_stop_wanted and event.lost:
                self._failures[event.worker] = loss_of(event)

    def _command(self, command: Callable[[Supervisor], None], what: str) -> None:
        supervisor = self._supervisor
        if supervisor is None:
            _LOG.warning("The server starts still, so it cannot do this now: %s.", what)
        else:
            command(supervisor)


def _settle(ended: asyncio.Future[BaseException | None], error: BaseException | None) -> None:
    if not ended.done():
        ended.set_result(error)
