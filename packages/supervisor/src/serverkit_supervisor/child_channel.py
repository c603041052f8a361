"""The control channel, as the process of a worker has it.

Rules:
    Whoever has something to tell leaves it in a queue, and one thread sends it. So a supervisor
    that does not read holds nobody up, and a signal handler may tell something at any moment.
    A process that was forked off the worker's own has no part in the channel.
"""

import os
import queue
import select
import threading
from collections.abc import Callable, Iterator
from socket import socket

from serverkit_supervisor.channel import Command, Lines, notice_line, read_command
from serverkit_supervisor.notices import Alive, Notice

_PIECE = 65_536


class Reporter:
    """Sends notices to the supervisor, by a thread of its own.

    Args:
        control: the channel; blocking.

    Threads: any, and signal handlers.
    """

    def __init__(self, control: socket) -> None:
        self._control = control
        self._queue: queue.SimpleQueue[Notice | Callable[[], None] | None] = queue.SimpleQueue()
        self._alive_waits = False
        self._thread = threading.Thread(target=self._send, name="serverkit-report", daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int | None:
        """The thread."""
        return self._thread.ident

    def tell(self, notice: Notice) -> None:
        """Send a notice; returns at once."""
        self._queue.put(notice)

    def tell_alive(self) -> None:
        """Send that the worker is not hung, unless that is waiting to be sent already."""
        if not self._alive_waits:
            self._alive_waits = True
            self._queue.put(Alive(None))

    def call(self, function: Callable[[], None]) -> None:
        """Call something on the thread of the reporter; returns at once."""
        self._queue.put(function)

    def finish(self, within_s: float) -> None:
        """Wait until all is sent."""
        self._queue.put(None)
        self._thread.join(within_s)

    def _send(self) -> None:
        while (item := self._queue.get()) is not None:
            if callable(item):
                item()
                continue
            if isinstance(item, Alive):
                self._alive_waits = False
            try:
                self._control.sendall(notice_line(item))
            except OSError:
                continue  # The supervisor is gone. Who reads the channel acts on that.


def commands(control: socket, parent_pid: int) -> Iterator[Command]:
    """Give the commands of the supervisor as they come; end when it is gone.

    Args:
        control: the channel.
        parent_pid: of the supervisor. It is watched too, where the system allows that: others may
            have inherited its end of the channel, and live on.
    """
    lines = Lines()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    parent = _watch_parent(parent_pid)
    if parent >= 0:
        poll.register(parent, select.POLLIN)
    elif parent == _GONE:
        return
    while True:
        readable = {descriptor for descriptor, _ in poll.poll()}
        if control.fileno() in readable:
            try:
                data = control.recv(_PIECE)
            except OSError:
                return
            if not data:
                return
            for line in lines.feed(data):
                command = read_command(line)
                if command is not None:
                    yield command
        elif parent in readable:
            return


_UNWATCHED = -1
_GONE = -2


def _watch_parent(pid: int) -> int:
    """Open a descriptor that is readable when the process is gone."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return _GONE
    except (AttributeError, OSError):
        return _UNWATCHED
