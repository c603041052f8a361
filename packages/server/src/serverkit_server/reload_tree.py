"""Walks the folders of an application and finds those in which changes count.

Rules:
    Folders that do not count are not entered, so that a large one costs nothing.
    Links to folders are followed, but no folder is entered twice: links may run in circles.
    A link to a file counts as the file; the folder of the file is then looked at for it alone.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serverkit_server.reload_filter import ReloadFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a walk has found. All paths are whole.

    Attributes:
        folders: those in which changes count, with the files that count in each.
        targets: files that count though they lie elsewhere, each with the link that leads to it.
        elsewhere: the folders of those.
        missing: folders that were asked for and are not there.

    Threads: any; it is never changed once it is made.
    """

    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()

    @property
    def watched(self) -> list[str]:
        """All folders to look at."""
        return [*self.folders, *self.elsewhere]


type Stamp = tuple[int, int, int]
"""What changes with a file: which one it is, its size, and when it was written."""


def stamp_of(path: str) -> Stamp | None:
    """Say how a file is now; None: it is not there."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def stamps_of(tree: Tree) -> dict[str, Stamp | None]:
    """Say how the files of a tree are now."""
    return {path: stamp_of(path) for files in tree.folders.values() for path in files}


def walk(roots: Iterable[str], counts: ReloadFilter) -> Tree:
    """Find the folders in which changes count.

    Args:
        roots: whole paths of folders; they count whatever their names are.
        counts: says what counts.
    """
    walker = _Walker(counts)
    for root in roots:
        walker.enter(root)
    return walker.tree()


class _Walker:
    """One walk.

    Owner: the call of `walk`.
    """

    def __init__(self, counts: ReloadFilter) -> None:
        self._counts = counts
        self._seen: set[tuple[int, int]] = set()
        self._folders: dict[str, tuple[str, ...]] = {}
        self._targets: dict[str, str] = {}
        self._missing: list[str] = []

    def tree(self) -> Tree:
        folders = {str(Path(path).parent) for path in self._targets}
        return Tree(
            folders=self._folders,
            targets=self._targets,
            elsewhere=frozenset(folders - self._folders.keys()),
            missing=tuple(self._missing),
        )

    def enter(self, root: str) -> None:
        """Look into a folder and those below it."""
        if not Path(root).is_dir():
            self._missing.append(root)
        waiting = [root]
        while waiting:
            path = waiting.pop()
            try:
                identity = _identity(path)
                with os.scandir(path) as listing:
                    entries = list(listing)
            except OSError:  # it has gone just now, or is not ours to read
                continue
            names = {each.name for each in entries}
            is_left_out = path != root and self._counts.skips_content(path, names)
            if is_left_out or identity in self._seen:
                continue
            self._seen.add(identity)
            self._folders[path] = tuple(self._files(entries))
            waiting += self._folders_in(entries)

    def _files(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[str]:
        for entry in entries:
            if not _is_folder(entry) and self._counts.wants_file(entry.path):
                if entry.is_symlink():
                    self._targets[os.path.realpath(entry.path)] = entry.path
                yield entry.path

    def _folders_in(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[str]:
        for entry in entries:
            if not _is_folder(entry) or self._counts.skips_folder(entry.path):
                continue
            if not (entry.is_symlink() and self._leads_to_skipped(entry.path)):
                yield entry.path

    def _leads_to_skipped(self, link: str) -> bool:
        """Say whether a link leads into a folder that would be skipped on the way there."""
        path = os.path.realpath(link)
        here = os.path.realpath(Path(link).parent)
        while not f"{here}{os.sep}".startswith(f"{path.rstrip(os.sep)}{os.sep}"):
            if self._counts.skips_folder(path):
                return True
            path = str(Path(path).parent)
        return False


def _identity(path: str) -> tuple[int, int]:
    """What is the same for all paths to a folder."""
    status = Path(path).stat()
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False
