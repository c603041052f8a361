"""One attempt at importing and starting an application anew, which may fail, hang, or be given up.

Rules:
    Whatever becomes of it, either all of the new modules are in place or all of the old ones: who
    makes the attempt undoes it wherever it raises. An import that hangs cannot be ended; when it
    ends after it was given up, it raises as well.
"""

import gc
import logging
import sys
import threading
from concurrent.futures import CancelledError, Future

from serverkit_server.app_import import app_stack, import_app, parse_app_name
from serverkit_server.config import ServerConfig
from serverkit_server.errors import AppImportError
from serverkit_server.gil import GilWatch, explain_gil, is_gil_enabled
from serverkit_server.reimport import AppModules, Reimport, without_stale_bytecode
from serverkit_supervisor import ReloadFailed
from serverkit_worker.asgi import ASGIApp

_LOG = logging.getLogger("serverkit.server")


class ReimportAttempt:
    """One attempt.

    Args:
        config: of the server.
        name: what the application is imported by.

    Attributes:
        is_importing: code of the application runs at this moment, because it is imported.

    Threads: `undo`, `refusal` and `is_importing` by any, at any time; the rest by the one that
        makes the attempt.
    """

    def __init__(self, config: ServerConfig, name: str) -> None:
        package = parse_app_name(name).module.partition(".")[0]
        self.is_importing = False
        self._config = config
        self._name = name
        self._reimport = Reimport(AppModules((config.app_dir, *config.reload_dir), package))
        self._lock = threading.Lock()  # guards what follows, and the modules
        self._is_given_up = False
        self._work: Future[None] | None = None
        self._importer: int | None = None
        self._is_shown = False

    def import_anew(self) -> ASGIApp:
        """Import the application anew. Blocks, at worst as long as its code does.

        Raises:
            AppImportError: it cannot be imported.
            ReloadFailed: the attempt was given up meanwhile.
        """
        # A module and its functions hold each other: what earlier reloads have left behind stays
        # until Python looks for such cycles, which it does ever less the more there is.
        gc.collect()
        was_gil_on = is_gil_enabled()
        with self._lock:
            self._check()
            self._reimport.begin()
            self.is_importing = True
            self._importer = threading.get_ident()
        try:
            with GilWatch() as watch, without_stale_bytecode():
                app = import_app(
                    self._name, factory=self._config.factory, app_dir=self._config.app_dir
                )
        except AppImportError as error:
            raise _with_advice(error) from error.__cause__
        finally:
            with self._lock:
                self.is_importing = False
        with self._lock:
            self._check()
        if is_gil_enabled() and not was_gil_on:
            _LOG.warning(
                "The new code has switched the GIL on: %s. Threads do not run at the same time any "
                "more; after a restart the server uses processes.",
                explain_gil(watch.culprits),
            )
        return app

    def refusal(self) -> ReloadFailed:
        """Say why no other attempt can be made while this one imports; the first time also where.

        Threads: any, one at a time.
        """
        frame = None
        if not self._is_shown:
            self._is_shown = True
            frame = sys._current_frames().get(self._importer or 0)  # noqa: SLF001 - documented
        return ReloadFailed(
            "code that an earlier reload imports still hangs, so none can be imported anew",
            "Restart the server, for a thread cannot be ended. With worker_mode=process an import "
            "that hangs is ended.",
            traceback=f"It is here:\n{app_stack(frame)}" if frame is not None else "",
        )

    def wait_for(self, work: Future[None]) -> None:
        """Wait for something that is under way elsewhere, and is cancelled when this is given up.

        Raises:
            ReloadFailed: the attempt was given up.
            Exception: what the work raises.
        """
        with self._lock:
            self._work = work
            if self._is_given_up:
                work.cancel()
        try:
            work.result()
        except CancelledError:
            with self._lock:
                self._check()
            raise

    def undo(self) -> None:
        """Give the attempt up, and put the modules back as they were before. May be repeated."""
        with self._lock:
            self._is_given_up = True
            self._reimport.undo()
            work = self._work
        if work is not None:
            work.cancel()

    def _check(self) -> None:
        if self._is_given_up:
            raise ReloadFailed("The reload was given up, for it took too long.")


def _with_advice(error: AppImportError) -> AppImportError:
    """Say what may be the matter where code fails that is run a second time in the same process."""
    if error.details and not error.remedy:
        error.remedy = (
            "If it is only the second import in one process that fails, use worker_mode=process: "
            "each reload then has new processes."
        )
    return error
