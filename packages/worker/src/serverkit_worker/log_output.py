"""Takes finished lines to a file, a pipe or a terminal, and outlives what goes wrong there.

Rules:
    Writing never raises: a log that cannot be written must not stop the requests it is about.
    Lines stay whole, whoever else writes to the same place.
"""

import logging
import os
import select
import stat
import sys
import threading
from pathlib import Path
from typing import Final, Self

_LOGGER: Final = logging.getLogger("serverkit.error")
# Into a pipe, a write of up to this many bytes is not mixed with those of other processes; POSIX
# says nothing of terminals and sockets, where short writes at least do no harm. write(2), pipe(7).
_WHOLE_BYTES: Final = getattr(select, "PIPE_BUF", 512)
_CLOSED: Final = -1
_NEW_FILE_MODE: Final = 0o640


class LogOutput:
    """A place for lines. Share one among all the logs of a process that write to the same place.

    When the place fails (disk full, reader gone) this is reported once to the logger
    `serverkit.error`. Lines are then dropped and counted until a write succeeds again.

    Args:
        fd: a descriptor open for writing. It is borrowed: `close` leaves it open.

    Threads: any, for all methods; a lock makes one write at a time of them.
    """

    def __init__(self, fd: int) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._lost_lines = 0
        self._failed = False
        self._fd, self._is_file, self._torn = fd, _is_file(fd), False

    @classmethod
    def stderr(cls) -> Self:
        """Return the process's standard error; where it has none, lines go nowhere.

        A process may be started without one. Descriptor 2 is then whatever was opened third.
        """
        return cls(_CLOSED if sys.__stderr__ is None else sys.__stderr__.fileno())

    @classmethod
    def file(cls, path: Path) -> Self:
        """Open a file to append to, making it where it does not exist.

        Raises:
            OSError: it cannot be opened.
        """
        output = cls(_open(path))
        output._path = path
        return output

    @property
    def is_terminal(self) -> bool:
        """Whether somebody is looking on."""
        return self._fd != _CLOSED and os.isatty(self._fd)

    @property
    def lost_lines(self) -> int:
        """How many lines could not be written so far."""
        return self._lost_lines

    def write(self, lines: bytes) -> None:
        """Write whole lines, each with its line break. Blocks as long as the place does.

        A file takes them with one call of the system, so a reader sees all or none.
        """
        with self._lock:
            written, error = self._try_to_write(lines)
            lost = lines.count(b"\n", written)
            self._lost_lines += lost
            was_failed, self._failed = self._failed, error is not None
            lost_lines = self._lost_lines
        if error is not None and not was_failed:
            _LOGGER.error("A log cannot be written, its lines are dropped: %s", error)
        elif error is None and was_failed:
            _LOGGER.warning("A log can be written again; %d lines were lost.", lost_lines)

    def reopen(self) -> None:
        """Go on in a new file of the same path, after the old one was moved away.

        Does nothing where the place is not a file that this object opened.

        Raises:
            OSError: the new file cannot be opened. The old one stays in use.
        """
        with self._lock:
            if self._path is not None and self._fd != _CLOSED:
                fd = _open(self._path)
                os.close(self._fd)
                self._fd, self._is_file, self._torn = fd, _is_file(fd), False

    def close(self) -> None:
        """Close what this object opened. What is written later is dropped. Repeatable."""
        with self._lock:
            if self._path is not None and self._fd != _CLOSED:
                os.close(self._fd)
            self._fd = _CLOSED

    def _try_to_write(self, lines: bytes) -> tuple[int, OSError | None]:
        """Write until done or failed; return how much was written, and the failure."""
        if self._fd == _CLOSED:
            return 0, None
        written = 0
        try:
            if self._torn:  # Half a line was written before the failure.
                os.write(self._fd, b"\n")
                self._torn = False
            while written < len(lines):
                end = len(lines) if self._is_file else _end_of_piece(lines, written)
                written += os.write(self._fd, memoryview(lines)[written:end])
        except OSError as error:
            self._torn = self._torn or (written > 0 and lines[written - 1] != ord("\n"))
            return written, error
        return written, None


def _is_file(fd: int) -> bool:
    try:
        return fd != _CLOSED and stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError:
        return False  # It is not open: the first write says so.


def _open(path: Path) -> int:
    # O_APPEND: several processes, and a tool that truncates the file, may work on it at once.
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE_MODE)


def _end_of_piece(lines: bytes, start: int) -> int:
    """Return where a piece that starts there ends: as many whole lines as fit, or one too long."""
    if len(lines) - start <= _WHOLE_BYTES:
        return len(lines)
    end = lines.rfind(b"\n", start, start + _WHOLE_BYTES) + 1
    return end or lines.index(b"\n", start) + 1
