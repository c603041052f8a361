"""Tells in the words of a server what a supervisor could not mend, and what its workers lost."""

from serverkit_server.errors import (
    ServerError,
    ShutdownError,
    StartupError,
    WorkerRestartLimitError,
)
from serverkit_supervisor import (
    RestartLimitReached,
    StartupFailed,
    SupervisorError,
    SupervisorEvent,
    Unstopped,
)


def as_server_error(error: SupervisorError) -> ServerError:
    """Tell what a supervisor could not mend as a server does."""
    match error:
        case StartupFailed() if isinstance(error.error, ServerError):
            return error.error
        case StartupFailed():
            # What a worker did that was late is in the log already.
            details = error.traceback if error.error is not None else ""
            return StartupError(_sentence(error.message), remedy=error.remedy, details=details)
        case RestartLimitReached():
            return WorkerRestartLimitError(_sentence(error.message), remedy=error.remedy)
        case Unstopped():
            return ShutdownError(
                _sentence(error.message), setting="shutdown_timeout", remedy=error.remedy
            )
        case _:
            return ShutdownError(_sentence(error.message), remedy=error.remedy)


def loss_of(event: SupervisorEvent) -> ServerError:
    """Say what a worker may have lost at the end."""
    if isinstance(event.error, ServerError):
        return event.error
    return ShutdownError(f"{_sentence(event.worker)[:-1]} did not end well: {event.reason}.")


def all_of(failures: dict[str, ServerError]) -> ServerError:
    """Make one error of those of several workers."""
    if len(failures) == 1:
        return next(iter(failures.values()))
    text = "\n".join(f"{worker}: {error.message}" for worker, error in failures.items())
    settings = {error.setting for error in failures.values()}
    return ShutdownError(text, setting=settings.pop() if len(settings) == 1 else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
