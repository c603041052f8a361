"""Echo servers that do what their clients say, for threads and processes."""

import os
import threading
import time
from pathlib import Path
from typing import NoReturn

from serverkit_supervisor import HandedConnection, TCPWorker, WorkerContext


class Echo:
    """Answers each connection with who it is and what was sent, until it is told to drain.

    The first word may be more than that: "crash" raises, "exit" leaves the process, "hang" waits
    for ever, "slow" asks with "?" for one more byte before it answers.
    """

    def __init__(self, context: WorkerContext) -> None:
        self.context = context
        self.state: dict[str, object] = {}
        self.in_hand = 0
        self.is_dead = threading.Event()

    def run(self) -> None:
        interval = self.context.alive_interval
        if interval is not None:
            threading.Thread(target=self.live, args=(interval,), daemon=True).start()
        try:
            self.accept_all()
        finally:
            self.is_dead.set()

    def live(self, interval: float) -> None:
        """Give signs of life."""
        self.context.alive()
        while not self.is_dead.wait(interval):
            self.context.alive()

    def accept_all(self) -> None:
        source = self.context.connections
        assert source is not None
        self.context.ready()
        while (connection := source.accept()) is not None:
            self.in_hand += 1
            self.serve(connection)
            self.in_hand -= 1

    def serve(self, connection: HandedConnection) -> None:
        with connection.socket as client:
            client.setblocking(True)  # noqa: FBT003 - named so in the library
            client.settimeout(60)
            data = client.recv(1000)
            match data.split(b" ")[0]:
                case b"crash":
                    raise ValueError("told to crash")
                case b"exit":
                    os._exit(3)
                case b"hang":
                    self.hang()
                case b"slow":
                    client.sendall(b"?")
                    client.recv(1)
            client.sendall(self.identity() + data)

    def identity(self) -> bytes:
        who = (self.context.worker_id, self.context.generation, os.getpid())
        return f"{who[0]} {who[1]} {who[2]} {self.state.get('name', '-')} ".encode()

    def hang(self) -> None:
        self.is_dead.set()
        LET_GO.wait()

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        self.state = state

    def start_draining(self) -> None:
        assert self.context.connections is not None
        self.context.connections.stop()

    def is_idle(self) -> bool:
        return not self.in_hand


LET_GO = threading.Event()
"""Ends those that hang in threads, which nothing else can."""


def make_by_file(context: WorkerContext, *, path: str) -> TCPWorker:
    """Make an echo server, or fail, as the text of a file says."""
    match Path(path).read_text():
        case "raise":
            raise RuntimeError("the new code is broken")
        case "hang":
            hang_in_import()
    return Echo(context)


def hang_in_import() -> None:
    """Wait for ever, under a name that can be found among the stacks."""
    LET_GO.wait()


def make_broken(context: WorkerContext) -> NoReturn:
    """Fail to make a worker."""
    raise RuntimeError(f"worker {context.worker_id} cannot be made")


class Datagrams(Echo):
    """Sends each datagram back, with its own number, the names of its sockets and its group."""

    def run(self) -> None:
        (sock,) = self.context.sockets
        sock.settimeout(0.05)
        self.context.ready()
        while not self.in_hand:
            try:
                data, address = sock.recvfrom(1000)
            except (TimeoutError, BlockingIOError):
                continue
            sock.sendto(f"{self.context.group} {self.context.worker_id} ".encode() + data, address)

    def start_draining(self) -> None:
        self.in_hand = 1


class Accepting(Echo):
    """Accepts from the shared listening socket by itself."""

    def run(self) -> None:
        (listener,) = self.context.sockets
        assert self.context.connections is None
        listener.settimeout(0.05)
        self.context.ready()
        while not self.in_hand:
            try:
                client, _ = listener.accept()
            except (TimeoutError, BlockingIOError):
                continue
            self.serve(HandedConnection(client, 0, surplus=False))

    def start_draining(self) -> None:
        self.in_hand = 1


class Idle(Echo):
    """Does nothing, and tells so at the end in a file that is named by its group."""

    def run(self) -> None:
        self.context.ready()
        while not self.in_hand:
            time.sleep(0.01)

    def start_draining(self) -> None:
        self.in_hand = 1
