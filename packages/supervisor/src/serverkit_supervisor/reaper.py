"""Removes processes that have ended and that nobody waits for, as process 1 has to.

A process whose parent is gone becomes a child of process 1, and stays in the system's table after
its end until its new parent has waited for it.

Rules:
    A child of one's own is left to who waits for it: an exit code that is taken from them is lost.
    Who they are is not always known: a child just started is not on any list yet, and those of an
    application never are. So nobody is removed before having been dead for a while.
    Nothing is done while no child ends.

Source: wait(2), "NOTES"; proc_pid_stat(5).
"""

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

_LOG = logging.getLogger("serverkit.supervisor")
_END_S: Final = 5.0
_PROC: Final = Path("/proc")


class _Dead(NamedTuple):
    """A child that has ended; together its number and its start are never used again."""

    pid: int
    start_ticks: int


class Reaper:
    """Waits for children that nobody else waits for. Use it as a context manager.

    Where there is no `/proc` to see them in, it does nothing.

    Args:
        own: the process ids of children that others wait for, however long that takes.
        patience_s: how long a child must have been dead before it is removed.

    Owner: who made it. `wake` may be called by any thread, and by signal handlers.
    """

    def __init__(
        self, *, own: Callable[[], Collection[int]] = tuple, patience_s: float = 5.0
    ) -> None:
        self._own = own
        self._patience_s = patience_s
        self._wakes: queue.SimpleQueue[Literal["look", "end"]] = queue.SimpleQueue()
        self._found_dead: dict[_Dead, float] = {}
        self._thread = threading.Thread(target=self._run, name="serverkit-reaper", daemon=True)

    def __enter__(self) -> Self:
        """Begin, with those that have ended already."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End; who is dead by now is left to the system."""
        self._wakes.put("end")
        self._thread.join(_END_S)

    def wake(self) -> None:
        """Say that a child has ended."""
        self._wakes.put("look")

    def _run(self) -> None:
        word = "look"
        while word == "look":
            try:
                next_due = self._reap(time.monotonic())
            except Exception:  # noqa: BLE001 - the list of own children is made by others
                _LOG.exception("Ended processes could not be removed.")
                next_due = None
            try:
                word = self._wakes.get(timeout=next_due)
            except queue.Empty:
                continue

    def _reap(self, now: float) -> float | None:
        """Remove whose time has come; return in how many seconds the next one's will, if any."""
        dead = set(_dead_children())
        own = self._own()
        self._found_dead = {
            each: self._found_dead.get(each, now) for each in dead if each.pid not in own
        }
        for each, since in list(self._found_dead.items()):
            if now - since >= self._patience_s:
                del self._found_dead[each]
                with contextlib.suppress(ChildProcessError):  # somebody has waited just now
                    os.waitid(os.P_PID, each.pid, os.WEXITED | os.WNOHANG)
                    _LOG.debug("Removed the ended process %d.", each.pid)
        if not self._found_dead:
            return None
        return max(0.0, min(self._found_dead.values()) + self._patience_s - now)


def is_process_1() -> bool:
    """Say whether this process inherits those whose parent is gone."""
    return os.getpid() == 1


def _dead_children() -> Iterator[_Dead]:
    """Find the children of this process that have ended and were not waited for."""
    parent = os.getpid()
    with contextlib.suppress(OSError):
        for folder in _PROC.iterdir():
            if folder.name.isdigit():
                # After the name of the program, which may hold anything, from the third field on.
                fields = _read_stat(folder).rpartition(")")[2].split()
                if fields and fields[0] == "Z" and int(fields[1]) == parent:
                    yield _Dead(int(folder.name), int(fields[19]))


def _read_stat(folder: Path) -> str:
    try:
        return (folder / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""  # It is gone.
