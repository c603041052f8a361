"""Who imports whom, as rules.py and modules.py have it; and that the checks see what is wrong."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import layers
from tests.architecture.modules import MODULES
from tests.architecture.rules import RULES, UNDECLARED, WRAPPED, Rule, source_of
from tests.architecture.source import Module, modules

ALL = {package: tuple(modules(source_of(package))) for package in RULES}
EVERY = [module for found in ALL.values() for module in found]


def collect(lines: Iterator[Iterator[str]]) -> list[str]:
    """All the breaches in one list, for a failure that names them all."""
    return list(itertools.chain.from_iterable(lines))


def test_a_package_imports_only_what_it_may(package: str) -> None:
    """Every import in every file, inside functions too, is one to which the package has a right."""
    found = ALL[package]

    assert collect(layers.forbidden_imports(m, RULES, UNDECLARED) for m in found) == []


def test_a_package_uses_all_its_rights(package: str) -> None:
    """What a package may import, some module of it does import."""
    assert list(layers.unused_rights(package, ALL[package], RULES[package])) == []


def test_packages_form_no_cycle() -> None:
    """The packages depend on each other one way."""
    assert list(layers.cycles(RULES)) == []


def test_every_module_has_its_place(package: str) -> None:
    """The list of modules is exhaustive and exact."""
    assert list(layers.misplaced_modules(ALL[package], MODULES[package])) == []


def test_a_module_imports_only_from_below(package: str) -> None:
    """No module imports one that is not listed before it, nor its own package's `__init__`."""
    assert collect(layers.upward_imports(m, MODULES[package]) for m in ALL[package]) == []


def test_no_private_name_crosses_packages(package: str) -> None:
    """What a package calls private no other package touches."""
    assert collect(layers.private_uses(m, RULES) for m in ALL[package]) == []


def test_nothing_hides_behind_type_checking(package: str) -> None:
    """There is no import that only the type checker sees."""
    assert collect(layers.type_checking_escapes(m) for m in ALL[package]) == []


@pytest.mark.parametrize(("wrapped", "wrapper"), WRAPPED.items())
def test_a_wrapped_package_is_imported_by_its_wrapper_alone(wrapped: str, wrapper: str) -> None:
    """Just one module knows the foreign protocol library."""
    assert layers.importers(wrapped, EVERY) == {wrapper}


# The checks themselves, on a tree that is wrong in every way.

BAD_RULES = {
    "low": Rule(forbidden_stdlib=frozenset({"socket"})),
    "high": Rule(ours=frozenset({"low"}), third_party=frozenset({"unused"})),
}
BAD_TREE = {
    "low/__init__.py": "",
    "low/a.py": "from . import b\nfrom ..high.top import thing\n",
    "low/b.py": "import json\ndef f():\n    import socket.fake\n    from low import a\n",
    "low/sub/__init__.py": "from .inner import x\n",
    "low/sub/inner.py": "from typing import TYPE_CHECKING\nfrom ..b import f\n",
    "high/__init__.py": "",
    "high/top.py": "import low._secret\nfrom low.b import f\nf._hidden\nf.__doc__\nimport h11\n",
    "high/extra.py": "import low.a\nimport typing\nif typing.TYPE_CHECKING:\n    import left_pad\n",
}
BAD_ORDER = {"low": ("a", "b", "sub", "sub.inner", "gone"), "high": ("extra", "extra")}


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Module]:
    """The modules of the bad tree by their names."""
    for name, text in BAD_TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = itertools.chain(modules(tmp_path / "low"), modules(tmp_path / "high"))
    return {module.name: module for module in found}


@pytest.mark.parametrize(
    ("name", "breaches"),
    [
        ("low", []),
        ("low.a", ["low.a:2 imports high.top, to which its package has no right"]),
        ("low.b", ["low.b:3 imports socket.fake, which its package must do without"]),
        ("high.top", ["high.top:5 imports h11, to which its package has no right"]),
        ("high.extra", []),
    ],
)
def test_forbidden_imports_are_seen(bad: dict[str, Module], name: str, breaches: list[str]) -> None:
    """Relative imports are resolved, imports in functions seen, and exceptions honoured."""
    undeclared = {("high.extra", "left_pad")}

    assert list(layers.forbidden_imports(bad[name], BAD_RULES, undeclared)) == breaches


def test_unused_rights_are_seen(bad: dict[str, Module]) -> None:
    """A right without an import is named."""
    high = [module for module in bad.values() if module.package == "high"]

    assert list(layers.unused_rights("high", high, BAD_RULES["high"])) == [
        "high may import unused and does not"
    ]


def test_a_cycle_is_seen() -> None:
    """Two packages that have a right to each other are named."""
    rules = {"a": Rule(ours=frozenset({"b"})), "b": Rule(ours=frozenset({"a"}))}

    assert list(layers.cycles(rules)) in (["a -> b -> a"], ["b -> a -> b"])


def test_misplaced_modules_are_seen(bad: dict[str, Module]) -> None:
    """Unlisted, vanished and doubled names are told apart."""
    high = [module for module in bad.values() if module.package == "high"]
    low = [module for module in bad.values() if module.package == "low"]

    assert list(layers.misplaced_modules(high, BAD_ORDER["high"])) == [
        "top is not listed",
        "extra is listed twice",
    ]
    assert list(layers.misplaced_modules(low, BAD_ORDER["low"])) == [
        "gone is listed and does not exist"
    ]


@pytest.mark.parametrize(
    ("name", "breaches"),
    [
        ("low", []),
        ("low.a", ["low.a:1 imports b"]),
        ("low.b", []),
        ("low.sub", ["low.sub:1 imports sub.inner"]),
        ("low.sub.inner", []),
        ("high.top", []),
    ],
)
def test_upward_imports_are_seen(bad: dict[str, Module], name: str, breaches: list[str]) -> None:
    """An import of a later module is named, in its relative forms too."""
    order = BAD_ORDER[bad[name].package]

    assert list(layers.upward_imports(bad[name], order)) == breaches


def test_an_import_of_the_own_package_is_seen(tmp_path: Path) -> None:
    """A module may not go through its package's `__init__`, but for the version."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.py").write_text(
        "import own\nfrom own import thing\nfrom own import __version__\n"
    )
    (module,) = modules(tmp_path / "own")

    assert list(layers.upward_imports(module, ("a",))) == [
        "own.a:1 imports the package itself",
        "own.a:2 imports the package itself",
    ]


def test_private_uses_are_seen(bad: dict[str, Module]) -> None:
    """A private module, and a private attribute of what was imported, are named."""
    assert list(layers.private_uses(bad["high.top"], BAD_RULES)) == [
        "high.top:1 imports low._secret",
        "high.top:3 uses f._hidden",
    ]


@pytest.mark.parametrize(("name", "line"), [("low.sub.inner", 1), ("high.extra", 3)])
def test_type_checking_escapes_are_seen(bad: dict[str, Module], name: str, line: int) -> None:
    """Both ways to spell TYPE_CHECKING are named."""
    escapes = list(layers.type_checking_escapes(bad[name]))

    assert escapes == [f"{name}:{line} has TYPE_CHECKING"]


def test_importers_are_seen(bad: dict[str, Module]) -> None:
    """The modules that import a package are named."""
    assert layers.importers("low", bad.values()) == {
        *("low.a", "low.b", "low.sub", "low.sub.inner", "high.top", "high.extra")
    }
