"""Notices when a free-threaded Python has its GIL on after all, and what switched it on.

Rules:
    Nothing is imported to find out. Python itself warns when an extension module makes it switch
    the GIL on; that warning is overheard and still goes where it would have gone.
"""

import importlib.machinery
import logging
import re
import sys
import sysconfig
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

_LOG = logging.getLogger("serverkit.server")
_WARNING = re.compile(r"has been enabled to load module '([^']+)'")


def is_free_threaded_build() -> bool:
    """Say whether this Python can run without a GIL."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def is_gil_enabled() -> bool:
    """Say whether the GIL is on at this moment."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return ask is None or bool(ask())


class GilWatch:
    """Overhears, while an application is imported, which module switches the GIL on.

    Threads: the one that imports; other threads should not import meanwhile.
    """

    def __init__(self) -> None:
        self.culprits: list[str] = []
        self._show = warnings.showwarning

    def __enter__(self) -> Self:
        self._show = warnings.showwarning
        warnings.showwarning = self._overhear
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        warnings.showwarning = self._show

    def _overhear(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        found = _WARNING.search(str(message))
        if found:
            self.culprits.append(found[1])
        self._show(message, category, filename, lineno, file, line)


def explain_gil(culprits: Sequence[str]) -> str:
    """Say why the GIL is on, as the rest of a sentence; empty where it is off.

    Args:
        culprits: the modules that are known to have switched it on.
    """
    if not is_gil_enabled():
        return ""
    if not is_free_threaded_build():
        return "this Python is built with it"
    if _is_gil_asked_for():
        return "it was asked for (PYTHON_GIL, -X gil)"
    if culprits:
        return f"the module {culprits[0]!r} needs it"
    suspects = ", ".join(sorted(_foreign_extensions())) or "none is known"
    return f"a module needs it that was imported before; extension modules: {suspects}"


def warn_if_gil_is_back(culprits: Sequence[str]) -> None:
    """Log a warning where a free-threaded Python has its GIL on and nobody asked for that.

    Args:
        culprits: the modules that are known to have switched it on.
    """
    if is_free_threaded_build() and is_gil_enabled() and not _is_gil_asked_for():
        _LOG.warning(
            "The GIL is on, though this Python can do without: %s. One worker serves as well, but "
            "threads will not run at the same time.",
            explain_gil(culprits),
        )


def _is_gil_asked_for() -> bool:
    return getattr(sys.flags, "gil", None) == 1


def _foreign_extensions() -> set[str]:
    """Name the extension modules that do not come with Python."""
    own = (sysconfig.get_path("platstdlib"), sysconfig.get_path("stdlib"))
    found = set()
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        loader = getattr(spec, "loader", None)
        origin = getattr(spec, "origin", None) or ""
        if isinstance(loader, importlib.machinery.ExtensionFileLoader) and not (
            origin.startswith(own) and "site-packages" not in origin
        ):
            found.add(name)
    return found
