"""The main module of a program, made available once more in the process of a worker.

What a script defines belongs to the module `__main__`, and a new process has another one of that
name. So there the script is run again, under the name that `multiprocessing` gives it too: what
stands below `if __name__ == "__main__":` is left out.

Source: Python library reference, multiprocessing, "Safe importing of main module".
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

ADOPTED_NAME = "__mp_main__"


@dataclass(frozen=True, slots=True, kw_only=True)
class MainModule:
    """Where the main module of a program comes from; one of the two is given.

    Args:
        name: to import it by, as with `python -m`.
        path: of the script.
    """

    name: str = ""
    path: str = ""


def find_main() -> MainModule | None:
    """Find the main module of this process; None: it cannot be run again, as in a prompt."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return MainModule(name=spec.name)
    path = getattr(main, "__file__", None)
    if spec is None and path is not None and Path(path).is_file():
        return MainModule(path=str(Path(path).absolute()))
    return None


def adopt_main(main: MainModule) -> None:
    """Run the main module of another process here, and let `__main__` be what it defines.

    Raises:
        ImportError: it cannot be found any more.
        OSError: it cannot be read.
        Exception: what the module raises.
    """
    module = ModuleType(ADOPTED_NAME)
    module.__file__ = main.path
    code = _find_code(main.name, module) if main.name else _read_code(main.path)
    sys.modules["__main__"] = sys.modules[ADOPTED_NAME] = module
    exec(code, module.__dict__)  # noqa: S102 - this is how a module is run


def _read_code(path: str) -> CodeType:
    return compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)


def _find_code(name: str, module: ModuleType) -> CodeType:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(f"the main module {name} cannot be found", name=name)
    get_code = getattr(spec.loader, "get_code", None)
    code: CodeType | None = get_code(name) if get_code is not None else None
    if code is None:
        raise ImportError(f"the main module {name} has no Python code", name=name)
    module.__spec__, module.__file__, module.__package__ = spec, spec.origin, spec.parent
    return code
