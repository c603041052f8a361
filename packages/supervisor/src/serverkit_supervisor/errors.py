"""What a supervisor cannot mend, as told to people.

SupervisorError                  the supervisor ends, but for the last one
├── StartupFailed                a worker did not become ready; nothing was served
├── RestartLimitReached          a worker crashed again and again; all others were stopped in order
├── Unstopped                    the end has come, and some workers would not
└── ReloadFailed                 the new generation did not come up; the old one goes on serving

Rules:
    A code is never changed and never given a second meaning; new ones are added.
    Every code stands in docs/reference/error-codes.md.
"""

from collections.abc import Sequence
from typing import ClassVar


class SupervisorError(Exception):
    """Something went wrong that starting a worker once more does not mend.

    Attributes:
        message: what is wrong, in one or two lines.
        remedy: what to do about it; may be empty.
        code: a name that stays the same, for programs that read logs.
    """

    code: ClassVar[str] = "SERVERKIT_SUPERVISOR_FAILED"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class _WorkerFailed(SupervisorError):
    """A worker failed.

    Attributes:
        error: what the worker raised; None where it raised nothing, or something that could not
            come over from its process.
        traceback: of that error, or the stacks of what the worker was doing; may be empty.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        error: BaseException | None = None,
        traceback: str = "",
    ) -> None:
        super().__init__(message, remedy)
        self.error = error
        self.traceback = traceback


class StartupFailed(_WorkerFailed):
    """A worker did not become ready the first time. All others are stopped."""

    code = "SERVERKIT_WORKER_STARTUP_FAILED"


class ReloadFailed(_WorkerFailed):
    """The new generation could not be made ready. The old one was not touched."""

    code = "SERVERKIT_RELOAD_FAILED"


class RestartLimitReached(SupervisorError):
    """A worker crashed more often than the restart policy allows. All others are stopped.

    Attributes:
        reason: how the last crash came about, such as "it was killed by SIGKILL".
    """

    code = "SERVERKIT_WORKER_MAX_RESTARTS"

    def __init__(self, message: str, remedy: str = "", *, reason: str) -> None:
        super().__init__(message, remedy)
        self.reason = reason


class Unstopped(SupervisorError):
    """The time is over and some workers did not stop. Threads cannot be killed.

    Attributes:
        names: the workers, as the log names them.
    """

    code = "SERVERKIT_WORKERS_UNSTOPPED"

    def __init__(self, message: str, remedy: str = "", *, names: Sequence[str]) -> None:
        super().__init__(message, remedy)
        self.names = tuple(names)
