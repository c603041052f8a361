"""On a free-threaded build nothing of ours turns the GIL on."""

import os
import subprocess
import sys
import sysconfig

import pytest

from tests.architecture.rules import source_of
from tests.architecture.source import modules

BOUND_S = 120
SCRIPT = "import importlib, sys; [importlib.import_module(n) for n in {!r}]; {}"
SAY_GIL = "print(sys._is_gil_enabled())"

pytestmark = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this build has a GIL"
)


def in_fresh_interpreter(script: str) -> str:
    """Run a script where nothing is imported yet and nothing has forced the GIL off."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.check_output(command, env=environment, text=True, timeout=BOUND_S)


def test_importing_every_module_leaves_the_gil_off(package: str) -> None:
    """Every module of the package is imported, also those that are imported only when needed."""
    names = [m.name for m in modules(source_of(package)) if not m.name.endswith("__main__")]

    assert in_fresh_interpreter(SCRIPT.format(names, SAY_GIL)) == "False\n"


def test_a_gil_that_is_on_is_seen() -> None:
    """The check can tell: asked for the GIL, the same interpreter says that it is on."""
    script = "import os, sys; os.environ['PYTHON_GIL'] = '1'; os.execv(sys.executable, {!r})"
    again = [sys.executable, "-c", "import sys; " + SAY_GIL]

    assert in_fresh_interpreter(script.format(again)) == "True\n"
