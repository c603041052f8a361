"""Sizes and names of files and functions; and that the checks see what is wrong."""

import ast
import itertools
from pathlib import Path, PurePath

import pytest

from tests.architecture import shape
from tests.architecture.rules import PACKAGES, ROOT, RULES, source_of
from tests.architecture.source import Module, modules

FOLDERS = (PACKAGES, ROOT / "tests", ROOT / "benchmarks", ROOT / "examples", ROOT / "docs")
FILES = [ROOT / "noxfile.py", *itertools.chain.from_iterable(f.rglob("*.py") for f in FOLDERS)]
SOURCES = {path.relative_to(ROOT).as_posix(): path for path in sorted(FILES)}
INITS = [module for name in RULES for module in modules(source_of(name)) if module.is_init]

# What may be larger than the bounds, each with the reason.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def offenders(found: list[str]) -> set[str]:
    """The names at the start of the lines of a check."""
    return {line.partition(" ")[0] for line in found}


def test_files_are_short() -> None:
    """No file is longer than the bound, and no exception is out of date."""
    found = [
        line
        for name, path in SOURCES.items()
        for line in shape.long_file(name, path.read_text("utf-8"))
    ]

    assert offenders(found) == set(LONG_FILES), "\n".join(found)


def test_functions_are_short() -> None:
    """No function is longer than the bound, and no exception is out of date."""
    found = [
        line
        for name, path in SOURCES.items()
        for line in shape.long_functions(name, ast.parse(path.read_text("utf-8")))
    ]

    assert offenders(found) == set(LONG_FUNCTIONS), "\n".join(found)


def test_files_are_named_for_their_job() -> None:
    """No file of the project has a name under which anything could be put."""
    assert [line for name in SOURCES for line in shape.empty_name(PurePath(name))] == []


@pytest.mark.parametrize("module", INITS, ids=lambda module: module.name)
def test_an_init_only_reexports(module: Module) -> None:
    """Nothing is defined in an `__init__`."""
    assert list(shape.more_than_reexports(module.name, module.tree)) == []


# The checks themselves.


@pytest.mark.parametrize(("lines", "breaches"), [(399, 0), (400, 0), (401, 1)])
def test_a_long_file_is_seen(lines: int, breaches: int) -> None:
    """The bound itself is allowed."""
    assert len(list(shape.long_file("f.py", "x\n" * lines))) == breaches


@pytest.mark.parametrize(("lines", "breaches"), [(49, 0), (50, 0), (51, 1)])
@pytest.mark.parametrize("start", ["def f():\n", "class C:\n async def f(a,\n   b):\n"])
def test_a_long_function_is_seen(start: str, lines: int, breaches: int) -> None:
    """The bound itself is allowed; signature and docstring do not count."""
    text = start + '  """Say.\n\n  More.\n  """\n' + "  x = 1\n" * lines

    assert len(list(shape.long_functions("f.py", ast.parse(text)))) == breaches


def test_a_function_with_nothing_but_a_docstring_is_short() -> None:
    """A method of a protocol has no lines of code."""
    assert list(shape.long_functions("f.py", ast.parse('def f():\n  """Say."""\n'))) == []


@pytest.mark.parametrize("name", ["a/utils.py", "helpers/b.py", "base.py"])
def test_an_empty_name_is_seen(name: str) -> None:
    """Folders count like files."""
    assert list(shape.empty_name(Path(name)))


@pytest.mark.parametrize(
    "text", ["def f(): ...", "x = 1", "if True: import a", "__all__ += x.y()", "a.__all__ = ()"]
)
def test_more_than_a_reexport_is_seen(text: str) -> None:
    """Definitions, conditions and side effects are named, the allowed statements are not."""
    good = '"""Doc."""\nfrom a import b\nimport c\n__all__ = ("b",)\n__version__ = "1"\n'

    assert list(shape.more_than_reexports("p", ast.parse(good + text))) == [
        "p:6 is more than a re-export"
    ]
