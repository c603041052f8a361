"""Lays out the help of a command: options under headings, in columns that fit the terminal."""

import shutil
from collections.abc import Iterable
from typing import Any

import click

from serverkit_cli.other_servers import counterpart

# Headings of settings, in the order in which people look for them; others follow.
HEADINGS = (
    "Address",
    "Application",
    "Workers",
    "Development",
    "Runtime",
    "Protocol",
    "Responses",
    "Timeouts",
    "Limits",
    "Recycling",
    "WebSocket",
    "TLS",
    "Logging",
)
OTHER = "Options"
_FLAGS_WIDTH = 30  # filled by each, so that all sections have the same columns
_NARROWEST, _WIDEST = 50, 100


class HeadedOption(click.Option):
    """An option that stands under a heading.

    Attributes:
        heading: the heading.
    """

    def __init__(
        self,
        declarations: Iterable[str],
        *,
        heading: str = OTHER,
        **attributes: Any,  # noqa: ANN401 - those of click.Option
    ) -> None:
        super().__init__(tuple(declarations), **attributes)
        self.heading = heading


class HeadedCommand(click.Command):
    """A command whose help has its options under headings, and that knows those of others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; one that another server has is answered with ours.

        Args:
            ctx: the context of the command.
            args: the command line behind its name.

        Raises:
            click.UsageError: it cannot be understood.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            told = counterpart(error.option_name)
            if not told:
                raise
            raise click.UsageError(f"No such option {error.option_name!r}. {told}", ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading.

        Args:
            ctx: the context of the command.
            formatter: what the help is written to.
        """
        sections: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record and isinstance(option, click.Option):
                sections.setdefault(getattr(option, "heading", OTHER), []).append(
                    (record[0].ljust(_FLAGS_WIDTH), record[1])
                )
        sections[OTHER] = sections.pop(OTHER, [])
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records, col_max=_FLAGS_WIDTH)


def examples(*rows: tuple[str, str]) -> str:
    """Make a paragraph of examples, each a command and what it does, that help keeps as it is."""
    width = max(len(command) for command, _ in rows) + 2
    lines = (f"  {command:<{width}}{what}".rstrip() for command, what in rows)
    return "\b\nExamples:\n" + "\n".join(lines)


def help_width() -> int:
    """How many columns help may take: those of the terminal, within reason."""
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
