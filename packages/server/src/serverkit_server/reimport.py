"""Imports the code of an application anew, in a process that runs it already.

Rules:
    Only modules of the application are imported anew: those below its folders, and the package that
    its name begins with. What is installed beside it, Python's own and the server's stay.
    An attempt that fails leaves everything as it was: whatever the old code imports later, it finds
    the modules it was made with.
    The source counts, not what was compiled of it: Python takes compiled code for current when time
    and size of the source are the same, where the time is in whole seconds. An editor can save
    twice in one.
"""

import contextlib
import importlib
import importlib.abc
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

# Compiled code is trusted where it is so much younger than the source.
_TRUSTED_S: Final = 2.0
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_OUR_PREFIX: Final = "serverkit"


class AppModules:
    """Tells modules of an application from all others.

    Args:
        folders: what is below them is the application's, unless it is installed there.
        package: the first part of the name of the application's module, which is the
            application's wherever it is; empty: there is none.
    """

    def __init__(self, folders: Sequence[str | os.PathLike[str]], package: str = "") -> None:
        found = [form for folder in folders for form in _forms(os.fspath(folder))]
        self._folders = tuple(dict.fromkeys(found))
        self._package = package
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        self._foreign = tuple(
            form for name in names for form in _forms(sysconfig.get_paths().get(name, ""))
        )

    def find(self) -> dict[str, ModuleType]:
        """Give those of the modules that are imported, by name. Threads: any."""
        return {
            name: module for name, module in list(sys.modules.items()) if self._has(name, module)
        }

    def _has(self, name: str, module: ModuleType) -> bool:
        top = name.partition(".")[0]
        if top in ("__main__", "__mp_main__") or top.startswith(_OUR_PREFIX):
            return False
        places = _places_of(module)
        if any(place.startswith(self._foreign) for place in places):
            return top == self._package and any(map(_is_installed, places))
        return top == self._package or any(self._is_below_folders(place) for place in places)

    def _is_below_folders(self, place: str) -> bool:
        return any(
            place.startswith(folder) and not _is_installed(place.removeprefix(folder))
            for folder in self._folders
        )


class Reimport:
    """One attempt at importing an application anew.

    Args:
        modules: which are the application's.

    Owner: whoever makes the attempt. Threads: one at a time; `undo` by any, once `begin` is done.
    """

    def __init__(self, modules: AppModules) -> None:
        self._modules = modules
        self._before: dict[str, ModuleType] | None = None

    def begin(self) -> None:
        """Forget the modules of the application, so that the next import reads them anew."""
        self._before = before = self._modules.find()
        for name, module in before.items():
            _drop_stale_bytecode(getattr(module, "__spec__", None))
            sys.modules.pop(name, None)
        importlib.invalidate_caches()

    def undo(self) -> None:
        """Put everything back as it was, if anything was changed. May be repeated."""
        if self._before is None:
            return
        for name, module in self._modules.find().items():
            if self._before.get(name) is not module:
                sys.modules.pop(name, None)
        sys.modules.update(self._before)


class _FreshFinder(importlib.abc.MetaPathFinder):
    """Finds modules as the other finders do, and drops compiled code that may be stale."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if isinstance(finder, _FreshFinder) or find is None:
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                _drop_stale_bytecode(spec)
                return spec
        return None


@contextlib.contextmanager
def without_stale_bytecode() -> Iterator[None]:
    """Import from the source while the block runs, wherever what was compiled may be stale."""
    finder = _FreshFinder()
    importlib.invalidate_caches()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the application has tidied up
            sys.meta_path.remove(finder)


def _drop_stale_bytecode(spec: ModuleSpec | None) -> None:
    if spec is None or not spec.origin or not spec.cached:
        return
    if not spec.origin.endswith(tuple(SOURCE_SUFFIXES)):  # compiled code may be all there is
        return
    source, compiled = Path(spec.origin), Path(spec.cached)
    with contextlib.suppress(OSError):  # there is none, or it is not ours to remove
        if compiled.stat().st_mtime - _changed_at(source) < _TRUSTED_S:
            compiled.unlink()


def _changed_at(source: Path) -> float:
    """Give the time of a file's last change here; what copies files may set the other one back."""
    facts = source.stat()
    return max(facts.st_mtime, facts.st_ctime)


def _places_of(module: ModuleType) -> list[str]:
    """Give the file of a module, or the folders of a package that has none."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return _forms(file)
    try:
        folders = [each for each in getattr(module, "__path__", ()) if isinstance(each, str)]
    except Exception:  # noqa: BLE001 - whatever a stranger has put into sys.modules
        return []
    return [form for folder in folders for form in _forms(folder)]


def _forms(text: str) -> list[str]:
    """Give a path as it is written, and without symbolic links; a folder ends with a separator."""
    if not text:
        return []
    path = Path(text).absolute()
    end = os.sep if path.is_dir() else ""
    return [each.rstrip(os.sep) + end for each in (os.path.normpath(path), str(path.resolve()))]


def _is_installed(place: str) -> bool:
    return not _INSTALLED.isdisjoint(Path(place).parts)
