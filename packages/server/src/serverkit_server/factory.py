"""Makes what a server is put together from: the worker, and those who are told what it does."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError
from serverkit_server.log_setup import is_left_to_user, resolve_log_format
from serverkit_server.served_tls import Redirect, ServedTLS
from serverkit_supervisor import WorkerContext
from serverkit_worker.access_log import AccessLog, LoggerAccessLog, StreamAccessLog
from serverkit_worker.asgi import ASGIApp
from serverkit_worker.collectors import LifecycleCollector, LoggingCollector
from serverkit_worker.log_output import LogOutput
from serverkit_worker.worker import Worker

_LOG = logging.getLogger("serverkit.server")


def make_worker(
    config: ServerConfig,
    app: ASGIApp,
    context: WorkerContext,
    *,
    access_log: AccessLog | None,
    lifecycle_collector: LifecycleCollector | None,
    tls: ServedTLS | None = None,
) -> Worker:
    """Make one worker of a server.

    Args:
        config: of the server.
        app: what it serves.
        context: its number, the sockets it accepts from, which stay the server's, and whom to tell
            that it does.
        access_log: gets a line for each request; None: nobody does.
        lifecycle_collector: is told of connections and requests; None: what the settings say.
        tls: its certificates; None: it speaks without TLS.
    """
    if lifecycle_collector is None and config.lifecycle_logging:
        lifecycle_collector = LoggingCollector(
            slow_threshold_s=config.log_slow_requests_threshold,
            log_format=resolve_log_format(config.log_format),
        )
    redirect = tls.redirect if tls is not None else Redirect()
    return Worker(
        config.worker_config(),
        app,
        list(context.sockets),
        worker_id=context.worker_id,
        lifecycle_collector=lifecycle_collector,
        access_log=access_log,
        ready=context.ready,
        connections=context.connections,
        alive=context.alive,
        alive_interval=context.alive_interval,
        recycle=context.recycle,
        generation=context.generation,
        ssl_context=tls.certificates if tls is not None else None,
        redirect_listeners=redirect.listeners,
        redirect_port=redirect.port,
    )


class OpenAccessLog(NamedTuple):
    """The access log of one worker.

    Attributes:
        log: gets a line for each request; None where there is none.
        output: what the lines are written to; None where somebody else writes them.
    """

    log: AccessLog | None
    output: LogOutput | None = None

    def reopen(self) -> None:
        """Go on in a new file, after the old one was moved away. Threads: any."""
        if self.log is None or self.output is None:
            return
        self.log.flush()  # what was served before belongs into the old one
        try:
            self.output.reopen()
        except OSError as error:
            _LOG.error("The access log cannot be opened anew, it goes on as it was: %s", error)


@contextlib.contextmanager
def open_access_log(config: ServerConfig, *, worker_id: int | None) -> Iterator[OpenAccessLog]:
    """Open the access log of a worker. At the end all lines are written.

    Args:
        config: of the server.
        worker_id: stands in every line for programs; None: it is the only worker.

    Raises:
        StartupError: its file cannot be opened.
    """
    if not config.access_log:
        yield OpenAccessLog(None)
        return
    if config.access_log_file is None and is_left_to_user(config):
        yield OpenAccessLog(LoggerAccessLog(keep=config.access_log_filter))
        return
    output = _open_output(config.access_log_file)
    log = StreamAccessLog(
        output,
        log_format=resolve_log_format(config.log_format),
        worker_id=worker_id,
        keep=config.access_log_filter,
    )
    try:
        yield OpenAccessLog(log, output)
    finally:
        log.close()
        output.close()


def _open_output(path: str | None) -> LogOutput:
    if path is None:
        return LogOutput.stderr()
    try:
        return LogOutput.file(Path(path))
    except OSError as error:
        raise StartupError(
            f"The access log {path} cannot be opened: {error.strerror}.",
            setting="access_log_file",
            remedy="Name a file in a folder that is there, and where this user may write.",
        ) from error
