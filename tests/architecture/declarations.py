"""Checks of what a distribution declares against the rights of its package."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.architecture.rules import Rule

OURS = re.compile(r"serverkit(-[a-z]+)?")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def import_name(requirement: str) -> str:
    """Give the name under which a requirement is imported; ours and theirs differ by no more."""
    return NAME.match(requirement)[0].lower().replace("-", "_")  # type: ignore[index]


def undeclared_rights(project: Mapping[str, Any], rule: Rule) -> Iterator[str]:
    """Yield the differences between the requirements of a distribution and the rights it has."""
    required = {import_name(text) for text in project["dependencies"]}
    extras = project.get("optional-dependencies", {}).values()
    optional = {import_name(text) for extra in extras for text in extra} - required
    for declared, rights, where in (
        (required, rule.ours | rule.third_party, "dependencies"),
        (optional, rule.optional, "optional-dependencies"),
    ):
        yield from (f"{name} is not in {where}" for name in sorted(rights - declared))
        yield from (f"{name} is in {where} without a right" for name in sorted(declared - rights))


def loose_siblings(project: Mapping[str, Any]) -> Iterator[str]:
    """Yield the requirements of ours that are not the range compatible with the version."""
    major, minor, _ = map(int, project["version"].split("."))
    wanted = f">={major}.{minor},<{major}.{minor + 1}"
    extras: Sequence[Sequence[str]] = list(project.get("optional-dependencies", {}).values())
    for text in (text for texts in [project["dependencies"], *extras] for text in texts):
        name, extra, requested = re.fullmatch(r"([\w.-]+)(\[.*?\])?(.*)", text).groups()  # type: ignore[union-attr]
        if OURS.fullmatch(name) and requested != wanted:
            yield f"{name}{extra or ''}{requested} is not {wanted}"


def missing_metadata(project: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader of the package index would miss."""
    wanted = ("description", "readme", "license", "license-files", "authors", "keywords")
    yield from (f"no {key}" for key in wanted if not project.get(key))
    if project.get("requires-python") != ">=3.12":
        yield "requires-python is not >=3.12"
    classifiers = "\n".join(project.get("classifiers", ()))
    for part in ("Python :: 3.12", "Python :: 3.14", "Python :: Free Threading", "Typing :: Typed"):
        if part not in classifiers:
            yield f"no classifier with {part}"
