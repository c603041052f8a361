"""The list of modules in docs/design/architecture.md, from the modules themselves."""

import ast

from docs.generator.parts import table
from tests.architecture.modules import MODULES
from tests.architecture.rules import ROOT, source_of


def module_list() -> str:
    """Make a table for each package that has modules: each with the first line of its docstring."""
    return "\n".join(
        f"### {package}\n\n{table(('module', 'job'), [_row(package, name) for name in names])}"
        for package, names in MODULES.items()
        if names
    )


def _row(package: str, name: str) -> tuple[str, str]:
    stem = source_of(package) / name.replace(".", "/")
    path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    link = f"../../{path.relative_to(ROOT).as_posix()}"
    return f"[{name}]({link})", said.partition("\n")[0]
