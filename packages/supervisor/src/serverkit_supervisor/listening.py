"""Accepts connections from a listening socket that belongs to somebody else.

Source: accept(2), "Error handling" and "Errors".
"""

import errno
import os
import socket
from typing import Final

from serverkit_supervisor.handover import Accepted

# The connection failed before it was accepted: the next one need not.
_OF_ONE_CONNECTION: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ETIMEDOUT,
    }
)


class Listener(socket.socket):
    """A duplicate of a listening socket, that accepts descriptors.

    Owner: the distributor; its thread only.
    """

    __slots__ = ("_family_number", "_index")

    def __init__(self, original: socket.socket, index: int) -> None:
        """Duplicate a socket.

        Args:
            original: listening. It stays the caller's, and becomes non-blocking: that is a
                property which duplicates share.
            index: its number among its siblings.

        Raises:
            OSError: it is closed, or no descriptors are left.
            ValueError: it does not listen.
        """
        if not original.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError(f"{original!r} does not listen: call its listen() first")
        super().__init__(
            original.family, original.type, original.proto, fileno=os.dup(original.fileno())
        )
        self.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._family_number = int(original.family)
        self._index = index

    def accept_into(self, accepted: list[Accepted], count: int, room: float) -> bool:
        """Accept until that was so many, or nobody waits.

        Args:
            accepted: where to put them, one by one: what is there when an error is raised is safe.
            count: 0 or more.
            room: how many of the list may be there before the next ones are surplus.

        Returns:
            whether nobody waits any more.

        Raises:
            OSError: accepting fails, not just this connection.
        """
        for _ in range(count):
            try:
                # A socket object would be made for nothing, and cost as much as the system call.
                descriptor, _ = self._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return True
            except OSError as exc:
                if exc.errno in _OF_ONE_CONNECTION:
                    continue
                raise
            surplus = len(accepted) >= room
            accepted.append(Accepted(descriptor, self._family_number, self._index, surplus))
        return False
