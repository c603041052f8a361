"""Unix sockets as files: bound with the right permissions, never taken from a living server.

Rules:
    What is at the path and lives, or is no socket, stays. Only a socket that nobody listens on
    is replaced.
    At the end the path is removed only if it still is the file this server has made.
    Between looking and binding nobody else gets in: servers take turns by a lock on the folder.
"""

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

from serverkit_server.errors import BindError
from serverkit_supervisor.folder_turn import folder_turn

type FileIdentity = tuple[int, int]
"""Device and inode of a file."""

_CONNECT_TIMEOUT_S = 1.0


def bind_unix_socket(path: str, *, mode: int, backlog: int) -> tuple[socket.socket, FileIdentity]:
    """Bind a socket to a path and listen.

    Args:
        path: where; its folder must exist.
        mode: the permissions of the file, such as 0o660.
        backlog: how many connections may wait to be accepted.

    Raises:
        BindError: a server listens there, something else is there, or the system refuses.
    """
    with folder_turn(Path(path).absolute().parent):
        _make_room(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listener.fileno(), mode)  # on Linux the file is never wider, not even now
            listener.bind(path)
            found = os.lstat(path)
            os.chmod(path, mode)  # noqa: PTH101 - what the umask has taken away
            # Who connects before must be refused, who connects later must get through: a socket
            # that is bound and does not listen looks like one left behind.
            listener.listen(backlog)
        except OSError as error:
            listener.close()
            raise BindError(
                f"The unix socket {path} cannot be opened: {error.strerror or error}.",
                setting="uds",
                remedy=_remedy(error),
            ) from error
    return listener, (found.st_dev, found.st_ino)


def remove_unix_socket(path: str, identity: FileIdentity) -> None:
    """Remove the file of a socket, if it still is the one that was made."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)  # noqa: PTH108 - called in a signal handler, so as little as possible


def _make_room(path: str) -> None:
    try:
        found = os.lstat(path)
    except OSError:
        return  # nothing there, or nothing to be seen: bind will say so
    if not stat.S_ISSOCK(found.st_mode):
        raise BindError(
            f"{path} is there already, and is no socket.",
            setting="uds",
            remedy="Remove it yourself, or choose another path.",
        )
    problem = _probe(path)
    if problem:
        raise BindError(
            f"{path} is in use: {problem}.",
            setting="uds",
            remedy="Stop who listens there, or choose another path.",
        )
    os.unlink(path)  # noqa: PTH108 - as the other calls here


def _probe(path: str) -> str:
    """Say why the socket at a path must stay; empty: nobody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return ""
        except (BlockingIOError, TimeoutError):
            return "a server listens there, and is busy"
        except OSError as error:
            if error.errno == errno.ENOENT:
                return ""
            return f"whether a server listens there cannot be found out ({error.strerror})"
    return "a server listens there"


def _remedy(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "Make its folder first."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Choose a folder this user may write to."
    if "too long" in str(error):
        return "The system allows about 100 bytes; choose a shorter path."
    return ""
