"""What users can rely on; and that the checks see what is wrong."""

import sys
import tomllib
from dataclasses import dataclass
from types import ModuleType

import pytest

from tests.architecture.public_names import SNAPSHOT, public_names, undocumented
from tests.architecture.rules import RULES, folder_of

REWRITE = "if this is meant, run: python -m tests.architecture.public_names"


def test_the_public_names_are_those_of_the_snapshot() -> None:
    """No public name comes or goes unnoticed."""
    names = {name for package in RULES for name in public_names(package)}
    known = set(SNAPSHOT.read_text("utf-8").split())

    assert names - known == set(), REWRITE
    assert known - names == set(), REWRITE


def test_every_public_name_is_documented(package: str) -> None:
    """A public class or function has a docstring of its own."""
    assert list(undocumented(package)) == []


def test_the_version_is_that_of_the_distribution(package: str) -> None:
    """`__version__` is public, and what the index says."""
    project = tomllib.loads((folder_of(package) / "pyproject.toml").read_text("utf-8"))["project"]
    module = __import__(package)

    assert "__version__" in module.__all__
    assert module.__version__ == project["version"]


def test_undocumented_names_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a dataclass's signature nor an inherited docstring counts."""

    class Documented(Exception):
        """It has one."""

    class Inherits(Documented):
        pass

    @dataclass
    class Generated:
        x: int

    module = ModuleType("fake")
    named = {"Documented": Documented, "Inherits": Inherits, "Generated": Generated, "NUMBER": 1}
    vars(module).update(named, function=lambda: None, __all__=[*named, "function"])
    monkeypatch.setitem(sys.modules, "fake", module)

    assert list(undocumented("fake")) == ["fake.Inherits", "fake.Generated", "fake.function"]
    assert next(public_names("fake")) == "fake.Documented"
