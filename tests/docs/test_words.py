"""What pages call by name exists: settings, flags, variables, error codes, exceptions."""

import re
from collections.abc import Set as AbstractSet

import click
import pytest

import serverkit_proto
import serverkit_server
import serverkit_supervisor
import serverkit_worker
from serverkit_cli.main import cli
from serverkit_cli.other_servers import OTHER_SERVERS
from serverkit_proto.errors import REFUSALS
from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError
from serverkit_server.load import CONFIG_VARIABLE, ENV_FILE_VARIABLE, variable_of
from serverkit_server.setting_types import setting_types
from serverkit_supervisor.errors import SupervisorError
from serverkit_worker.errors import ERROR_REPLIES
from tests.docs.deployment_files import NGINX_DIRECTIVES
from tests.docs.pages import ROOT, page_files

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in page_files()}
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
UPPER_NAME = re.compile(r"SERVERKIT_[A-Z0-9_]+\b")
FLAG = re.compile(r"--[a-z][a-z0-9_-]+")
LIKE_A_SETTING = re.compile(
    r"[a-z]+(?:_[a-z]+)*_(?:affinity|budget|config|connections|dir|exclude|failure|file|format"
    r"|include|jitter|level|lifetime|log|mode|permissions|requests|rss|size|timeout|window)"
)
ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Disconnected)\b")

DOCUMENTED = set(UPPER_NAME.findall(PAGES["docs/reference/error-codes.md"]))
VARIABLES = {variable_of(name) for name in setting_types(ServerConfig)}
UPPER_NAMES = DOCUMENTED | set(REFUSALS) | VARIABLES | {CONFIG_VARIABLE, ENV_FILE_VARIABLE}
EXCEPTION_CODES = {
    error.code
    for package in (serverkit_server, serverkit_supervisor)
    for error in vars(package).values()
    if isinstance(error, type) and issubclass(error, (ServerError, SupervisorError))
}
STATUSES = {
    each: reply.status for table in (REFUSALS, ERROR_REPLIES) for each, reply in table.items()
}
STATUS_ROW = re.compile(r"^\|[^|]+\| (\d{3}[^|]*) \| (`SERVERKIT_[^|]+) \|$", re.MULTILINE)
# Of other programs.
FOREIGN_FLAGS = {"--strict", "--quick", "--help", "--latest", "--check", "--cases"}
# Of other servers, on the page about moving from them.
MOVING = "docs/guides/moving.md"
THEIR_FLAGS = {
    option.rstrip("*")
    for rows in OTHER_SERVERS.values()
    for row in rows
    for option in row.theirs.split()
}


def flags_of(command: click.Command) -> set[str]:
    """Give every flag of a command and of those below it."""
    own = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*map(flags_of, below))


def unknown_words(text: str, foreign: AbstractSet[str] = frozenset(FOREIGN_FLAGS)) -> set[str]:
    """Find the names in a page that nothing has."""
    inline = [found[1] for found in INLINE.finditer(FENCED.sub("", text))]
    ours = (serverkit_proto, serverkit_worker, serverkit_supervisor, serverkit_server)
    public = {name for package in ours for name in package.__all__} | {
        "OSError",
        "RuntimeError",
        "ValueError",
    }
    flags = {flag for code in inline for flag in FLAG.findall(code)}
    settings = {code for code in inline if LIKE_A_SETTING.fullmatch(code)}
    errors = {name for code in inline if ERROR.fullmatch(code) for name in [code]}
    return (
        (set(UPPER_NAME.findall(text)) - UPPER_NAMES)
        | (flags - flags_of(cli) - foreign)
        | (settings - set(setting_types(ServerConfig)) - NGINX_DIRECTIVES)
        | (errors - public)
    )


@pytest.mark.parametrize("name", PAGES)
def test_names_exist(name: str) -> None:
    """Every error code, variable, flag, setting and exception of ours that a page names exists."""
    foreign = FOREIGN_FLAGS | (THEIR_FLAGS if name == MOVING else set())

    assert unknown_words(PAGES[name], foreign) == set()


def test_every_code_of_an_exception_is_documented() -> None:
    """What has a code that programs may look for stands on the page of codes."""
    assert {"SERVERKIT_BIND_FAILED", "SERVERKIT_RELOAD_FAILED"} <= EXCEPTION_CODES <= DOCUMENTED


def wrong_statuses(text: str) -> list[str]:
    """Find the rows of a table that give a code another status than the server does."""
    return [
        f"{code}: {STATUSES[code]}, not {statuses}"
        for statuses, codes in STATUS_ROW.findall(text)
        for code in UPPER_NAME.findall(codes)
        if str(STATUSES[code]) not in statuses
    ]


def test_statuses_are_right() -> None:
    """Each row on what of HTTP is refused has the status of its code."""
    assert wrong_statuses(PAGES["docs/guides/http.md"]) == []


def test_a_wrong_status_is_seen() -> None:
    """A row with another status is found."""
    row = "| a | 400 | `SERVERKIT_PARSE_CONNECT` |"

    assert len(STATUS_ROW.findall(PAGES["docs/guides/http.md"])) > 15
    assert wrong_statuses(row) == ["SERVERKIT_PARSE_CONNECT: 501, not 400"]


@pytest.mark.parametrize(
    "text",
    ["SERVERKIT_PRT", "`--prot 8000`", "`request_time_timeout`", "`StartError`"],
)
def test_a_wrong_name_is_seen(text: str) -> None:
    """A misspelt name of each kind is found."""
    assert len(unknown_words(f"say {text} and see")) == 1
