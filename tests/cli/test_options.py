"""Options, which are derived from the fields of the configuration."""

import re
from dataclasses import fields

import click
import pytest

from serverkit_cli.config_cmd import show
from serverkit_cli.main import cli
from serverkit_cli.options import SettingOption, default_of, flag_of
from serverkit_cli.serve import serve
from serverkit_server.config import ServerConfig
from serverkit_server.setting_types import setting_types

# Settings that no option can give, each with its reason.
WITHOUT_OPTION = {
    "access_log_filter": "it is a function",
}
# Named by the contract with those who have scripts.
PROMISED = {
    "--access-log",
    "--app",
    "--app-dir",
    "--bind",
    "--config",
    "--debug",
    "--env-file",
    "--factory",
    "--fd",
    "--header-timeout",
    "--host",
    "--http1",
    "--keep-alive-timeout",
    "--log-config",
    "--log-format",
    "--log-level",
    "--loop",
    "--max-request-size",
    "--max-requests-per-connection",
    "--no-access-log",
    "--port",
    "--request-timeout",
    "--root-path",
    "--shutdown-timeout",
    "--ssl-certfile",
    "--ssl-keyfile",
    "--startup-timeout",
    "--uds",
    "--worker-mode",
    "--workers",
    "--write-timeout",
}

TAKES = setting_types(ServerConfig)
FIELDS = {field.name: field for field in fields(ServerConfig)}
OPTIONS = {option.name: option for option in serve.params if isinstance(option, SettingOption)}


def help_of(option: click.Option) -> str:
    """What help says of an option, behind its flags."""
    record = option.get_help_record(click.Context(serve, info_name="serve"))
    assert record is not None
    return record[1]


def every_command() -> list[click.Command]:
    """All commands, with those below others."""
    found: list[click.Command] = [cli]
    for command in found:
        if isinstance(command, click.Group):
            found.extend(command.commands.values())
    return found


def test_every_setting_has_an_option() -> None:
    """No setting is out of reach of the command line, but for the named exceptions."""
    assert OPTIONS.keys() == FIELDS.keys() - WITHOUT_OPTION.keys()


def test_the_promised_flags_are_there() -> None:
    """The names that scripts rely on stay."""
    flags = {
        flag
        for option in serve.params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }

    assert flags >= PROMISED


@pytest.mark.parametrize("command", every_command(), ids=lambda command: str(command.name))
def test_every_command_and_option_has_help(command: click.Command) -> None:
    """Nobody has to guess what a command or an option does."""
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert len(option.help or "") > 10, option.opts


@pytest.mark.parametrize("name", OPTIONS)
def test_help_names_default_unit_and_variable(name: str) -> None:
    """What help says is the default is the default, and its unit and variable stand beside it."""
    field, takes = FIELDS[name], TAKES[name]
    found = re.fullmatch(
        r"(?s).*\[(?:default: (?P<default>\S+) ?(?P<unit>\w*); )?(?P<variable>\w+)\]",
        help_of(OPTIONS[name]),
    )

    assert found is not None
    assert takes is not None
    assert found["variable"] == f"SERVERKIT_{name.upper()}"
    if found["default"] is None:
        assert default_of(field) in (None, (), "")
    else:
        assert takes.from_text(found["default"]) == default_of(field)
        assert found["unit"] == field.metadata.get("unit", "")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_stands_under_the_heading_of_its_setting(name: str) -> None:
    """The groups of the settings are the headings of help."""
    assert OPTIONS[name].heading == FIELDS[name].metadata["group"]


@pytest.mark.parametrize("name", [name for name in OPTIONS if FIELDS[name].type is bool])
def test_every_switch_can_be_set_both_ways(name: str) -> None:
    """What a file switches on, an option can switch off, and the reverse."""
    flag = flag_of(name)

    assert OPTIONS[name].opts == [flag]
    assert OPTIONS[name].secondary_opts == [flag.replace("--", "--no-", 1)]


def test_config_show_takes_the_options_of_serve() -> None:
    """One can see what a command line would do by giving it to `config show`."""
    assert OPTIONS.keys() <= {option.name for option in show.params}


def test_choices_and_files_are_completed() -> None:
    """A shell is offered the choices of a setting, and files where it takes one."""
    context = click.Context(serve, info_name="serve")

    loops = OPTIONS["loop"].shell_complete(context, "a")
    files = OPTIONS["access_log_file"].shell_complete(context, "x")

    assert [item.value for item in loops] == ["asyncio", "auto"]
    assert [item.type for item in files] == ["file"]
