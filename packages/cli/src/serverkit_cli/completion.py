"""`serverkit completion`: scripts that make shells complete the command line."""

import click
from click.shell_completion import get_completion_class

from serverkit_cli.failure import Failure
from serverkit_cli.help_layout import examples

PROGRAM = "serverkit"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    short_help="Print the completion script of a shell.",
    epilog=examples(
        ('eval "$(serverkit completion bash)"', "in ~/.bashrc"),
        ('eval "$(serverkit completion zsh)"', "in ~/.zshrc"),
        ("serverkit completion fish | source", "in ~/.config/fish/config.fish"),
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and choices."""
    completer = get_completion_class(shell)
    if completer is None:
        raise Failure(f"This version of click cannot complete in {shell}.")
    command = ctx.find_root().command
    variable = f"_{PROGRAM.upper()}_COMPLETE"
    try:
        script = completer(command, {}, PROGRAM, variable).source()
    except (OSError, RuntimeError) as error:
        raise Failure(f"{shell} cannot be asked for its version: {error}") from error
    click.echo(script)
