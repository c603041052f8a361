"""What workers in threads share: one application, imported and started once; and the next one.

A reload, in a thread that the supervisor starts for it::

    renew():  import anew ──> start on the main loop ──> the new generation, for the supervisor
                  │ fails, or takes too long: undo()       │ its workers fail: undo()
                  v                                        v
              the old modules are back, the old application goes on

Rules:
    Applications start and stop on the main loop, which runs as long as the server does.
    The application that serves is never touched by an attempt to replace it.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self
from weakref import WeakSet

from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError
from serverkit_server.lifespan import Lifespan
from serverkit_server.reimport_attempt import ReimportAttempt
from serverkit_server.served_tls import ServedTLS
from serverkit_server.supervised_worker import SupervisedWorker
from serverkit_supervisor import Generation, ReloadFailed, WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.loop_gate import LoopGate

_LOG = logging.getLogger("serverkit.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadWorkerFactory:
    """Makes workers that share an application.

    Args:
        config: of the server.
        app: what they serve.
        lifecycle_collector: is told of connections and requests, by all of them.
        keep: is given each worker that is made.
        tls: the certificates, shared as well; None: there is no TLS.
    """

    config: ServerConfig
    app: ASGIApp
    lifecycle_collector: LifecycleCollector | None
    keep: Callable[[SupervisedWorker], None]
    tls: ServedTLS | None = None

    def __call__(self, context: WorkerContext) -> SupervisedWorker:
        """Make a worker."""
        worker = SupervisedWorker(
            self.config,
            context,
            lambda: self.app,
            lifecycle_collector=self.lifecycle_collector,
            has_own_lifespan=self.config.lifespan_scope == "worker",
            load_tls=lambda: self.tls,
        )
        self.keep(worker)
        return worker


class ThreadGenerations:
    """The generations of an application in this process.

    Args:
        config: of the server.
        app: the first one, imported already.
        name: what it is imported by; None: it was given as an object.
        lifecycle_collector: is told of connections and requests.
        gate: to the main loop, on which applications start and stop.
        tls: the certificates; None: there is no TLS.

    Owner: the supervised server. Threads: coroutines by that of the main loop; `renew` and what it
    gives by those of the supervisor, one at a time; the rest by any.
    """

    def __init__(
        self,
        config: ServerConfig,
        app: ASGIApp,
        name: str | None,
        *,
        lifecycle_collector: LifecycleCollector | None,
        gate: LoopGate,
        tls: ServedTLS | None = None,
    ) -> None:
        self._tls = tls
        self._config = config
        self._name = name
        self._collector = lifecycle_collector
        self._gate = gate
        self._lock = threading.Lock()  # guards the attempt and the workers
        self._workers: WeakSet[SupervisedWorker] = WeakSet()
        self._attempt: ReimportAttempt | None = None
        self._lives = [_Life.of(config, app)]
        self._is_ending = False
        self._errors: list[ServerError] = []

    async def start(self, stop: asyncio.Event) -> Generation | None:
        """Start the first application; None: it is to stop before it has started.

        Raises:
            LifespanError: it does not start.
        """
        life = self._lives[0]
        if stop.is_set() or (life.lifespan and not await life.lifespan.startup_unless(stop)):
            return None
        return self._generation(life)

    def renew(self) -> Generation:
        """Import and start the application anew. Blocks, at worst as long as its code does.

        Raises:
            ReloadFailed: it has no name to be imported by, or this attempt was given up meanwhile.
            AppImportError: it cannot be imported.
            LifespanError: it does not start.

        Threads: not that of the main loop.
        """
        if self._name is None:
            raise ReloadFailed(
                "The application was given as an object, so it cannot be imported anew.",
                "Give its name as well, as app_path, or instead of the object.",
            )
        attempt = ReimportAttempt(self._config, self._name)
        with self._lock:
            if self._attempt is not None and self._attempt.is_importing:
                raise self._attempt.refusal()
            self._attempt = attempt
        try:
            life = _Life.of(self._config, attempt.import_anew())
            if self._tls is not None:
                self._tls.certificates.reload()
            if life.lifespan:
                attempt.wait_for(self._submit(life.lifespan.startup()))
        except BaseException:
            attempt.undo()
            raise
        self._lives.append(life)
        return self._generation(life)

    def settle(self, *, succeeded: bool) -> None:
        """Take note of how the reload went that the last `renew` was for.

        Args:
            succeeded: the new generation serves. Otherwise everything becomes as it was, also where
                `renew` has not come back yet.
        """
        with self._lock:
            attempt = self._attempt
            if attempt is not None and not attempt.is_importing:
                self._attempt = None
        if attempt is not None and not succeeded:
            attempt.undo()

    def expect_end(self) -> None:
        """Take note that the server ends: failures to stop are kept for `end`."""
        self._is_ending = True

    def abort_workers(self) -> None:
        """Let all workers cut off what they do, and end."""
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.abort()

    async def end(self) -> None:
        """Stop every application that has not stopped.

        Raises:
            ShutdownError: one failed to, now or since `expect_end`.
        """
        self._is_ending = True
        for life in list(self._lives):
            await self._stop(life)
        if self._errors:
            raise self._errors[0]

    def _generation(self, life: "_Life") -> Generation:
        return Generation(
            factory=ThreadWorkerFactory(
                config=self._config,
                app=life.app,
                lifecycle_collector=self._collector,
                keep=self._keep,
                tls=self._tls,
            ),
            state=life.lifespan.state if life.lifespan else None,
            retire=functools.partial(self._retire, life),
        )

    def _keep(self, worker: SupervisedWorker) -> None:
        with self._lock:
            self._workers.add(worker)

    def _retire(self, life: "_Life") -> None:
        """Stop the application of a generation that has no workers any more."""
        stopping = self._gate.submit(self._stop(life))
        if stopping is not None:  # otherwise the server has ended, and so has every application
            stopping.result()

    def _submit(self, work: Coroutine[None, None, None]) -> Future[None]:
        submitted = self._gate.submit(work)
        if submitted is None:
            raise ReloadFailed("The server ends, so nothing is reloaded.", "Start it anew.")
        return submitted

    async def _stop(self, life: "_Life") -> None:
        if life.stopping is None:
            life.stopping = asyncio.create_task(self._shut_down(life))
        await asyncio.shield(life.stopping)
        if life in self._lives:
            self._lives.remove(life)

    async def _shut_down(self, life: "_Life") -> None:
        try:
            if life.lifespan:
                await life.lifespan.shutdown()
        except ServerError as error:
            if self._is_ending:
                self._errors.append(error)
            else:
                details = f"\n{error.details}" if error.details else ""
                _LOG.error("An application that was replaced: %s%s", error, details)


@dataclass(slots=True, eq=False, kw_only=True)
class _Life:
    """One application in this process.

    Args:
        app: the application.
        lifespan: starts and stops it; None: each worker does, for itself.
        stopping: its end, once that has begun.
    """

    app: ASGIApp
    lifespan: Lifespan | None
    stopping: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, config: ServerConfig, app: ASGIApp) -> Self:
        is_shared = config.lifespan_scope == "process"
        return cls(app=app, lifespan=Lifespan.of(config, app) if is_shared else None)
