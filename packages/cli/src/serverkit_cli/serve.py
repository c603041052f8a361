"""`serverkit serve`: serves an application until it is told to stop."""

import click

from serverkit_cli.failure import told
from serverkit_cli.help_layout import HeadedCommand, examples
from serverkit_cli.options import app_name, app_parameters, setting_options
from serverkit_cli.settings import load_settings
from serverkit_server.process_end import bound_end
from serverkit_server.server import Server


@click.command(
    "serve",
    cls=HeadedCommand,
    params=[*app_parameters(), *setting_options()],
    epilog=examples(
        ("serverkit serve hello:app", "app of hello.py, on port 8000"),
        ("serverkit serve hello:app --port 0", "on any free port, which is shown"),
        ("serverkit serve 'shop.web:make_app()'", "an application that a function makes"),
        ("serverkit serve hello:app --uds /run/hello.sock", "on a unix socket"),
        ("serverkit serve hello:app --ssl-certfile c.pem --ssl-keyfile k.pem", "over https"),
        ("SERVERKIT_PORT=9000 serverkit serve hello:app", "a setting from the environment"),
    ),
)
@click.pass_context
def serve(ctx: click.Context, /, **_parameters: object) -> None:
    """Serve an application.

    APP is module:attribute, imported from this folder (see --app-dir), or module:function() for
    one that a function makes.

    Ctrl-C or SIGTERM: requests in flight are finished, for at most --shutdown-timeout; a second
    one ends everything at once. Exit code 0 after a clean end, 1 with the reason otherwise, 2 for
    a command line that cannot be understood.

    An option wins over its variable, a variable over the file (see --config), the file over the
    default. With --debug, errors at the start show all frames.
    """
    app = app_name(ctx)
    loaded = load_settings(ctx)
    with told(debug=loaded.config.debug, sources=loaded.sources):
        Server(loaded.config, app).run()
    bound_end(loaded.config.shutdown_timeout)
