"""Connections as messages between processes: their descriptors, and two bytes for each.

Rules:
    A message is short enough for the system to take it whole or not at all, and it is received
    whole: a stream never joins it with the next, because both have descriptors.
    No descriptor that arrives is inherited by other programs.

Source: unix(7), "SCM_RIGHTS"; recvmsg(2), "MSG_CMSG_CLOEXEC".
"""

import array
import os
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

from serverkit_supervisor.handover import Accepted

PER_MESSAGE: Final = 32
"""So many connections travel together. The receiver sees to it that it has room for as many."""

CHANGED: Final = b"."
"""What the receiver sends back at a change that the sender waits for."""
SHORT: Final = b"!"
"""What it sends back when it has no room for more descriptors."""

_BYTES_EACH: Final = 2
_MESSAGE_BYTES: Final = PER_MESSAGE * _BYTES_EACH
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(PER_MESSAGE * array.array("i").itemsize)
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
# Instead of those of a connection: the descriptor is that of the memory both processes share.
_MEMORY: Final = b"\xff\xff"


class Message(NamedTuple):
    """What was received.

    Args:
        text: two bytes for each connection; empty: the other end is closed, nothing will follow.
        descriptors: as many as there are connections, or fewer: there was no room for the others,
            and they are lost. The receiver's from now on.
    """

    text: bytes
    descriptors: list[int]

    @property
    def is_memory(self) -> bool:
        """Whether it brings the shared memory, and no connections."""
        return self.text == _MEMORY

    def sent_count(self) -> int:
        """Say how many connections were sent with it."""
        return len(self.text) // _BYTES_EACH

    def lost_count(self) -> int:
        """Say how many connections there was no room for, those apart that do not count as open."""
        if self.sent_count() == len(self.descriptors):
            return 0
        kinds = self.text[1::_BYTES_EACH][len(self.descriptors) :]
        return sum(not kind & 1 for kind in kinds)

    def connections(self) -> list[Accepted]:
        """Give the connections that arrived."""
        return [
            Accepted(descriptor, kind >> 1, listener, bool(kind & 1))
            for descriptor, listener, kind in zip(
                self.descriptors,
                self.text[::_BYTES_EACH],
                self.text[1::_BYTES_EACH],
                strict=False,  # Some can be lost.
            )
        ]


def send_connections(sock: socket.socket, connections: Sequence[Accepted]) -> None:
    """Send one message. The descriptors stay open here.

    Args:
        sock: a stream socket of the family UNIX, non-blocking.
        connections: 1 to `PER_MESSAGE`.

    Raises:
        OSError: nothing was sent.
    """
    text = bytearray()
    descriptors = array.array("i")
    for descriptor, family, listener, surplus in connections:
        text.append(listener)
        text.append(family << 1 | surplus)
        descriptors.append(descriptor)
    sock.sendmsg((text,), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors),))


def send_memory(sock: socket.socket, descriptor: int) -> None:
    """Send the descriptor of shared memory, which stays open here.

    Raises:
        OSError: nothing was sent.
    """
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", (descriptor,)))
    sock.sendmsg((_MEMORY,), (rights,))


def look(sock: socket.socket) -> int:
    """Say how many descriptors the next message brings, and leave it there.

    Raises:
        BlockingIOError: there is none.
    """
    return max(1, len(sock.recv(_MESSAGE_BYTES, socket.MSG_PEEK)) // _BYTES_EACH)


def receive(sock: socket.socket) -> Message:
    """Receive one message.

    Raises:
        BlockingIOError: there is none.
    """
    text, ancillary, _, _ = sock.recvmsg(_MESSAGE_BYTES, _ANCILLARY_BYTES, _CLOSE_ON_EXEC)
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += memoryview(data).cast("i")
    if not _CLOSE_ON_EXEC:  # pragma: no cover  the other systems
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # noqa: FBT003  the standard library's signature
    return Message(text, descriptors)
