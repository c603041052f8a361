"""What the pages tell readers to install exists: what is ours, and what the tests install.

Rules:
    Nothing of ours is released, and somebody else has a name of ours on PyPI. So a page must never
    tell readers to install one of our names.
"""

import re
import tomllib
from collections.abc import Sequence

from tests.docs.pages import ROOT

_REQUIREMENT = re.compile(r"([A-Za-z][\w.-]*)(?:\[([\w,-]+)\])?")
_LOCAL = re.compile(r"(\./[\w./*-]+)(?:\[([\w,-]+)\])?")
_WHEELS = "./*.whl"  # within a container, copied from dist
_FLAGS_WITH_VALUE = frozenset({"--target", "-r", "-c"})
TOOLS = frozenset({"nox", "uv"})


class InstallError(AssertionError):
    """A page tells to install what is not there."""


def extras() -> dict[str, frozenset[str]]:
    """Give the extras of each of our distributions."""
    found = {}
    for path in ROOT.glob("packages/*/pyproject.toml"):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        found[project["name"]] = frozenset(project.get("optional-dependencies", {}))
    return found


def tested_with() -> frozenset[str]:
    """Name the distributions of others that the tests run with."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    listed = [each for name in ("alone", "tests") for each in groups[name] if isinstance(each, str)]
    return frozenset(found[1] for each in listed if (found := _REQUIREMENT.match(each)))


def check_pip(words: Sequence[str]) -> None:
    """Check a command line of pip; anything else is let pass.

    Raises:
        InstallError: it names what neither we nor the tests have.
    """
    if "pip" not in words or "install" not in words:
        return
    rest = list(words[words.index("install") + 1 :])
    ours, others = extras(), tested_with() | TOOLS
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            if word in _FLAGS_WITH_VALUE:
                rest.pop(0)
            continue
        local = _LOCAL.fullmatch(word)
        if local:
            _check_local(word, local[1], _extras_in(local))
            continue
        found = _REQUIREMENT.fullmatch(word)
        name = found[1] if found else word
        if name in ours:
            raise InstallError(f"{word} is not released; name its folder")
        if name not in others or _extras_in(found):
            raise InstallError(f"{word} is nothing the tests run with")


def _extras_in(found: re.Match[str] | None) -> frozenset[str]:
    return frozenset(filter(None, (found[2] or "").split(","))) if found else frozenset()


def _check_local(word: str, path: str, asked: frozenset[str]) -> None:
    if word == _WHEELS:
        return
    folders = list(ROOT.glob(path.removeprefix("./")))
    known = extras()
    for folder in folders:
        project = folder / "pyproject.toml"
        if not project.exists():
            raise InstallError(f"{word}: {folder} is no distribution")
        name = tomllib.loads(project.read_text("utf-8"))["project"]["name"]
        if not asked <= known[name]:
            raise InstallError(f"{word}: {name} has no such extra")
    if not folders:
        raise InstallError(f"{word} is not there")
