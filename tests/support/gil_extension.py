"""An extension module that makes a free-threaded Python switch its GIL on."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

NAME = "needs_gil"
SOURCE = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "needs_gil", 0, -1, 0};
PyMODINIT_FUNC PyInit_needs_gil(void) { return PyModule_Create(&module); }
"""


def build_gil_extension(folder: Path) -> None:
    """Build the module `needs_gil` in a folder; skip the test where that cannot be done."""
    source = folder / f"{NAME}.c"
    source.write_text(SOURCE, "utf-8")
    target = folder / f"{NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    compiler = ["cc", "-shared", "-fPIC", f"-I{include}", "-o", str(target), str(source)]
    try:
        built = subprocess.run(compiler, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no C compiler")
    if built.returncode:
        pytest.skip("there are no headers to build with")
