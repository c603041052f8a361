"""The modules of each package, lowest first: a module imports only from those before it.

Every module stands here, by its name within the package; a new one is put after all that it
imports. `__init__` of the package and `__main__` stand above all and are not listed.
A subpackage has its own name for its `__init__`, which comes after the modules it re-exports.
"""

MODULES: dict[str, tuple[str, ...]] = {
    "serverkit_proto": (),
    "serverkit_worker": (
        "config",
        "errors",
        "lifecycle_events",
        "log_text",
        "log_output",
        "access_log_format",
        "access_log",
        "collectors",
        "debug_page",
        "loops",
    ),
    "serverkit_supervisor": ("contract",),
    "serverkit_server": (
        "setting_types",
        "setting_files",
        "load",
        "address",
        "errors",
        "config",
        "app_import",
        "gil",
        "port_holder",
        "unix_socket",
        "bind",
        "log_setup",
        "factory",
        "lifespan",
        "session",
        "banner",
        "signals",
        "server",
        "run",
        "testing.in_thread",
        "testing",
        "testing.pytest_plugin",
    ),
    "serverkit_cli": (
        "help_layout",
        "options",
        "failure",
        "settings",
        "schema",
        "output",
        "config_cmd",
        "info",
        "completion",
        "serve",
        "check",
        "main",
    ),
    "serverkit": (),
}
