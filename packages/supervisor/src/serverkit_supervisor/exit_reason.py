"""Why a worker is gone, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReason:
    """How a run of a worker came to its end; `str` gives the rest of a sentence about it.

    Args:
        code: the exit code of a process; None for a thread, and where a signal ended it.
        signal: the name of the signal that ended a process, such as "SIGKILL"; else empty.
        out_of_memory: the kernel killed it for want of memory.
        error: what it raised, in short; empty where it raised nothing.
    """

    code: int | None = None
    signal: str = ""
    out_of_memory: bool = False
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"it raised {self.error}"
        if self.signal:
            return f"it was killed by {self.signal}"
        if self.code:
            return f"it ended with exit code {self.code}"
        return "it returned without having been asked to"
