"""The public names of all packages; run as a module it writes them into the snapshot."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.rules import RULES

SNAPSHOT = Path(__file__).with_name("public_names.txt")


def public_names(package: str) -> Iterator[str]:
    """Yield the public names of a package, with the package before each."""
    yield from (f"{package}.{name}" for name in sorted(importlib.import_module(package).__all__))


def undocumented(package: str) -> Iterator[str]:
    """Yield the public classes and functions without a docstring of their own.

    A dataclass is given its signature as a docstring, and an exception inherits one: neither
    counts.
    """
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            doc = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
            if not doc or doc.startswith(f"{value.__name__}("):
                yield f"{package}.{name}"


if __name__ == "__main__":
    names = [name for package in RULES for name in public_names(package)]
    SNAPSHOT.write_text("\n".join(names) + "\n", "utf-8")
