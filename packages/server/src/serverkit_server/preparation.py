"""What a server does before anything is served, and needs no loop for.

In order: logging, the application is imported, certificates, signals, sockets; and all of it back
again, on every way out. Workers in processes import and start the application themselves.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import NamedTuple

from serverkit_server.app_import import check_app, import_app
from serverkit_server.config import ServerConfig
from serverkit_server.early_signals import EarlySignals
from serverkit_server.gil import GilWatch, warn_if_gil_is_back
from serverkit_server.import_timeout import bounded_import
from serverkit_server.listeners import Listeners
from serverkit_server.log_setup import configured_logging
from serverkit_server.reload_watch import ReloadWatcher
from serverkit_server.served_tls import ServedTLS, load_certificates
from serverkit_server.service import Served, Service
from serverkit_server.worker_plan import WorkerPlan, plan_anew, plan_workers
from serverkit_worker.asgi import ASGIApp

_LOG = logging.getLogger("serverkit.server")


class Prepared(NamedTuple):
    """What there is before a loop is needed.

    Attributes:
        plan: how many workers there are to be, and where.
        app: the application; its name where each worker imports it.
        listeners: open sockets.
        tls: the certificates; None: there is no TLS, or each process loads them.
        service: ties the server to the system.
        watcher: notices changes of files, once it is allowed to.
        early: has the signals that came while nobody could obey them.
    """

    plan: WorkerPlan
    app: ASGIApp | str
    listeners: Listeners
    tls: ServedTLS | None
    service: Service
    watcher: ReloadWatcher
    early: EarlySignals


@contextlib.contextmanager
def prepare(
    config: ServerConfig,
    app: ASGIApp | str,
    app_path: str | None,
    server: Served,
    *,
    install_signals: bool,
) -> Iterator[Prepared]:
    """Prepare what is served in the block; undo it after that.

    Args:
        config: of the server.
        app: the application, or its name.
        app_path: its name; None: it was given as an object.
        server: is commanded by signals, by a successor, and by files that change.
        install_signals: whether signals command it.

    Raises:
        StartupError: something cannot be had. The message says what, and what to do.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(configured_logging(config))
        watcher = stack.enter_context(
            ReloadWatcher(config, app_path, lambda _changed: server.graceful_reload())
        )
        service = stack.enter_context(Service(config, server))
        early = EarlySignals()
        with early if install_signals else contextlib.nullcontext():
            plan, loaded = _load_app(config, plan_workers(config), app, app_path)
            certificates = load_certificates(config, plan)
        if install_signals:
            stack.enter_context(service.signals(app_lives_here=plan.place != "process"))
        listeners = stack.enter_context(service.open_listeners())
        tls = ServedTLS.of(certificates, config, listeners)
        yield Prepared(plan, loaded, listeners, tls, service, watcher, early)


def _load_app(
    config: ServerConfig, plan: WorkerPlan, app: ASGIApp | str, app_path: str | None
) -> tuple[WorkerPlan, ASGIApp | str]:
    """Import the application, unless each worker does; and look at the plan again."""
    if plan.place == "process" and app_path:
        return plan, app_path
    with GilWatch() as watch, bounded_import(config.startup_timeout):
        if isinstance(app, str):
            app = import_app(app, factory=config.factory, app_dir=config.app_dir)
        else:
            check_app(app, app_path or repr(app))
    if plan.place == "single":
        warn_if_gil_is_back(watch.culprits)
    plan = plan_anew(plan, watch.culprits)
    if plan.reason:
        _LOG.warning("%s", plan.reason)
    return plan, app
