"""docs/reference/cli.md, from the commands themselves."""

import inspect
import re
from collections.abc import Iterator

import click

from docs.generator.parts import NOTE, table
from serverkit_cli.help_layout import HEADINGS
from serverkit_cli.main import cli
from serverkit_cli.options import SettingOption, setting_options

INTRODUCTION = f"""# The command line

{NOTE}

`serverkit` and `python -m serverkit` are the same. `serverkit COMMAND --help` shows what is here,
with the defaults.

Exit codes of every command: 0 when it did what it was asked, 1 with the reason on stderr, 2 for a
command line that cannot be understood, 130 when it was interrupted from the keyboard while it
read its settings or imported the application.
"""
_WITH_SETTINGS = "serverkit serve"
_EXAMPLE = re.compile(r"^  (\S.*?)(?:  +(.*))?$", re.MULTILINE)


def cli_page() -> str:
    """Make the page."""
    sections = [INTRODUCTION, "\n".join(_section("serverkit", cli))]
    sections += ["\n".join(_section(name, each)) for name, each in _commands(cli, "serverkit")]
    return "\n".join(sections)


def _commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        yield full, command
        if isinstance(command, click.Group):
            yield from _commands(command, full)


def _section(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f"## {name}\n"
    yield f"`{name} {' '.join(command.collect_usage_pieces(context))}`\n"
    yield _reflow(inspect.cleandoc(command.help or "")) + "\n"
    own = [each for each in command.params if not isinstance(each, SettingOption)]
    options = [each for each in own if isinstance(each, click.Option)]
    if options:
        yield table(("option", "what it does"), map(_row, options))
    settings = [each for each in command.params if isinstance(each, SettingOption)]
    if settings and name == _WITH_SETTINGS:
        yield _settings(settings)
    elif settings:
        _require_all(settings)
        anchor = _WITH_SETTINGS.replace(" ", "-")
        yield f"And every setting that [`{_WITH_SETTINGS}`](#{anchor}) takes.\n"
    examples = _EXAMPLE.findall((command.epilog or "").partition("Examples:")[2])
    if examples:
        width = max(len(line) for line, _ in examples)
        lines = (f"{line:<{width}}  # {what}" if what else line for line, what in examples)
        yield "```sh\n" + "\n".join(lines) + "\n```\n"


def _require_all(options: list[SettingOption]) -> None:
    """Prove that a command takes every setting, as the page says.

    Raises:
        ValueError: it does not.
    """
    every = [each.name for each in setting_options() if isinstance(each, SettingOption)]
    if [each.name for each in options] != every:
        raise ValueError("a command takes some settings and not others: let the page say which")


def _settings(options: list[SettingOption]) -> str:
    """Name the settings that a command takes, each with a link to what it means."""
    _require_all(options)
    rows = []
    for heading in HEADINGS:
        flags = [
            f"[`{' / '.join((*each.opts, *each.secondary_opts))}`](settings.md#{each.name})"
            for each in options
            if each.heading == heading
        ]
        rows.append((heading, ", ".join(flags)))
    return f"And these [settings](settings.md):\n\n{table(('group', 'options'), rows)}"


def _row(option: click.Option) -> tuple[str, str]:
    flags = "`, `".join((*option.opts, *option.secondary_opts))
    kind = option.type
    choices = f" {'|'.join(kind.choices)}" if isinstance(kind, click.Choice) else ""
    metavar = f" {option.metavar}" if option.metavar else choices
    return f"`{flags}{metavar}`", re.sub(r"  \[(.*)\]$", r" (\1)", option.help or "")


def _reflow(text: str) -> str:
    """Join the lines of each paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
