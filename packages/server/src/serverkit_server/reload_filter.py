"""Tells which files and folders count when an application is served while it is being written.

Rules:
    What `reload_exclude` names does not count, whatever else is said. What `reload_include` names
    does, besides the files known here. A folder that does not count is not looked into.
    A pattern without a slash is for names, wherever they are; one with a slash is for whole paths,
    from the current folder where it does not start with a slash. `*` and `?` stay within a name,
    `**` stands for any folders.
"""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

# Sources, templates, and files that configure an application.
_COUNTING_FILES: Final = (
    *("*.py", "*.html", "*.htm", "*.jinja", "*.jinja2", "*.j2", "*.mako"),
    *("*.toml", "*.yaml", "*.yml", "*.json", "*.ini", "*.cfg", "*.env"),
)
_COUNTING_HIDDEN_FILES: Final = (".env", ".env.*")
# Written by editors while they save, by linters, and by Python itself.
_TEMPORARY_FILES: Final = (
    *("*~", "*.tmp", "*.sw?", "*.kate-swp", ".#*", "#*#", "4913", "*___jb_???___"),
    *(".goutputstream-*", "flycheck_*", ".DS_Store", "*.pyc", "*.pyo"),
)
_SKIPPED_FOLDERS: Final = (
    *(".*", "__pycache__", "node_modules", "site-packages", "dist-packages", "venv"),
    *("htmlcov", "*.egg-info"),
)
# What is built lies here, unless it is a package that happens to be called so.
_BUILD_FOLDERS: Final = frozenset({"build", "dist"})
# A folder with one of these is a Python of its own, whatever its name is.
ENVIRONMENT_MARKS: Final = frozenset({"pyvenv.cfg", "conda-meta"})

_TOKEN = re.compile(r"/\*\*$|\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)
_TRANSLATED = {"/**": "(?:/.*)?", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class ReloadFilter:
    """Which files and folders count.

    Args:
        include: patterns of files that count, besides those known here.
        exclude: patterns of files and folders that do not count.
        base: the folder from which patterns with a slash are read.

    Threads: any; it never changes.
    """

    def __init__(
        self, *, include: Iterable[str] = (), exclude: Iterable[str] = (), base: str
    ) -> None:
        include = tuple(include)
        self._wanted = _compiled((*_COUNTING_FILES, *include), base)
        self._wanted_hidden = _compiled((*_COUNTING_HIDDEN_FILES, *include), base)
        self._unwanted = _compiled((*_TEMPORARY_FILES, *exclude), base)
        self._skipped = _compiled((*_SKIPPED_FOLDERS, *exclude), base)

    def wants_file(self, path: str) -> bool:
        """Say whether a change of a file counts, which need not be there any more.

        Args:
            path: the whole path.
        """
        path = _posix(path)
        name = path.rpartition("/")[2]
        wanted = self._wanted_hidden if name.startswith(".") else self._wanted
        return name not in ENVIRONMENT_MARKS and not self._unwanted(path) and wanted(path)

    def skips_folder(self, path: str) -> bool:
        """Say whether a folder is left out for its name or place, with all that is in it.

        Args:
            path: the whole path.
        """
        return self._skipped(_posix(path))

    def skips_content(self, path: str, entries: Collection[str]) -> bool:
        """Say whether a folder is left out for what is in it.

        Args:
            path: the whole path.
            entries: the names of all that is in it.
        """
        is_built = Path(path).name in _BUILD_FOLDERS and "__init__.py" not in entries
        return is_built or not ENVIRONMENT_MARKS.isdisjoint(entries)


class _Patterns:
    """Several patterns in one: is called with a path."""

    def __init__(self, names: re.Pattern[str], paths: re.Pattern[str]) -> None:
        self._names = names
        self._paths = paths

    def __call__(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return bool(self._names.fullmatch(name) or self._paths.fullmatch(path))


def _compiled(patterns: Iterable[str], base: str) -> _Patterns:
    names, paths = [], []
    root = re.escape(_posix(base).rstrip("/") + "/")
    for each in patterns:
        pattern = _posix(each).rstrip("/").removeprefix("./")
        if "/" not in pattern:
            names.append(_translated(pattern))
        elif Path(each).is_absolute():
            paths.append(_translated(pattern))
        else:
            paths.append(root + _translated(pattern))
    return _Patterns(_any_of(names), _any_of(paths))


def _any_of(expressions: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or r"(?!)", re.DOTALL)


def _translated(pattern: str) -> str:
    """Write a pattern as a regular expression."""
    parts = []
    for token in _TOKEN.findall(pattern):
        if token in _TRANSLATED:
            parts.append(_TRANSLATED[token])
        elif len(token) > 1:  # a set of characters, as both write it but for its negation
            inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]")
        else:
            parts.append(re.escape(token))
    return "".join(parts)


def _posix(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")
