"""Calls for a reload when files of an application have changed, while it is being written.

Rules:
    A burst of changes is one call; what changes after it is one more.
    Nothing that goes wrong here ends the server: it serves on with the code it has.
"""

import contextlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError
from serverkit_server.reload_changes import REMEDY, FileChanges
from serverkit_server.reload_filter import ReloadFilter

_LOG = logging.getLogger("serverkit.server")
_STOP_WITHIN_S: Final = 5.0
_MOST_NAMES: Final = 3
_NEEDS_RELOAD: Final = ("reload_dir", "reload_include", "reload_exclude")


class ReloadWatcher:
    """Watches files, if that is asked for; a context manager.

    It is entered before the application is imported, so that no change is missed. What changes
    until `allow` is called is told then.

    Args:
        config: `reload` says whether to watch; `reload_dir`, `reload_include` and `reload_exclude`
            say what counts.
        app_path: what the application is imported by; None: it was given as an object.
        reload: called for each burst of changes, with the paths that have changed, sorted. It
            should return at once; what it raises is logged.

    Threads: one enters and leaves; `reload` is called by a thread of the watcher; `allow` by any.
    """

    def __init__(
        self,
        config: ServerConfig,
        app_path: str | None,
        reload: Callable[[Sequence[str]], object],
    ) -> None:
        self._config = config
        self._app_path = app_path
        self._here = ""
        self._reload = reload
        self._stopping = threading.Event()
        self._allowed = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to watch: from now on no change is missed.

        Raises:
            StartupError: there is nothing that could be imported anew, a folder is not there, or
                the system does not watch so many.
        """
        if not self._config.reload:
            for name in _NEEDS_RELOAD:
                if getattr(self._config, name):
                    _LOG.warning("%s has no effect without reload.", name)
            return self
        self._here = str(Path.cwd())
        self._thread = threading.Thread(
            target=self._watch, args=(self._begin(),), name="serverkit-reload", daemon=True
        )
        self._thread.start()
        return self

    def allow(self) -> None:
        """Let changes be told: there is a server by now that can reload. May be repeated."""
        self._allowed.set()

    def _begin(self) -> FileChanges:
        config, here = self._config, self._here
        if not self._app_path:
            raise StartupError(
                "The application was given as an object, so new code of it cannot be found.",
                setting="reload",
                remedy="Give its name instead, as module:attribute, or as app_path beside it.",
            )
        roots = [
            os.path.normpath(Path(here, each)) for each in config.reload_dir or [config.app_dir]
        ]
        for root in roots:
            if not Path(root).is_dir():
                raise StartupError(
                    f"There is no folder {root} to watch for changes.",
                    setting="reload_dir" if config.reload_dir else "app_dir",
                    remedy="Name one that exists, from the folder where the server is started.",
                )
        counts = ReloadFilter(
            include=config.reload_include, exclude=config.reload_exclude, base=here
        )
        try:
            changes = FileChanges(roots, counts, stopping=self._stopping)
        except (OSError, RuntimeError) as error:
            raise StartupError(
                f"Files cannot be watched for changes: {error}", setting="reload", remedy=REMEDY
            ) from error
        many = "1 folder" if changes.folder_count == 1 else f"{changes.folder_count} folders"
        _LOG.info("Watching for changes: %s (%s).", ", ".join(roots), many)
        return changes

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._allowed.set()
        if self._thread is not None:
            self._thread.join(_STOP_WITHIN_S)
            if self._thread.is_alive():
                _LOG.error("The thread %s does not end.", self._thread.name)

    def _watch(self, changes: FileChanges) -> None:
        try:
            with contextlib.closing(changes):
                self._allowed.wait()
                while changed := changes.next_burst():
                    self._call(sorted(changed))
        except (OSError, RuntimeError):
            _LOG.exception("Changes of files are not noticed any more; restart the server.")

    def _call(self, changed: Sequence[str]) -> None:
        names = [self._named(path) for path in changed[:_MOST_NAMES]]
        if len(changed) > _MOST_NAMES:
            names.append(f"{len(changed) - _MOST_NAMES} more")
        _LOG.info("Reloading, for these have changed: %s", ", ".join(names))
        forget_bytecode(changed)
        try:
            self._reload(changed)
        except Exception:  # noqa: BLE001 - whatever it is, the next change may be served
            _LOG.exception("The reload could not be asked for.")

    def _named(self, path: str) -> str:
        """Name a path as seen from here, where it is below."""
        return os.path.relpath(path, self._here) if _is_below(path, self._here) else path


def forget_bytecode(sources: Iterable[str]) -> None:
    """Remove what Python keeps of sources that have changed.

    It tells a source from an earlier one by its size and the second of its change. An edit may
    leave both as they are.

    Args:
        sources: whole paths; others than those of Python files are passed over.
    """
    for path in sources:
        if path.endswith(".py"):
            for level in ("", "1", "2"):
                with contextlib.suppress(OSError, NotImplementedError):
                    Path(importlib.util.cache_from_source(path, optimization=level)).unlink()


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
