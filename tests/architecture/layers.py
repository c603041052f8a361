"""Checks of who imports whom; each yields one line for each breach."""

import ast
import graphlib
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence

from tests.architecture.rules import Rule
from tests.architecture.source import Import, Module, imports


def forbidden_imports(
    module: Module, rules: Mapping[str, Rule], undeclared: Collection[tuple[str, str]]
) -> Iterator[str]:
    """Yield the imports to which the module's package has no right."""
    rule = rules[module.package]
    allowed = {module.package, *rule.ours, *rule.third_party, *rule.optional}
    for found in imports(module):
        at = f"{module.name}:{found.line}"
        if found.top in rule.forbidden_stdlib:
            yield f"{at} imports {found.module}, which its package must do without"
        elif found.top in sys.stdlib_module_names or found.top in allowed:
            continue
        elif (module.name, found.top) not in undeclared:
            yield f"{at} imports {found.module}, to which its package has no right"


def unused_rights(package: str, found: Collection[Module], rule: Rule) -> Iterator[str]:
    """Yield what a package may import and no module of it does."""
    used = {each.top for module in found for each in imports(module)}
    for name in sorted((rule.ours | rule.third_party | rule.optional) - used):
        yield f"{package} may import {name} and does not"


def cycles(rules: Mapping[str, Rule]) -> Iterator[str]:
    """Yield the cycle among the packages, if there is one."""
    try:
        graphlib.TopologicalSorter({name: rule.ours for name, rule in rules.items()}).prepare()
    except graphlib.CycleError as error:
        yield " -> ".join(error.args[1])


def misplaced_modules(found: Sequence[Module], order: Sequence[str]) -> Iterator[str]:
    """Yield modules that the list lacks, and names in it that are no modules."""
    present = {module.inner for module in found} - {"", "__main__"}
    yield from (f"{name} is not listed" for name in sorted(present - set(order)))
    yield from (f"{name} is listed and does not exist" for name in sorted(set(order) - present))
    yield from (
        f"{name} is listed twice" for name in sorted({n for n in order if order.count(n) > 1})
    )


def upward_imports(module: Module, order: Sequence[str]) -> Iterator[str]:
    """Yield the imports of modules that do not come before the module in its package's list.

    Of the package itself a module may import `__version__`, which stands nowhere else.
    """
    if module.inner in {"", "__main__"}:
        return
    below = set(order[: order.index(module.inner)]) if module.inner in order else set()
    for found in imports(module):
        if found.top == module.package:
            target = target_of(found, order)
            if target not in below and found.dotted != f"{module.package}.__version__":
                yield f"{module.name}:{found.line} imports {target or 'the package itself'}"


def target_of(found: Import, order: Sequence[str]) -> str:
    """Give the module within the package that is imported: `from p import module` names one."""
    inner, dotted = (name.partition(".")[2] for name in (found.module, found.dotted))
    return dotted if dotted in order else inner


def private_uses(module: Module, ours: Collection[str]) -> Iterator[str]:
    """Yield `_private` names of one package that a module of another imports or reaches into."""
    others = set(ours) - {module.package}
    bound = set()
    for found in imports(module):
        if found.top in others:
            bound.add(found.name or found.top)
            if any(is_private(part) for part in found.dotted.split(".")):
                yield f"{module.name}:{found.line} imports {found.dotted}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in bound:
                yield f"{module.name}:{node.lineno} uses {ast.unparse(node)}"


def is_private(name: str) -> bool:
    """Say whether a name is private: one underscore or two before it, none after it."""
    return name.startswith("_") and not name.endswith("__")


def type_checking_escapes(module: Module) -> Iterator[str]:
    """Yield the uses of TYPE_CHECKING, which hides an import from the program but not from us."""
    for node in ast.walk(module.tree):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name == "TYPE_CHECKING" or (
            isinstance(node, ast.alias) and node.name == "TYPE_CHECKING"
        ):
            yield f"{module.name}:{getattr(node, 'lineno', 0)} has TYPE_CHECKING"


def importers(name: str, found: Collection[Module]) -> set[str]:
    """Give the names of the modules that import a package."""
    return {module.name for module in found if any(each.top == name for each in imports(module))}
