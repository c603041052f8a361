"""Opens the listening sockets.

Rules:
    The server owns its listening sockets for its whole life; workers only accept from them.
    A name stands for all its addresses, of both families, on one port. No socket serves both
    families: each IPv6 socket is for IPv6 alone, whatever the system's default.
    A port is shared with nobody: SO_REUSEADDR lets a server start again at once, SO_REUSEPORT
    would let a second one in.
"""

import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Iterable, Iterator

from serverkit_server.address import (
    Address,
    InheritedSocket,
    SystemdSocket,
    TCPAddress,
    UnixAddress,
)
from serverkit_server.errors import BindError
from serverkit_server.inherited_sockets import (
    Inherited,
    InheritedSockets,
    duplicate,
    unix_address,
)
from serverkit_server.listeners import Listeners
from serverkit_server.port_holder import find_port_holder
from serverkit_server.unix_socket import bind_unix_socket

type _SocketAddress = tuple[socket.AddressFamily, tuple[object, ...]]

_NOT_ON_THIS_MACHINE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_FREE_PORT_ATTEMPTS = 16


def open_listeners(
    addresses: Iterable[Address],
    *,
    backlog: int,
    unix_mode: int,
    inherited: InheritedSockets | None = None,
    redirects: Iterable[Address] = (),
    scheme: str = "http",
) -> Listeners:
    """Bind all the addresses and listen.

    Args:
        addresses: what to listen on; what stands there twice is bound once.
        redirects: what else to listen on, for clients that are sent on.
        scheme: of the URLs of `addresses`: http or https.
        backlog: how many connections may wait to be accepted.
        unix_mode: the permissions of unix sockets.
        inherited: what was passed on to this process; what is not asked for is closed.

    Raises:
        BindError: one of them cannot be bound. Then none is.
    """
    inherited = inherited or InheritedSockets()
    opening = _Opening(inherited, backlog, unix_mode, scheme)
    redirects = list(dict.fromkeys(redirects))
    try:
        opening.reserve(redirects)
        for address in dict.fromkeys(addresses):
            opening.open(address)
        count = len(opening.listeners.sockets)
        with _set_by("redirect_bind"):
            for address in redirects:
                opening.open(address)
        opening.listeners.redirect_from(count)
    except BaseException:
        opening.close()
        raise
    finally:
        inherited.close_rest()
    return opening.listeners


@contextlib.contextmanager
def _set_by(setting: str) -> Iterator[None]:
    """Let errors name the setting that the addresses come from."""
    try:
        yield
    except BindError as error:
        error.setting = setting
        raise


class _Opening:
    """Opens one address after another.

    Owner: `open_listeners`.
    """

    def __init__(
        self, inherited: InheritedSockets, backlog: int, unix_mode: int, scheme: str
    ) -> None:
        self.listeners = Listeners(scheme)
        self._reserved: dict[str, list[Inherited]] = {}
        self._inherited = inherited
        self._backlog = backlog
        self._unix_mode = unix_mode
        self._taken: set[_SocketAddress] = set()

    def reserve(self, addresses: Iterable[Address]) -> None:
        """Take the sockets of systemd that have one of these names, before all others are taken."""
        for each in addresses:
            if isinstance(each, SystemdSocket) and each.name:
                self._reserved[each.name] = self._inherited.take_systemd(each.name)

    def open(self, address: Address) -> None:
        match address:
            case TCPAddress():
                self.open_tcp(address)
            case UnixAddress():
                self.open_unix(address)
            case InheritedSocket():
                listener = self._inherited.take(str(address)) or duplicate(address.descriptor)
                self.listeners.add(listener, str(address), None)
            case SystemdSocket():
                found = self._reserved.pop(address.name, None)
                for each in found or self._inherited.take_systemd(address.name):
                    self.listeners.add(each.socket, each.address, None)

    def close(self) -> None:
        """Close everything again."""
        self.listeners.close()
        for each in itertools.chain.from_iterable(self._reserved.values()):
            each.socket.close()

    def open_unix(self, address: UnixAddress) -> None:
        path = address.path
        found = self._inherited.take_unix(path)
        if found:
            found[0].listen(self._backlog)
            with contextlib.suppress(OSError):
                os.chmod(path, self._unix_mode)  # noqa: PTH101 - may have been changed
        listener, identity = found or bind_unix_socket(
            path, mode=self._unix_mode, backlog=self._backlog
        )
        self.listeners.add(listener, unix_address(path), (path, identity))

    def open_tcp(self, address: TCPAddress) -> None:
        """Bind every address that a host stands for, all on the same port."""
        resolved = [each for each in _resolve(address) if each not in self._taken]
        missing, port = [], address.port
        for each in resolved:
            listener = self._inherited.take(_address_of(each))
            if listener is None:
                missing.append(each)
            else:
                listener.listen(self._backlog)
                self.listeners.add(listener, _address_of(each), None)
                port = listener.getsockname()[1]
        for each, listener in self._bind(address, missing, port):
            self.listeners.add(listener, _address_of(each), None)
        if address.port:
            self._taken.update(resolved)

    def _bind(
        self, address: TCPAddress, resolved: list[_SocketAddress], port: int
    ) -> list[tuple[_SocketAddress, socket.socket]]:
        attempts = _FREE_PORT_ATTEMPTS if port == 0 and len(resolved) > 1 else 1
        for attempt in range(attempts):
            try:
                return _bind_all(resolved, self._backlog, port=port)
            except OSError as error:
                is_last = attempt == attempts - 1
                if error.errno != errno.EADDRINUSE or is_last:
                    raise _explain(address, error) from error
        raise AssertionError("the last attempt has returned or raised")


def _address_of(resolved: _SocketAddress) -> str:
    """Name an address, with port 0 for one that may be any."""
    _, (host, port, *_) = resolved
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


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


def _bind_all(
    resolved: list[_SocketAddress], backlog: int, *, port: int
) -> list[tuple[_SocketAddress, socket.socket]]:
    opened: list[tuple[_SocketAddress, socket.socket]] = []
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
                opened.append(((family, name), listener))
                port = listener.getsockname()[1]
    except BaseException:
        for _, listener in opened:
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
        remedy = "Choose a port of 1024 or more, or let systemd open it: --bind systemd:"
    elif error.errno in _NOT_ON_THIS_MACHINE:
        setting, reason = "host", "is no address of this machine"
        remedy = "Choose 127.0.0.1 for this machine alone, or 0.0.0.0 for every IPv4 network."
    return BindError(f"{address} {reason}.", setting=setting, remedy=remedy)
