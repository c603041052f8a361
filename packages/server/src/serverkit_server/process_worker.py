"""Makes workers in processes of their own: each logs, imports and starts the application itself.

Rules:
    What is passed to a process can be pickled. What cannot be is found before a process is started.
    What an error of a start says reaches the server as it is: errors are pickled, too.
"""

import contextlib
import functools
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

from serverkit_server.app_import import check_app, import_app
from serverkit_server.certificate_store import CertificateStore
from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError
from serverkit_server.import_timeout import ImportCancelled, ImportCanceller, bounded_import
from serverkit_server.log_setup import configured_logging
from serverkit_server.reimport import without_stale_bytecode
from serverkit_server.served_tls import RecentFiles, Redirect, ServedTLS
from serverkit_server.supervised_worker import SupervisedWorker
from serverkit_supervisor import WorkerContext
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector


class ProcessWorker(SupervisedWorker):
    """A worker that has a process to itself, logs for itself, and imports in the main thread.

    Args:
        config, context, load_app, lifecycle_collector, load_tls: see `SupervisedWorker`.
        importing: ends what `load_app` does, where the worker is told to end meanwhile.
    """

    def __init__(
        self,
        config: ServerConfig,
        context: WorkerContext,
        load_app: Callable[[], ASGIApp],
        *,
        lifecycle_collector: LifecycleCollector | None,
        load_tls: Callable[[], ServedTLS | None],
        importing: ImportCanceller,
    ) -> None:
        super().__init__(
            config,
            context,
            load_app,
            lifecycle_collector=lifecycle_collector,
            has_own_lifespan=True,
            load_tls=load_tls,
        )
        self._importing = importing

    def run(self) -> None:
        """Log as configured, and serve until told to end. Blocks.

        Raises:
            StartupError: it did not start.
            ShutdownError: not everything came to its end.
        """
        with configured_logging(self.config), contextlib.suppress(ImportCancelled):
            super().run()

    def start_draining(self) -> None:
        """Finish what is accepted, and end; at once where nothing can have been accepted yet."""
        super().start_draining()
        self._importing.cancel()

    def shutdown(self) -> None:
        """Finish what is accepted, and end; at once where nothing can have been accepted yet."""
        super().shutdown()
        self._importing.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessWorkerFactory:
    """Makes the worker of a process, from within that process.

    Args:
        config: of the server.
        app: the name of the application, or the application where it can be pickled.
        lifecycle_collector: is told of connections and requests; each process has its own copy.
        redirect: where clients without TLS are sent on.
        recent: what certificate files had in them, in case they are not good any more.
    """

    config: ServerConfig
    app: ASGIApp | str
    lifecycle_collector: LifecycleCollector | None
    redirect: Redirect = field(default_factory=Redirect)
    recent: RecentFiles = field(default_factory=RecentFiles, compare=False)

    def __call__(self, context: WorkerContext) -> ProcessWorker:
        """Make the worker."""
        importing = ImportCanceller()
        return ProcessWorker(
            self.config,
            context,
            functools.partial(self.load_app, importing, is_reload=context.generation > 0),
            lifecycle_collector=self.lifecycle_collector,
            load_tls=self.load_tls,
            importing=importing,
        )

    def load_tls(self) -> ServedTLS | None:
        """Load the certificates that the settings name; None: there is no TLS.

        Raises:
            TLSSetupError: they cannot be used.
        """
        if not self.config.has_tls:
            return None
        certificates = CertificateStore(self.config, kept=self.recent.kept)
        return ServedTLS(certificates=certificates, redirect=self.redirect)

    def load_app(
        self, importing: ImportCanceller | None = None, *, is_reload: bool = False
    ) -> ASGIApp:
        """Import the application, or take it as it came.

        Args:
            importing: may end the import.
            is_reload: its source may have changed just now.

        Raises:
            AppImportError: it cannot be imported, or is none.
            ImportCancelled: nobody waits for it any more.
        """
        if not isinstance(self.app, str):
            check_app(self.app, repr(self.app))
            return self.app
        config = self.config
        with contextlib.ExitStack() as stack:
            stack.enter_context(bounded_import(config.startup_timeout, importing))
            if is_reload:
                stack.enter_context(without_stale_bytecode())
            return import_app(self.app, factory=config.factory, app_dir=config.app_dir)

    def check_travels(self) -> None:
        """Prove that a process can be given all that this factory holds.

        Raises:
            StartupError: something cannot be pickled. The message says what, and what to do.
        """
        _check_travels(
            self.app,
            "The application cannot be passed to a process: it was given as an object",
            "Give its name instead, as module:attribute, so that each process imports it; or use "
            "worker_mode=thread, which shares it.",
        )
        _check_travels(
            self.lifecycle_collector,
            "The lifecycle collector cannot be passed to a process",
            "Make it an instance of a class at the top level of a module, with fields that can be "
            "pickled; or use worker_mode=thread, which shares it.",
        )
        _check_travels(
            self.config.access_log_filter,
            "The filter of the access log cannot be passed to a process",
            "Make it a function at the top level of a module, which a process can import.",
            setting="access_log_filter",
        )
        _check_travels(
            self.config.ssl_context_factory,
            "The function that makes the context of TLS cannot be passed to a process",
            "Give its name instead, as module:function.",
            setting="ssl_context_factory",
        )
        _check_travels(
            self.config,
            "The settings cannot be passed to a process",
            "Name a file as log_config instead of giving a mapping.",
            setting="log_config",
        )


def _check_travels(value: object, problem: str, remedy: str, *, setting: str = "") -> None:
    try:
        pickle.dumps(value)
    except Exception as error:  # whatever the parts of a stranger's object raise
        raise StartupError(f"{problem} ({error}).", setting=setting, remedy=remedy) from error
