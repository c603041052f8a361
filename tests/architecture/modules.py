"""The modules of each package, lowest first: a module imports only from those before it.

Every module stands here, by its name within the package; a new one is put after all that it
imports. `__init__` of the package and `__main__` stand above all and are not listed.
A subpackage has its own name for its `__init__`, which comes after the modules it re-exports.
"""

MODULES: dict[str, tuple[str, ...]] = {
    "serverkit_proto": (),
    "serverkit_worker": (),
    "serverkit_supervisor": ("contract",),
    "serverkit_server": (
        "setting_types",
        "setting_files",
        "load",
        "testing.pytest_plugin",
        "testing",
    ),
    "serverkit_cli": (),
    "serverkit": (),
}
