"""A distributor, the workers it hands connections to, and clients: for several tests."""

import contextlib
import socket
from collections.abc import Iterator, Sequence

from serverkit_supervisor.distributor import AcceptDistributor
from serverkit_supervisor.thread_handover import ThreadHandover
from tests.supervisor.handed import BOUND_S, Changes, EchoWorker, is_readable


class Site:
    """A distributor over some listeners, the workers it hands to, and clients.

    Attributes:
        ended: takes word that its thread has ended.
    """

    def __init__(self, stack: contextlib.ExitStack, listeners: Sequence[socket.socket]) -> None:
        self._stack = stack
        self.listeners = listeners
        self.ended = Changes()
        self.handovers: list[ThreadHandover] = []

    def distributor(self, **settings: object) -> AcceptDistributor:
        """One that is stopped in the end."""
        made = AcceptDistributor(self.listeners, ended=self.ended, **settings)  # type: ignore[arg-type]
        self._stack.callback(made.stop, within_s=0)
        return made

    def handover(self) -> ThreadHandover:
        """A way to a worker that nobody takes from yet."""
        handover = ThreadHandover()
        self._stack.callback(handover.close)
        self.handovers.append(handover)
        return handover

    def worker(self, handover: ThreadHandover, name: bytes) -> EchoWorker:
        """Let a thread take from it, which greets and keeps."""
        worker = EchoWorker(handover.source, name)
        self._stack.callback(worker.close)
        return worker

    def client(self, listener: int = 0) -> socket.socket:
        """Connect."""
        client = socket.socket(self.listeners[listener].family)
        self._stack.enter_context(client)
        client.settimeout(BOUND_S)
        client.connect(self.listeners[listener].getsockname())
        return client

    @property
    def listener(self) -> socket.socket:
        """The first listening socket."""
        return self.listeners[0]


@contextlib.contextmanager
def open_site() -> Iterator[Site]:
    """One with a listening socket; all is closed in the end."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=512) as listener,
        contextlib.ExitStack() as stack,
    ):
        yield Site(stack, [listener])


def is_answered(client: socket.socket) -> bool:
    """Whether something came, now or in a moment."""
    return is_readable(client.fileno(), 0.01)
