"""Notices changes of files that count, in bursts; the only module that knows `watchfiles`.

Rules:
    Changes that come together are one burst: it ends when nothing that counts has changed for a
    moment, or when changes do not end.
    Only folders that count are watched. When there are others, a new watch is begun before the old
    one ends, and what changed in between counts: the system may tell of it too late for the one and
    too early for the other, so the files are looked at.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

from serverkit_server.reload_filter import ENVIRONMENT_MARKS, ReloadFilter
from serverkit_server.reload_tree import Tree, stamp_of, stamps_of, walk

_LOG = logging.getLogger("serverkit.server")
# How often watchfiles looks whether the system has told of changes. A look takes about 60 us of
# CPU: at 80 ms that is less than 0.1 % of a core while nothing happens, at 20 ms it was 0.3 %.
_LOOK_MS: Final = 80
_SETTLED_S: Final = 0.06
_SETTLING_LOOK_MS: Final = 20
_LONGEST_BURST_S: Final = 1.0
_MISSING_LOOK_MS: Final = 1_000
_DRAIN_MS: Final = 20
_ATTEMPTS: Final = 10
_POLL_MS: Final = 300  # where WATCHFILES_FORCE_POLLING asks for it
_NO: Final = frozenset({"", "false", "disable", "disabled"})
REMEDY: Final = (
    "Watch fewer folders, with reload_dir and reload_exclude; or raise the limits of the system, "
    "on Linux fs.inotify.max_user_watches and max_user_instances."
)
_MODIFIED, _DELETED = 2, 3  # of watchfiles.Change

type Change = tuple[int, str]


class _Notifier(Protocol):
    """What is used of `watchfiles`."""

    def watch(
        self,
        debounce_ms: int,
        step_ms: int,
        timeout_ms: int,
        stop_event: threading.Event | None,
    ) -> set[Change] | Literal["signal", "stop", "timeout"]: ...

    def close(self) -> None: ...


class FileChanges:
    """The changes below some folders.

    Args:
        roots: whole paths of the folders.
        counts: says which files and folders count.
        stopping: set when nobody wants to know any more.

    Raises:
        OSError: the system does not watch so many folders.
        RuntimeError: the system does not watch any more folders for this user.

    Owner: the thread that watches; made by the one that starts it.
    """

    def __init__(
        self, roots: Sequence[str], counts: ReloadFilter, *, stopping: threading.Event
    ) -> None:
        self._roots = roots
        self._counts = counts
        self._stopping = stopping
        self._unread: set[Change] = set()
        self._is_behind = False  # There are new folders that are not watched yet.
        self._tree, self._notifier = self._begin()
        self._stamps = stamps_of(self._tree)  # as they were when they were told, or found

    @property
    def folder_count(self) -> int:
        """How many folders are watched."""
        return len(self._tree.watched)

    def next_burst(self) -> set[str]:
        """Wait until files have changed and no more of them do.

        Returns:
            Whole paths of files, and of folders that have gone; empty when told to stop.

        Raises:
            OSError: watching has failed and cannot be begun again.
            RuntimeError: the same.
        """
        changed: set[str] = set()
        while not changed and not self._stopping.is_set():
            is_missing = bool(self._tree.missing)
            changed = self._look(_LOOK_MS, timeout_ms=_MISSING_LOOK_MS if is_missing else 0)
            if is_missing and any(Path(each).is_dir() for each in self._tree.missing):
                changed |= self._watch_anew()
        now = time.monotonic()
        end, settled = now + _LONGEST_BURST_S, now + _SETTLED_S
        while (left := min(end, settled) - time.monotonic()) > 0 and not self._stopping.is_set():
            more = self._look(_SETTLING_LOOK_MS, timeout_ms=max(1, round(left * 1000)))
            if more:
                changed |= more
                settled = time.monotonic() + _SETTLED_S
        return set() if self._stopping.is_set() else changed

    def close(self) -> None:
        """End the watch. May be repeated."""
        self._notifier.close()

    def _look(self, step_ms: int, *, timeout_ms: int) -> set[str]:
        """Wait for changes; name those that count.

        Args:
            step_ms: how often to look.
            timeout_ms: how long to wait; 0: until there is something.
        """
        found, self._unread = self._unread, set()
        if self._is_behind:
            timeout_ms = step_ms
        if not found:
            try:
                told = self._notifier.watch(step_ms, step_ms, timeout_ms, self._stopping)
            except RuntimeError as error:  # such as a name that is no text; it stays broken
                _LOG.warning("Files may have changed, of which the system says: %s", error)
                self.close()
                self._tree, self._notifier = self._begin()
                self._stamps = stamps_of(self._tree)
                return set(self._roots)
            found = told if isinstance(told, set) else set()
        changed = self._sort(found)
        return changed | self._watch_anew() if self._is_behind else changed

    def _sort(self, found: Iterable[Change]) -> set[str]:
        """Name those changes that count, and watch folders that are new."""
        tree = self._tree
        changed: set[str] = set()
        gone: set[str] = set()
        is_new = False
        for kind, path in found:
            if path in tree.targets:
                changed.add(tree.targets[path])
            if path in tree.folders:
                if kind != _MODIFIED:  # one that is there again is another one
                    gone.add(path)
            elif str(Path(path).parent) in tree.folders:
                is_new |= self._leads_on(path)
                if self._counts.wants_file(path) and not Path(path).is_dir():
                    changed.add(path)
        for path in changed:
            self._stamps[path] = stamp_of(path)
        if gone or is_new:
            changed |= self._watch_anew()
        return changed | gone

    def _leads_on(self, path: str) -> bool:
        """Say whether something that has come or gone makes other folders count."""
        if Path(path).is_dir():
            return not self._counts.skips_folder(path)
        return Path(path).is_symlink() or Path(path).name in ENVIRONMENT_MARKS

    def _watch_anew(self) -> set[str]:
        """Watch the folders that there are now; name the files that are not as they were."""
        try:
            tree, notifier = self._begin()
        except FileNotFoundError:  # folders go as fast as they are found
            self._is_behind = True
            return set()
        except (OSError, RuntimeError) as error:
            self._is_behind = False
            _LOG.error("New folders cannot be watched: %s. %s", error, REMEDY)
            return set()
        with contextlib.suppress(RuntimeError):
            left = self._notifier.watch(0, _DRAIN_MS, _DRAIN_MS, None)
            self._unread |= left if isinstance(left, set) else set()
        self._notifier.close()
        self._tree, self._notifier = tree, notifier
        before, self._stamps = self._stamps, stamps_of(tree)
        paths = before.keys() | self._stamps.keys()
        return {path for path in paths if before.get(path) != self._stamps.get(path)}

    def _begin(self) -> tuple[Tree, _Notifier]:
        """Watch all folders that count; all but the newest, where they come all the time."""
        tree = walk(self._roots, self._counts)
        for attempts_left in reversed(range(_ATTEMPTS)):
            before = tree
            try:
                notifier = _new_notifier(before.watched)
            except FileNotFoundError:  # one has gone since the walk
                if not attempts_left:
                    raise
                tree = walk(self._roots, self._counts)
                continue
            # Of what has come between walk and watch, nothing would tell.
            tree = walk(self._roots, self._counts)
            self._is_behind = tree.watched != before.watched
            if not (self._is_behind and attempts_left):
                return before if self._is_behind else tree, notifier
            notifier.close()
        raise AssertionError("the last attempt returns or raises")


def _new_notifier(folders: list[str]) -> _Notifier:
    # Costs 50 ms to import, for nothing where nobody reloads. The class is documented, its module
    # is where the documentation has it; the functions above it cannot leave a folder out.
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415

    is_polling = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower() not in _NO
    debug, recursive, ignore_errors = False, False, False
    return RustNotify(folders, debug, is_polling, _POLL_MS, recursive, ignore_errors)
