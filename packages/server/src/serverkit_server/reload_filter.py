"""Tells which files and folders of an application count when it is served while being written.

Rules:
    What a setting names wins over what is known here: `reload_exclude` over everything,
    `reload_include` over the files known here. A folder that is left out is not looked into.
    A pattern without a slash is for the name alone, wherever it is; one with a slash is for the
    path below the watched folder, or for the whole path when it starts with one. `*` and `?` stay
    within a name, `**` stands for any folders.
"""

import functools
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

# Sources, templates, and files that configure an application.
COUNTING_FILES: Final = (
    *("*.py", "*.html", "*.htm", "*.jinja", "*.jinja2", "*.j2", "*.mako"),
    *("*.toml", "*.yaml", "*.yml", "*.json", "*.ini", "*.cfg", "*.env", ".env", ".env.*"),
)
# Written by editors while they save, by linters, and by Python itself.
TEMPORARY_FILES: Final = (
    *("*~", "*.tmp", "*.sw?", ".*.kate-swp", ".#*", "#*#", "4913", "*___jb_???___"),
    *(".goutputstream-*", "flycheck_*", ".DS_Store", "*.pyc", "*.pyo"),
)
SKIPPED_FOLDERS: Final = (
    *(".*", "__pycache__", "node_modules", "site-packages", "dist-packages", "venv"),
    *("htmlcov", "*.egg-info"),
)
# What is built lies here, unless it is a package that happens to be called so.
BUILD_FOLDERS: Final = frozenset({"build", "dist"})
# A folder with one of these is a Python of its own, whatever its name is.
ENVIRONMENT_MARKS: Final = frozenset({"pyvenv.cfg", "conda-meta"})
_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFilter:
    """Which files and folders count.

    Attributes:
        include: patterns of files that count, besides those known here.
        exclude: patterns of files and folders that do not count.

    Threads: any; it never changes.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants_file(self, path: str, root: str) -> bool:
        """Say whether a change of a file counts.

        Args:
            path: the whole path of the file, which need not be there any more.
            root: the watched folder it is in.
        """
        if _matches(self.exclude, path, root) or _matches(TEMPORARY_FILES, path, root):
            return False
        if _matches(self.include, path, root):
            return True
        return os.path.basename(path) not in ENVIRONMENT_MARKS and _matches(
            COUNTING_FILES, path, root
        ) and not _is_hidden_source(path)

    def skips_folder(self, path: str, root: str, entries: Collection[str] = ()) -> bool:
        """Say whether a folder is left out, with all that is in it.

        Args:
            path: the whole path of the folder.
            root: the watched folder it is in; this one is never left out.
            entries: the names of what is in the folder, as far as they are known.
        """
        if path == root:
            return False
        if _matches(self.exclude, path, root) or _matches(SKIPPED_FOLDERS, path, root):
            return True
        if os.path.basename(path) in BUILD_FOLDERS and "__init__.py" not in entries:
            return True
        return not ENVIRONMENT_MARKS.isdisjoint(entries)
