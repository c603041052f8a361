"""Checks of the files of a deployment: units of systemd, nginx, containers, Kubernetes.

Each check raises a FileError that says what is wrong. They know the directives that the pages use
and no others: what is new has to be looked at once.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from serverkit_cli.serve import serve
from serverkit_server.config import ServerConfig
from serverkit_server.load import variable_of
from serverkit_server.setting_types import setting_types

UNIT_DIRECTIVES = {
    "Unit": frozenset({"Description", "After", "Wants", "Requires"}),
    "Service": frozenset(
        {"Type", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFile"}
        | {"ExecStart", "ExecStartPre", "ExecReload", "Restart", "RestartSec", "RuntimeDirectory"}
        | {"NotifyAccess", "WatchdogSec", "PIDFile", "Sockets"}
        | {"TimeoutStartSec", "TimeoutStopSec", "KillMode", "KillSignal", "LimitNOFILE"}
        | {"StandardError", "NoNewPrivileges", "PrivateTmp", "ProtectSystem", "ProtectHome"}
        | {"AmbientCapabilities"}
    ),
    "Socket": frozenset(
        {"ListenStream", "FileDescriptorName", "SocketMode", "SocketUser", "SocketGroup", "Backlog"}
    ),
    "Install": frozenset({"WantedBy"}),
}
NGINX_DIRECTIVES = frozenset(
    {"client_max_body_size", "keepalive", "keepalive_requests", "keepalive_timeout", "listen"}
    | {"location", "proxy_buffering", "proxy_connect_timeout", "proxy_http_version", "proxy_pass"}
    | {"proxy_read_timeout", "proxy_request_buffering", "proxy_send_timeout", "proxy_set_header"}
    | {"proxy_ssl_name", "proxy_ssl_server_name", "proxy_ssl_trusted_certificate"}
    | {"proxy_ssl_verify"}
    | {"server", "server_name", "ssl_certificate", "ssl_certificate_key", "upstream"}
)
CONTAINER_DIRECTIVES = frozenset(
    {"CMD", "COPY", "ENV", "EXPOSE", "FROM", "RUN", "STOPSIGNAL", "USER", "WORKDIR"}
)
_COMMAND = re.compile(r"^ +command: (\[.*\])$", re.MULTILINE)
_VARIABLE = re.compile(r'^ +- name: (\w+)\n +value: "(.*)"$', re.MULTILINE)
_TOKEN = re.compile(r'#[^\n]*|"[^"]*"|[{};]|[^\s{};]+')


class FileError(AssertionError):
    """A file of a deployment is not as it must be."""


def check_command(words: Sequence[str]) -> None:
    """Check that a command line is one of `serverkit serve`, without running it."""
    if not words or words[0].rpartition("/")[2] != "serverkit" or words[1:2] != ["serve"]:
        raise FileError(f"{shlex.join(words)!r} does not serve")
    try:
        context = serve.make_context("serve", list(words[2:]))
    except click.ClickException as error:
        raise FileError(f"{shlex.join(words)!r}: {error.format_message()}") from None
    if not context.params["app"]:
        raise FileError(f"{shlex.join(words)!r} names no application")


def check_variable(assignment: str) -> None:
    """Check that a variable of ours exists, and takes what it is given."""
    name, _, text = assignment.partition("=")
    if not name.startswith("SERVERKIT_"):
        return
    takes = {variable_of(key): kind for key, kind in setting_types(ServerConfig).items()}
    kind = takes.get(name)
    if kind is None:
        raise FileError(f"there is no variable {name}")
    try:
        kind.from_text(text)
    except ValueError as error:
        raise FileError(f"{name} {error}") from None


def check_unit(text: str) -> None:
    """Check a unit of systemd: sections, directives, our command line and variables."""
    section = ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            if section not in UNIT_DIRECTIVES:
                raise FileError(f"a unit has no section {section}")
            continue
        name, equals, value = line.partition("=")
        if not equals or name not in UNIT_DIRECTIVES.get(section, ()):
            raise FileError(f"[{section}] has no directive {name!r}")
        if name == "ExecStart":
            check_command(shlex.split(value))
        if name == "Environment":
            for assignment in shlex.split(value):
                check_variable(assignment)


def check_nginx(text: str, folder: Path) -> None:
    """Check a part of an nginx configuration; by nginx itself too, where it is installed."""
    blocks, names = 0, set()
    for words, end in _nginx_statements(text):
        blocks += {"{": 1, "}": -1}.get(end, 0)
        if end == "}" and words:
            raise FileError(f"{' '.join(words)!r} is not ended by ;")
        if words and words[0] not in NGINX_DIRECTIVES:
            raise FileError(f"nginx has no directive {words[0]!r}, or none that these pages use")
        if words[:1] == ["upstream"]:
            names.add(words[1])
        if words[:1] == ["proxy_pass"] and words[1].partition("://")[2] not in names:
            raise FileError(f"{words[1]} leads to no upstream of this block")
    if blocks:
        raise FileError("braces do not match")
    nginx = shutil.which("nginx")
    if nginx:
        whole = folder / "nginx.conf"
        whole.write_text(f"events {{}}\nhttp {{\n{text}\n}}\n")
        command = [nginx, "-t", "-p", str(folder), "-c", str(whole)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise FileError(done.stderr)


def _nginx_statements(text: str) -> Iterator[tuple[list[str], str]]:
    words: list[str] = []
    for token in _TOKEN.findall(text):
        if token.startswith("#"):
            continue
        if token in ("{", "}", ";"):
            yield words, token
            words = []
        else:
            words.append(token)
    if words:
        raise FileError(f"{' '.join(words)!r} is not ended")


def check_container(text: str) -> None:
    """Check the recipe of a container: instructions, our command line and variables."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction not in CONTAINER_DIRECTIVES:
            raise FileError(f"a container has no instruction {instruction!r}")
        if instruction == "CMD":
            check_command(json.loads(rest))
        if instruction == "ENV":
            for assignment in shlex.split(rest):
                check_variable(assignment)


def check_pod(text: str) -> None:
    """Check the description of a pod: our command line and variables, and no tab."""
    commands = _COMMAND.findall(text)
    if "\t" in text or not commands:
        raise FileError("it has a tab, or no command in one line")
    for command in commands:
        check_command(json.loads(command))
    for name, value in _VARIABLE.findall(text):
        check_variable(f"{name}={value}")
