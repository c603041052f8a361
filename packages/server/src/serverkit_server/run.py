"""The shortest way to serve an application."""

from serverkit_server.config import ServerConfig
from serverkit_server.errors import ServerError
from serverkit_server.server import Server
from serverkit_worker.asgi import ASGIApp


def run(app: ASGIApp | str, **settings: object) -> None:
    """Serve an application until a signal says stop. Blocks.

    Args:
        app: an ASGI application, or the name of one: `module:attribute` or `module:function()`.
        settings: fields of `ServerConfig`, such as `port=8000`.

    Raises:
        TypeError: there is no setting of that name. The message suggests one.
        ValueError: a setting has a value that is not allowed.
        StartupError: the server could not start; nothing was served.
        ShutdownError: it served, but not everything came to its end.

    Threads: any; off the main thread no signals are handled.
    """
    server = Server(ServerConfig.from_mapping(settings), app)
    try:
        server.run()
    except ServerError as error:
        # Its message says what to do, and its cause what the application raised: how the server
        # came to it is of no use to who called.
        raise error.with_traceback(None) from error.__cause__
