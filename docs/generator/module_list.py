"""The list of modules in docs/design/architecture.md, from the modules themselves."""

import ast
from collections.abc import Iterator

from docs.generator.parts import table
from tests.architecture.modules import MODULES, PARTS
from tests.architecture.rules import ROOT, source_of


def module_list() -> str:
    """Make a table for each package, or each part of it: each module with what its docstring says.

    A package without modules is left out.
    """
    return "\n".join(
        text for package, names in MODULES.items() for text in _package(package, names)
    )


def _package(package: str, names: tuple[str, ...]) -> Iterator[str]:
    if not names:
        return
    parts = PARTS.get(package)
    yield f"### {package}\n"
    if parts is None:
        yield _table(package, names)
        return
    for heading, part in parts.items():
        yield f"#### {heading}\n\n{_table(package, part)}"


def _table(package: str, names: tuple[str, ...]) -> str:
    return table(("module", "job"), [_row(package, name) for name in names])


def _row(package: str, name: str) -> tuple[str, str]:
    stem = source_of(package) / name.replace(".", "/")
    path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    link = f"../../{path.relative_to(ROOT).as_posix()}"
    return f"[{name}]({link})", said.partition("\n")[0]
