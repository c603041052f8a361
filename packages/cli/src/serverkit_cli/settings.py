"""Loads the configuration that a command line, the environment and the files make together."""

import click

from serverkit_cli.failure import told
from serverkit_cli.options import flag_of, given_settings
from serverkit_server.config import ServerConfig
from serverkit_server.load import Loaded, load


def load_settings(ctx: click.Context) -> Loaded[ServerConfig]:
    """Load the configuration for a command that has the options of settings.

    Raises:
        Failure: a setting is wrong, or a file cannot be read.
    """
    with told():
        return load(
            ServerConfig,
            given_settings(ctx),
            config_file=ctx.params["config_file"],
            env_file=ctx.params["env_file"],
            name_argument=flag_of,
        )
