"""Listening sockets that others have opened: who started this process, systemd, or the one before.

Rules:
    What is passed on is looked at before it is used; the error says who has passed the wrong thing.
    What nobody asks for is closed, so that no client waits there for an answer.
"""

import contextlib
import logging
import os
import socket
import stat
from collections.abc import Sequence
from typing import NamedTuple, Self

from serverkit_server.errors import BindError
from serverkit_server.unix_socket import FileIdentity
from serverkit_supervisor.inheritance import Inheritance, inherited
from serverkit_supervisor.systemd import ListenFd, listen_fds

_LOG = logging.getLogger("serverkit.server")
_SYSTEMD = "systemd:"


class Inherited(NamedTuple):
    """A listening socket that was passed on.

    Attributes:
        address: what it was opened for, in the words of the settings.
        socket: the owner's from now on.
    """

    address: str
    socket: socket.socket


class InheritedSockets:
    """All the sockets that were passed on to this process. Each is given away once.

    Args:
        systemd: what systemd has opened.
        before: what the process hands over in whose place this one was started.

    Attributes:
        before: as given.

    Owner: who opens the listeners.
    """

    def __init__(self, systemd: Sequence[ListenFd] = (), before: Inheritance | None = None) -> None:
        self.before = before
        self._systemd = list(systemd)
        self._handed_over = list(before.sockets) if before else []

    @classmethod
    def of_process(cls) -> Self:
        """Take what was passed on to this process. It can be taken once."""
        return cls(listen_fds(), inherited())

    @property
    def has_systemd_sockets(self) -> bool:
        """Whether systemd has passed sockets on, to this process or to the one before."""
        return bool(self._systemd) or any(
            address.startswith(_SYSTEMD) for address, _ in self._handed_over
        )

    def take(self, address: str) -> socket.socket | None:
        """Give the socket that the process before has opened for an address; None: there is none.

        It listens already, and whoever has connected to it is in its queue.
        """
        for index, (name, fd) in enumerate(self._handed_over):
            if name == address:
                del self._handed_over[index]
                listener, problem = _adopt(fd)
                if listener is None:
                    _LOG.warning("%s is opened anew: what was handed over %s.", address, problem)
                return listener
        return None

    def take_unix(self, path: str) -> tuple[socket.socket, FileIdentity] | None:
        """Do the same for the path of a unix socket, if its file is still there."""
        address = unix_address(path)
        listener = self.take(address)
        if listener is None:
            return None
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            notes = self.before.notes if self.before else {}
            if notes.get(address) == [found.st_dev, found.st_ino]:
                return listener, (found.st_dev, found.st_ino)
        listener.close()
        return None

    def take_systemd(self, name: str) -> list[Inherited]:
        """Give the sockets of systemd that have a name; empty: all of them.

        Raises:
            BindError: there are none, or one of them cannot be accepted from.
        """
        address = _SYSTEMD + name
        wanted = [
            *((each, fd) for each, fd in self._handed_over if each.startswith(_SYSTEMD)),
            *((_SYSTEMD + each.name, each.fd) for each in self._systemd),
        ]
        if name:
            wanted = [(each, fd) for each, fd in wanted if each == address]
        if not wanted:
            raise self._lacks(name)
        taken = {fd for _, fd in wanted}
        self._handed_over = [each for each in self._handed_over if each[1] not in taken]
        self._systemd = [each for each in self._systemd if each.fd not in taken]
        found: list[Inherited] = []
        for each, fd in wanted:
            listener, problem = _adopt(fd)
            if listener is None:
                for before in found:
                    before.socket.close()
                raise BindError(
                    f"The socket {each.removeprefix(_SYSTEMD)!r} of systemd {problem}.",
                    setting="bind",
                    remedy="The socket unit must say ListenStream=, and Accept=no.",
                )
            found.append(Inherited(each, listener))
        return found

    def close_rest(self) -> None:
        """Close what nobody has asked for. Repeatable."""
        for each in self._systemd:
            _LOG.warning("The socket %r of systemd is not used: no address asks for it.", each.name)
        for address, _ in self._handed_over:
            _LOG.info("%s is not listened on any more.", address)
        for fd in (*(each.fd for each in self._systemd), *(fd for _, fd in self._handed_over)):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._systemd, self._handed_over = [], []

    def _lacks(self, name: str) -> BindError:
        names = sorted({each.name for each in self._systemd})
        if names:
            message = f"systemd has passed no socket {name!r} on, only {', '.join(names)}."
            remedy = "The name is FileDescriptorName= of the socket unit, or else that of the unit."
        else:
            message = "systemd has passed no sockets on."
            remedy = "Let systemd start it: a socket unit (ListenStream=) beside the service unit."
        return BindError(message, setting="bind", remedy=remedy)


def unix_address(path: str) -> str:
    """Name a unix socket, wherever the process stands that has opened it."""
    return f"unix:{os.path.abspath(path)}"  # noqa: PTH100 - nothing of the path is resolved


def duplicate(descriptor: int) -> socket.socket:
    """Use a socket that was bound by whoever started the process, and leave theirs open.

    Raises:
        BindError: it cannot be accepted from.
    """
    try:
        listener, problem = _adopt(os.dup(descriptor))
    except OSError as error:
        listener, problem = None, f"cannot be used: {error.strerror}"
    if listener is None:
        raise BindError(
            f"The descriptor {descriptor} {problem}.",
            setting="fd",
            remedy="It must be a stream socket, bound, and passed on to this process.",
        )
    return listener


def _adopt(descriptor: int) -> tuple[socket.socket | None, str]:
    """Make a socket of a descriptor, or close it and say what is wrong with it."""
    try:
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError as error:
        return None, f"cannot be used: {error.strerror}"
    if not is_socket:
        os.close(descriptor)
        return None, "is no socket"
    listener = socket.socket(fileno=descriptor)
    try:
        problem = _prepare(listener)
    except OSError as error:
        problem = f"cannot be used: {error.strerror}"
    if problem:
        listener.close()
        return None, problem
    return listener, ""


def _prepare(listener: socket.socket) -> str:
    """Let a socket listen; say what is wrong with it, empty: nothing."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "is of a family that is not served"
    if listener.type != socket.SOCK_STREAM:
        return "is no stream socket"
    with contextlib.suppress(OSError):
        listener.getpeername()
        return "is a connection"
    name = listener.getsockname()
    if not name or (listener.family != socket.AF_UNIX and name[1] == 0):
        return "is not bound"
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.listen()
    return ""
