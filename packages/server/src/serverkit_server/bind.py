"""Opens the listening sockets, and closes them.

Rules:
    The server owns its listening sockets for its whole life; workers only accept from them.
    A name stands for all its addresses, of both families, on one port. No socket serves both
    families: each IPv6 socket is for IPv6 alone, whatever the system's default.
    A port is shared with nobody: SO_REUSEADDR lets a server start again at once, SO_REUSEPORT
    would let a second one in.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from serverkit_server.address import Address, InheritedSocket, TCPAddress, UnixAddress
from serverkit_server.errors import BindError
from serverkit_server.port_holder import find_port_holder
from serverkit_server.unix_socket import FileIdentity, bind_unix_socket, remove_unix_socket

type _SocketAddress = tuple[socket.AddressFamily, tuple[object, ...]]

_NOT_ON_THIS_MACHINE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_FREE_PORT_ATTEMPTS = 16


class Listeners:
    """The listening sockets of a server, from first to last.

    Attributes:
        sockets: open, bound and listening, in the order asked for.
        bound_addrs: for each of them its host and port, or its path and 0.

    Threads: the one that opened them; `close` and `remove_paths` may be called from any, also
    twice.
    """

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.bound_addrs: list[tuple[str, int]] = []
        self._paths: list[tuple[str, FileIdentity]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def urls(self) -> list[str]:
        """Where clients find the server: `http://host:port`, or `unix:path`."""
        return [
            f"http://{TCPAddress(host, port)}"
            if listener.family != socket.AF_UNIX
            else f"unix:{host}"
            for listener, (host, port) in zip(self.sockets, self.bound_addrs, strict=True)
        ]

    def add(self, listener: socket.socket, unix_path: tuple[str, FileIdentity] | None) -> None:
        """Take over a listening socket, and the file that stands for it if there is one."""
        name = listener.getsockname()
        self.sockets.append(listener)
        self.bound_addrs.append(
            (os.fsdecode(name), 0)
            if listener.family == socket.AF_UNIX
            else (str(name[0]), int(name[1]))
        )
        if unix_path:
            self._paths.append(unix_path)

    def remove_paths(self) -> None:
        """Remove the files of unix sockets; those that somebody else has made stay."""
        for path, identity in self._paths:
            remove_unix_socket(path, identity)

    def close(self) -> None:
        """Close every socket and remove the files of unix sockets."""
        self.remove_paths()
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                listener.close()


def open_listeners(addresses: Iterable[Address], *, backlog: int, unix_mode: int) -> Listeners:
    """Bind all the addresses and listen.

    Args:
        addresses: what to listen on; what stands there twice is bound once.
        backlog: how many connections may wait to be accepted.
        unix_mode: the permissions of unix sockets.

    Raises:
        BindError: one of them cannot be bound. Then none is.
    """
    listeners = Listeners()
    taken: set[_SocketAddress] = set()
    try:
        for address in dict.fromkeys(addresses):
            match address:
                case TCPAddress():
                    for listener in _open_tcp(address, backlog, taken):
                        listeners.add(listener, None)
                case UnixAddress():
                    path = address.path
                    opened, identity = bind_unix_socket(path, mode=unix_mode, backlog=backlog)
                    listeners.add(opened, (path, identity))
                case InheritedSocket():
                    listeners.add(_take_over(address, backlog), None)
    except BaseException:
        listeners.close()
        raise
    return listeners


def _open_tcp(address: TCPAddress, backlog: int, taken: set[_SocketAddress]) -> list[socket.socket]:
    """Bind every address that a host stands for, all on the same port."""
    resolved = [each for each in _resolve(address) if each not in taken]
    attempts = _FREE_PORT_ATTEMPTS if address.port == 0 and len(resolved) > 1 else 1
    for attempt in range(attempts):
        try:
            opened = _bind_all(resolved, backlog, port=address.port)
        except OSError as error:
            is_last = attempt == attempts - 1
            if error.errno != errno.EADDRINUSE or is_last:
                raise _explain(address, error) from error
        else:
            if address.port:
                taken.update(resolved)
            return opened
    raise AssertionError("the last attempt has returned or raised")


def _resolve(address: TCPAddress) -> list[_SocketAddress]:
    try:
        found = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        raise BindError(
            f"The host {address.host!r} cannot be resolved: {reason}.",
            setting="host",
            remedy="Give an address of this machine, or a name it knows.",
        ) from error
    return list(dict.fromkeys((family, name) for family, _, _, _, name in found))


def _bind_all(resolved: list[_SocketAddress], backlog: int, *, port: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    skipped: OSError | None = None
    try:
        for family, name in resolved:
            try:
                listener = _bind(family, (name[0], port, *name[2:]), backlog)
            except OSError as error:
                # A name may stand for an address of a family that is switched off.
                if len(resolved) == 1 or error.errno not in _NOT_ON_THIS_MACHINE:
                    raise
                skipped = error
            else:
                opened.append(listener)
                port = listener.getsockname()[1]
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    if skipped and not opened:
        raise skipped
    return opened


def _bind(family: socket.AddressFamily, name: tuple[object, ...], backlog: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(name)
        # Not later: until it listens, the port can be taken by another server that starts.
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener


def _explain(address: TCPAddress, error: OSError) -> BindError:
    setting, remedy, reason = "port", "", f"cannot be listened on: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        holder = find_port_holder(address.port)
        reason = f"is in use by {holder}" if holder else "is in use"
        remedy = "Stop who listens there, or choose another port; 0 stands for any free one."
    elif error.errno in (errno.EACCES, errno.EPERM):
        reason = "needs a permission that this user does not have"
        remedy = "Choose a port of 1024 or more."
    elif error.errno in _NOT_ON_THIS_MACHINE:
        setting, reason = "host", "is no address of this machine"
        remedy = "Choose 127.0.0.1 for this machine alone, or 0.0.0.0 for every IPv4 network."
    return BindError(f"{address} {reason}.", setting=setting, remedy=remedy)


def _take_over(address: InheritedSocket, backlog: int) -> socket.socket:
    """Use a socket that was bound by whoever started the process, and leave theirs open."""
    number = address.descriptor
    problem = ""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            problem = "is no socket"
        else:
            listener = socket.socket(fileno=os.dup(number))
            problem = _prepare(listener, backlog)
            if not problem:
                return listener
            listener.close()
    except OSError as error:
        problem = f"cannot be used: {error.strerror}"
    raise BindError(
        f"The descriptor {number} {problem}.",
        setting="fd",
        remedy="It must be a stream socket, bound, and passed on to this process.",
    )


def _prepare(listener: socket.socket, backlog: int) -> str:
    """Let an inherited socket listen; say what is wrong with it, empty: nothing."""
    if listener.type != socket.SOCK_STREAM:
        return "is no stream socket"
    name = listener.getsockname()
    if not name or (listener.family != socket.AF_UNIX and name[1] == 0):
        return "is not bound"
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.listen(backlog)
    return ""
