"""What ends a server, as told to people.

ServerError                      the server ends with exit_code
├── StartupError                 it has served nothing
│   ├── AppImportError           the application cannot be found, imported or called
│   ├── BindError                an address cannot be listened on
│   ├── LifespanError            the application refused or failed to start
│   ├── LogSetupError            the logging configuration cannot be applied
│   └── TLSSetupError            a certificate, its key, or what goes with them cannot be used
└── ShutdownError                it has served, and did not come to a clean end
    └── WorkerRestartLimitError  a worker crashed again and again
"""

from typing import ClassVar


class ServerError(Exception):
    """The server ends, for a reason that a person can act on.

    Attributes:
        message: what is wrong, in one or two lines.
        setting: the name of the setting at fault; empty when it is none.
        remedy: what to do about it; may be empty.
        details: what the application printed of itself, such as its traceback, without frames of
            the server; may be empty.
        exit_code: what the process ends with.
        code: a name that stays the same, for programs that read logs.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "SERVERKIT_SERVER_FAILED"

    def __init__(
        self, message: str, *, setting: str = "", remedy: str = "", details: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.setting = setting
        self.remedy = remedy
        self.details = details

    @property
    def worker_report(self) -> str:
        """What a supervisor is to log beside the message, in place of a traceback."""
        return "\n".join(filter(None, [self.details, self.remedy]))

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class StartupError(ServerError):
    """The server could not start; it has accepted no request."""

    code = "SERVERKIT_STARTUP_FAILED"


class AppImportError(StartupError):
    """The application cannot be found, cannot be imported, or is no ASGI application."""

    code = "SERVERKIT_APP_IMPORT_FAILED"


class BindError(StartupError):
    """An address cannot be listened on."""

    code = "SERVERKIT_BIND_FAILED"


class LifespanError(StartupError):
    """The application said that it cannot start, failed, or took too long to start."""

    code = "SERVERKIT_LIFESPAN_STARTUP_FAILED"


class LogSetupError(StartupError):
    """The logging configuration cannot be read or applied."""

    code = "SERVERKIT_LOG_SETUP_FAILED"


class TLSSetupError(StartupError):
    """A certificate, its key, or another setting of TLS cannot be used."""

    code = "SERVERKIT_TLS_SETUP_FAILED"


class ShutdownError(ServerError):
    """The server has served and is gone, but not everything came to its end.

    A request was cut off at the deadline, the application failed to shut down, or a worker ended
    without having been asked to.
    """

    code = "SERVERKIT_SHUTDOWN_FAILED"


class WorkerRestartLimitError(ShutdownError):
    """A worker crashed more often than `restart_budget` allows, so the server gave up."""

    code = "SERVERKIT_WORKER_RESTART_LIMIT"
