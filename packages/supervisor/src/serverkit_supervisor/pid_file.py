"""The file that says which process the service is.

Rules:
    Readers see a whole number or no file at all, never half of one.
    Whether the one that is named lives is known by a lock it holds on the file, not by its number:
    that may be somebody else's by now.
    At the end the file is removed only if it still is the one that was made.

Source: flock(2).
"""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from serverkit_supervisor.folder_turn import folder_turn

_MODE: Final = 0o644
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class PidFileError(Exception):
    """The file cannot be made.

    Attributes:
        message: why.
        holder: the process that holds it; 0 where that is not the reason.
    """

    def __init__(self, message: str, *, holder: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.holder = holder


class PidFile:
    """Names this process in a file as long as it is open. Use it as a context manager.

    Args:
        path: where; its folder must exist. A relative one is resolved now.

    Owner: who made it. `remove` may be called by any thread, also by a signal handler.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._fd = -1
        self._identity: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        """Make the file, unless it has been made already."""
        if self._fd < 0:
            self.write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Remove the file and let the lock go."""
        self.remove()

    def write(self, *, successor_of: int = 0) -> None:
        """Make the file, in the place of one that nobody holds.

        Args:
            successor_of: a process that may be named there, and hands over to this one.

        Raises:
            PidFileError: another living process holds it, or it cannot be written.
        """
        try:
            with folder_turn(self.path.parent):
                self._make_room(successor_of)
                fd, temporary = self._make_temporary()
                try:
                    os.rename(temporary, self.path)  # noqa: PTH104 - in line with the others
                except BaseException:
                    os.close(fd)
                    _unlink_if_there(temporary)
                    raise
        except OSError as error:
            raise PidFileError(
                f"the pid file {self.path} cannot be written: {error.strerror or error}"
            ) from error
        found = os.fstat(fd)
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Remove the file if it is the one that was made here. Repeatable."""
        fd, identity = self._fd, self._identity
        self._fd, self._identity = -1, None
        if fd < 0:
            return
        with contextlib.suppress(OSError):
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == identity:
                os.unlink(self.path)  # noqa: PTH108 - called in signal handlers: as little as it can
        with contextlib.suppress(OSError):
            os.close(fd)

    def _make_room(self, successor_of: int) -> None:
        """Make sure that nobody holds the file.

        Raises:
            PidFileError: somebody does, or it is no file.
        """
        try:
            old = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        try:
            self._judge(old, successor_of)
        finally:
            os.close(old)

    def _judge(self, old: int, successor_of: int) -> None:
        if not stat.S_ISREG(os.fstat(old).st_mode):
            raise PidFileError(f"{self.path} is there already, and is no file")
        named = _pid_in(os.read(old, 32))
        if named and named == successor_of:
            return
        # A lock outlives its owner in children that were forked from it.
        if not _lock(old, unless_lives=named) and _lives(named):
            raise PidFileError(
                f"the pid file {self.path} is held by process {named}, which runs", holder=named
            )

    def _make_temporary(self) -> tuple[int, str]:
        fd, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            _lock(fd, unless_lives=0)
            os.write(fd, b"%d\n" % os.getpid())
            os.fchmod(fd, _MODE)
        except BaseException:
            os.close(fd)
            _unlink_if_there(name)
            raise
        return fd, name


def _lock(fd: int, *, unless_lives: int) -> bool:
    """Lock a file until it is closed; False: somebody else has.

    Where there are no locks, that is taken to be so as long as a process of this number lives.
    """
    try:
        import fcntl  # noqa: PLC0415 - not everywhere

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except ImportError:
        return unless_lives == os.getpid() or not _lives(unless_lives)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return unless_lives == os.getpid() or not _lives(unless_lives)
    return True


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _pid_in(text: bytes) -> int:
    digits = text.strip()
    return int(digits) if digits.isdigit() else 0


def _unlink_if_there(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)  # noqa: PTH108 - in line with the others
