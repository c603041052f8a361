"""Writes the results of commands to stdout: for people on a terminal, as JSON for programs."""

import json
import sys

import click

from serverkit_cli.help_layout import HeadedOption


def format_option(*formats: str) -> HeadedOption:
    """Make the option --format; without it the last one is taken where stdout is no terminal."""
    return HeadedOption(
        ["--format", "output_format"],
        type=click.Choice(formats),
        help=f"How to write the result.  [default: {formats[0]} on a terminal, {formats[-1]} "
        "elsewhere]",
    )


def wants_json(output_format: str | None) -> bool:
    """Say whether the result is for a program."""
    return output_format == "json" if output_format else not sys.stdout.isatty()


def write_json(value: object) -> None:
    """Write a value to stdout as JSON, indented."""
    click.echo(json.dumps(value, indent=2, default=str))
