"""Checks of sizes, names and `__init__` files; each yields one line for each breach."""

import ast
from collections.abc import Iterator
from pathlib import PurePath

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
EMPTY_NAMES = frozenset({"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"})
type Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_file(name: str, text: str) -> Iterator[str]:
    """Yield the file if it is too long."""
    lines = len(text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{name} has {lines} lines"


def long_functions(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the functions that are too long, their docstrings not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = code_lines(node)
            if lines > MAX_FUNCTION_LINES:
                yield f"{name}:{node.name} has {lines} lines"


def code_lines(function: Function) -> int:
    """Count the lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def empty_name(path: PurePath) -> Iterator[str]:
    """Yield the file if its name, or that of its folder, does not say what its one job is."""
    for part in (path.stem, *path.parts[:-1]):
        if part in EMPTY_NAMES:
            yield f"{path} is named {part}"


def more_than_reexports(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the statements of an `__init__` other than imports, `__all__` and `__version__`."""
    start = 1 if ast.get_docstring(tree) is not None else 0
    for node in tree.body[start:]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if not names or not names <= {"__all__", "__version__"}:
            yield f"{name}:{node.lineno} is more than a re-export"
