"""Tells people why a command failed: one message, and the exit code that says whose turn it is."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from serverkit_cli.options import flag_of
from serverkit_server.errors import ServerError
from serverkit_server.load import Source
from serverkit_server.setting_files import ConfigError


class Failure(click.ClickException):
    """A command cannot do its work. Usage errors, which end with 2, are click's own."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: object = None) -> None:
        """Write the message to stderr."""
        del file
        label = click.style("Error:", fg="red", bold=True)
        click.echo(f"{label} {self.format_message()}", err=True, color=self.show_color)


class Doubt(Exception):
    """Something works, but not as one may expect."""


@contextmanager
def told(*, debug: bool = False, sources: Mapping[str, Source] | None = None) -> Iterator[None]:
    """Turn what a server raises for people into the failure of a command.

    Args:
        debug: show all frames first.
        sources: what set each setting, to name the place to change.

    Raises:
        Failure: a setting is wrong, or the server cannot start or stop.
    """
    try:
        yield
    except ConfigError as error:
        raise Failure(str(error)) from error
    except ServerError as error:
        if debug:
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        elif error.details:
            click.echo(error.details, err=True)
        raise Failure(explain(error, sources or {}), error.exit_code) from error


def explain(error: ServerError, sources: Mapping[str, Source]) -> str:
    """Write what is wrong, where it was said, and what to do, in up to three lines."""
    lines = [error.message]
    if error.setting:
        source = sources.get(error.setting, Source("default"))
        flag = flag_of(error.setting)
        lines.append(f"Set by {source}." if source.place else f"{flag} sets it.")
    return "\n".join(filter(None, [*lines, error.remedy]))
