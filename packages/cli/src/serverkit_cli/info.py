"""`serverkit info`: what runs here, for people and for bug reports."""

import importlib.metadata
import os
import platform
import ssl
import sys

import click

from serverkit_cli.help_layout import HeadedCommand
from serverkit_cli.output import format_option, wants_json, write_json
from serverkit_server.config import ServerConfig
from serverkit_server.cpus import count_available_cpus
from serverkit_server.gil import is_free_threaded_build, is_gil_enabled
from serverkit_server.worker_plan import plan_workers

_OURS = (
    "serverkit",
    "serverkit-cli",
    "serverkit-server",
    "serverkit-worker",
    "serverkit-supervisor",
    "serverkit-proto",
)


@click.command(
    "info",
    cls=HeadedCommand,
    params=[format_option("text", "json")],
    short_help="Show versions, GIL, CPUs, event loops.",
)
def info(output_format: str | None) -> None:
    """Show versions, the state of the GIL, CPUs and workers, event loops and parsers."""
    facts = gather()
    if wants_json(output_format):
        write_json(facts)
        return
    for heading, group in facts.items():
        click.secho(heading, bold=True)
        width = max(map(len, group)) + 2
        for name, value in group.items():
            click.echo(f"  {name:<{width}}{_write(value)}")


def gather() -> dict[str, dict[str, object]]:
    """Find the facts, without importing what is only looked for."""
    return {
        "packages": {name: version_of(name) for name in _OURS},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "free_threaded": is_free_threaded_build(),
            "gil": is_gil_enabled(),
        },
        "workers": {
            "cpus_available": count_available_cpus(),
            "auto": plan_workers(ServerConfig(workers=2)).description,
        },
        "loops": {"asyncio": platform.python_version(), "uvloop": version_of("uvloop")},
        "tls": {"library": ssl.OPENSSL_VERSION},
        "http1": {"fast": version_of("serverkit-proto"), "h11": version_of("h11")},
        "platform": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
        },
    }


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution; None when it is not there."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _write(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not installed" if value is None else str(value)
