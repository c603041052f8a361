"""Why a worker is gone, in words."""

import os
import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReason:
    """How a run of a worker came to its end; `str` gives the rest of a sentence about it.

    Args:
        code: the exit code of a process; None for a thread, where a signal ended it, and where
            nobody knows.
        signal: the name of the signal that ended a process, such as "SIGKILL"; else empty.
        out_of_memory: the kernel killed it for want of memory.
        error: what it raised, in short; empty where it raised nothing.
        asked: it had been asked to drain or to stop.
        lost: its status was taken by somebody else who waited for all children of this process.
    """

    code: int | None = None
    signal: str = ""
    out_of_memory: bool = False
    error: str = ""
    asked: bool = False
    lost: bool = False

    @property
    def expected(self) -> bool:
        """Whether it ended as it had been asked to: in good order, not by force."""
        return self.asked and not (self.error or self.signal or self.code or self.lost)

    def __str__(self) -> str:
        if self.error:
            return f"it raised {self.error}"
        if self.signal:
            memory = " (out of memory: the limit of its cgroup)" if self.out_of_memory else ""
            return f"it was killed by {self.signal}{memory}"
        if self.code:
            return f"it ended with exit code {self.code}"
        if self.lost:
            return "it ended, and something else in this process took its exit status"
        if self.asked:
            return "it returned, as it was asked to"
        return "it returned without having been asked to"


def signal_name(number: int) -> str:
    """Name a signal: "SIGKILL"; "signal 42" for one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def of_process(
    status: int | None, *, asked: bool, error: str = "", out_of_memory: bool = False
) -> ExitReason:
    """Make the reason from what the system says.

    Args:
        status: as `os.waitpid` gives it; None: somebody else has it.
        asked: the worker had been asked to end.
        error: what the worker raised, as it said itself.
        out_of_memory: the cgroup counted a process killed for want of memory meanwhile. Counts
            only where the process was killed.
    """
    if status is None:
        return ExitReason(asked=asked, error=error, lost=True)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return ExitReason(code=code, asked=asked, error=error)
    return ExitReason(
        signal=signal_name(-code),
        out_of_memory=out_of_memory and -code == signal.SIGKILL,
        asked=asked,
        error=error,
    )
