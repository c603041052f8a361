"""Reads a tree of Python packages: its modules, and what each of them imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file of a package, parsed.

    Args:
        name: dotted, with the package first; a package's own name for its `__init__`.
        path: the file.
        tree: its syntax.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]

    @property
    def inner(self) -> str:
        """The name within the package; empty for the `__init__` of the package."""
        return self.name.partition(".")[2]

    @property
    def is_init(self) -> bool:
        """Whether the file is an `__init__`."""
        return self.path.stem == "__init__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name.

    Args:
        line: where it stands.
        module: the module named after `from`, or after `import`; absolute, relative ones resolved.
        name: the name taken from it; None for `import module`.
    """

    line: int
    module: str
    name: str | None = None

    @property
    def top(self) -> str:
        """The top-level package or module."""
        return self.module.partition(".")[0]

    @property
    def dotted(self) -> str:
        """The full name of what is imported."""
        return self.module if self.name is None else f"{self.module}.{self.name}"


def modules(source: Path) -> Iterator[Module]:
    """Yield every module below the folder of a package, `__init__` files too."""
    for path in sorted(source.rglob("*.py")):
        parts = [source.name, *path.relative_to(source).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        yield Module(
            name=".".join(parts), path=path, tree=ast.parse(path.read_text("utf-8"), str(path))
        )


def imports(module: Module) -> Iterator[Import]:
    """Yield all that a module imports, wherever in the file the statement stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(line=node.lineno, module=alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            target = resolve(module, node)
            yield from (
                Import(line=node.lineno, module=target, name=alias.name) for alias in node.names
            )


def resolve(module: Module, node: ast.ImportFrom) -> str:
    """Give the absolute name of the module after `from`."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - 1 if module.is_init else node.level
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
