"""`serverkit`: the command line, in which `serverkit APP` is short for `serverkit serve APP`."""

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from serverkit_cli import __version__
from serverkit_cli.check import check
from serverkit_cli.completion import completion
from serverkit_cli.config_cmd import config
from serverkit_cli.help_layout import examples, help_width
from serverkit_cli.info import info
from serverkit_cli.serve import serve
from serverkit_server.errors import ShutdownError
from serverkit_server.process_end import end_process

INTERRUPTED = 130


class ServingGroup(click.Group):
    """A group of commands in which the name of an application stands for serving it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in `serve` where the options of it come first.

        Args:
            ctx: the context of the group.
            args: the command line.
        """
        ctx.color = _wants_color()
        own = {flag for param in self.get_params(ctx) for flag in param.opts}
        if args and args[0].startswith("-") and args[0] not in own:
            args = [str(serve.name), *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; `serve` for what can be the name of an application.

        Args:
            ctx: the context of the group.
            args: the command line from the command on.
        """
        word = args[0]
        if self.get_command(ctx, word) is None:
            if any(mark in word for mark in ":./"):
                args = [str(serve.name), *args]
            elif not ctx.resilient_parsing:
                raise click.UsageError(_unknown(word, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which they were added.

        Args:
            ctx: the context of the group.
        """
        del ctx
        return list(self.commands)


@click.group(
    cls=ServingGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        ("serverkit hello:app", "serve app of hello.py on http://127.0.0.1:8000"),
        ("serverkit hello:app --port 9000", "the same on another port"),
        ("serverkit check hello:app", "find out whether it could be served"),
        ("serverkit config show", "see which settings are in effect, and why"),
        ("serverkit serve --help", "see all options"),
    ),
)
@click.version_option(
    __version__, "-V", "--version", prog_name="serverkit", message="%(prog)s %(version)s"
)
def cli() -> None:
    """Serve a Python web application.

    `serverkit APP` is short for `serverkit serve APP`, where APP is module:attribute.
    """


for _command in (serve, check, config, info, completion):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    Args:
        arguments: what stands behind the name of the program; that of this process when None.

    Raises:
        SystemExit: always. 0: done. 1: it failed, for the reason on stderr. 2: the command line
            cannot be understood. 130: interrupted from the keyboard.
    """
    try:
        code = cli.main(arguments, standalone_mode=False, max_content_width=help_width())
    except click.ClickException as error:
        error.show()
        if isinstance(error.__cause__, ShutdownError):
            end_process(error.exit_code)  # though the application may have left threads
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(code or 0)


def _wants_color() -> bool | None:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def _unknown(word: str, commands: list[str]) -> str:
    if word in ("help", "version"):
        return f"There is no command {word!r}. Write serverkit --{word}"
    close = difflib.get_close_matches(word, commands, 1)
    if close:
        return f"There is no command {word!r}. Did you mean {close[0]}?"
    if Path(f"{word}.py").is_file() or Path(word, "__init__.py").is_file():
        return f"There is no command {word!r}. To serve app of {word}, write {word}:app"
    return f"There is no command {word!r}; an application is named module:attribute."
