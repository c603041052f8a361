"""A worker as a supervisor runs it: one session, on an event loop of its own.

It conforms to `serverkit_supervisor.TCPWorker`, in threads as in processes.
"""

import os
import threading
from collections.abc import Callable

from serverkit_server.config import ServerConfig
from serverkit_server.errors import ShutdownError
from serverkit_server.served_tls import ServedTLS
from serverkit_server.session import Session
from serverkit_supervisor import WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector
from serverkit_worker.cpu_affinity import pin_to_cpu
from serverkit_worker.own_loop import run_in_own_loop


class SupervisedWorker:
    """Serves one application until it is told to end.

    Args:
        config: of the server.
        context: its place among the workers.
        load_app: gives the application; called by `run`, before there is a loop.
        lifecycle_collector: is told of connections and requests.
        load_tls: gives the certificates, or None; called by `run` after that.
        has_own_lifespan: the application is started and stopped on the loop of this worker;
            otherwise somebody else has started it, and gives the state.

    Threads: `run` by one, once; everything else by any.
    """

    def __init__(
        self,
        config: ServerConfig,
        context: WorkerContext,
        load_app: Callable[[], ASGIApp],
        *,
        lifecycle_collector: LifecycleCollector | None,
        has_own_lifespan: bool,
        load_tls: Callable[[], ServedTLS | None] = lambda: None,
    ) -> None:
        self.config = config
        self._load_tls = load_tls
        self._context = context
        self._load_app = load_app
        self._has_own_lifespan = has_own_lifespan
        self._session = Session(config, context, lifecycle_collector=lifecycle_collector)
        if not has_own_lifespan:
            self._session.state = {}

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        """Take over what the start of the application has left behind; before `run`."""
        if not self._has_own_lifespan:
            self._session.state = state

    def run(self) -> None:
        """Serve until told to end. Blocks.

        Raises:
            StartupError: it did not start.
            ShutdownError: not everything came to its end.
        """
        if self.config.cpu_affinity:
            _pin(self._context.worker_id)
        app, tls = self._load_app(), self._load_tls()
        # Several servers of one process may have workers of the same number.
        executor_name = f"serverkit-{self._context.worker_id}-{id(self):x}-exec"
        run_in_own_loop(
            self._session.run(app, tls),
            loop=self.config.loop,
            executor_threads=self.config.executor_threads_per_worker,
            executor_name=executor_name,
            shutdown_timeout_s=self.config.shutdown_timeout,
        )
        check_threads(executor_name)

    def start_draining(self) -> None:
        """Finish what is accepted, for at most `reload_timeout`, then end. Returns at once."""
        self._session.start_draining()

    def shutdown(self) -> None:
        """Finish what is accepted, for at most `shutdown_timeout`, then end. Returns at once."""
        self._session.shutdown()

    def abort(self) -> None:
        """Cut everything off and end. Returns at once."""
        self._session.abort()

    def is_idle(self) -> bool:
        """Whether no connection is open and no call of the application is under way."""
        return self._session.is_idle()

    def reopen_logs(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        self._session.reopen_logs()


def check_threads(executor_name: str) -> None:
    """Notice threads that work for the application still, though its loop has ended.

    Args:
        executor_name: their names start so.

    Raises:
        ShutdownError: there are some. Python would wait for them before the process ends.
    """
    busy = [each for each in threading.enumerate() if each.name.startswith(executor_name)]
    if busy:
        raise ShutdownError(
            f"{len(busy)} thread{'s' if len(busy) > 1 else ''} of the application did not finish.",
            remedy="Code that runs in threads cannot be cancelled; give it timeouts of its own.",
        )


def _pin(worker_id: int) -> None:
    """Spread the workers over the CPUs that the process may use."""
    if hasattr(os, "sched_getaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        pin_to_cpu(allowed[worker_id % len(allowed)])
    else:
        pin_to_cpu(worker_id)  # which says that it cannot be had
