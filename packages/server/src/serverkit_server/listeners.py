"""The listening sockets of a server: what each is known by, and how they are closed.

Rules:
    The server owns them for its whole life; workers only accept from them.
    Each socket is known by the address it was opened for, so that a process started in the place
    of this one finds it.
"""

import contextlib
import os
import socket
from types import TracebackType
from typing import Self

from serverkit_server.address import TCPAddress
from serverkit_server.inherited_sockets import unix_address
from serverkit_server.unix_socket import FileIdentity, remove_unix_socket


class Listeners:
    """The listening sockets of a server, from first to last.

    Args:
        scheme: of the URLs: http or https.

    Attributes:
        sockets: open, bound and listening, in the order asked for; those that redirect come last.
        bound_addrs: for each of them its host and port, or its path and 0.
        redirecting: which of them, counted from 0, only send clients on to the others.

    Threads: the one that opened them; `close` and `remove_paths` may be called from any, also
    twice.
    """

    def __init__(self, scheme: str = "http") -> None:
        self.sockets: list[socket.socket] = []
        self.bound_addrs: list[tuple[str, int]] = []
        self.redirecting: frozenset[int] = frozenset()
        self._scheme = scheme
        self._addresses: list[str] = []
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
        """Where clients find the server: `http://host:port`, `https://...`, or `unix:path`."""
        indexes = range(len(self.sockets))
        return [self._url(each, self._scheme) for each in indexes if each not in self.redirecting]

    @property
    def redirect_urls(self) -> list[str]:
        """Where clients are only sent on to another URL."""
        return [self._url(each, "http") for each in sorted(self.redirecting)]

    @property
    def first_port(self) -> int | None:
        """The port of the first socket that has one and does not redirect; None: none has."""
        ports = (
            port
            for index, (_, port) in enumerate(self.bound_addrs)
            if port and index not in self.redirecting
        )
        return next(ports, None)

    @property
    def by_address(self) -> list[tuple[str, int]]:
        """The address that each socket was opened for, and its descriptor."""
        return [
            (address, listener.fileno())
            for address, listener in zip(self._addresses, self.sockets, strict=True)
        ]

    @property
    def files(self) -> dict[str, list[int]]:
        """Device and inode of the file of each unix socket, by the address of the socket."""
        return {unix_address(path): list(identity) for path, identity in self._paths}

    def add(
        self, listener: socket.socket, address: str, unix_file: tuple[str, FileIdentity] | None
    ) -> None:
        """Take over a listening socket, and the file that stands for it if there is one."""
        name = listener.getsockname()
        self.sockets.append(listener)
        self.bound_addrs.append(
            (os.fsdecode(name), 0)
            if listener.family == socket.AF_UNIX
            else (str(name[0]), int(name[1]))
        )
        self._addresses.append(address)
        if unix_file:
            self._paths.append(unix_file)

    def redirect_from(self, start: int) -> None:
        """Take note that all sockets from one on, counted from 0, redirect."""
        self.redirecting = frozenset(range(start, len(self.sockets)))

    def leave_paths(self) -> None:
        """Leave the files of unix sockets to the process that has taken them over."""
        self._paths.clear()

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

    def _url(self, index: int, scheme: str) -> str:
        host, port = self.bound_addrs[index]
        if self.sockets[index].family == socket.AF_UNIX:
            return f"unix:{host}"
        return f"{scheme}://{TCPAddress(host, port)}"
