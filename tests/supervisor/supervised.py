"""A supervisor at work in a thread, its events and its clients."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from serverkit_supervisor import (
    Generation,
    Supervisor,
    SupervisorConfig,
    SupervisorEvent,
    WorkerFactory,
    WorkerGroup,
)
from serverkit_supervisor.supervisor import Mode
from tests.supervisor.echo_workers import LET_GO

BOUND_S = 60


class Supervised:
    """Runs a supervisor from the ready of all workers to the end of the block.

    Args:
        factory, mode, groups, renew: see `Supervisor`.
        udp_sockets: see `Supervisor.run`.
        listen: there is a listening socket.
        settings: of the configuration.

    Attributes:
        outcome: what `run` raised; None: nothing.
    """

    def __init__(
        self,
        factory: WorkerFactory | Generation,
        mode: Mode,
        *,
        groups: Sequence[WorkerGroup] = (),
        renew: Callable[[], Generation] | None = None,
        udp_sockets: Sequence[socket.socket] = (),
        listen: bool = True,
        **settings: object,
    ) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0)) if listen else None
        self.udp_sockets = udp_sockets
        self.events: list[SupervisorEvent] = []
        self.changed = threading.Condition()
        self.outcome: BaseException | None = None
        self.supervisor = Supervisor(
            factory,
            SupervisorConfig(**settings),  # type: ignore[arg-type]
            mode=mode,
            groups=groups,
            renew=renew,
            on_event=self.hear,
        )
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        sockets = [] if self.listener is None else [self.listener]
        try:
            self.supervisor.run(sockets, self.udp_sockets)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.outcome = error
        finally:
            with self.changed:
                self.changed.notify_all()

    def hear(self, event: SupervisorEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def count(self, kind: str) -> int:
        """Count the events of a kind."""
        return sum(event.kind == kind for event in self.events)

    def wait_for(self, kind: str, count: int = 1) -> SupervisorEvent:
        """Wait until there were so many events of a kind; give the last of them."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.count(kind) >= count or not self.thread.is_alive(), BOUND_S
            )
            found = [event for event in self.events if event.kind == kind]
        assert len(found) >= count, f"it ended with {self.outcome!r} and without {kind}"
        return found[count - 1]

    def __enter__(self) -> Self:
        self.thread.start()
        try:
            self.wait_for("ready")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.supervisor.shutdown()
        self.thread.join(BOUND_S)
        LET_GO.set()
        if self.thread.is_alive():
            self.supervisor.abort()
            self.thread.join(BOUND_S)
        if self.listener is not None:
            self.listener.close()
        assert not self.thread.is_alive()

    @contextlib.contextmanager
    def client(self) -> Iterator[socket.socket]:
        """Connect."""
        assert self.listener is not None
        with socket.create_connection(self.listener.getsockname(), BOUND_S) as client:
            yield client

    def ask(self, text: str = "hello") -> "Answer":
        """Send a word, and give the answer."""
        with self.client() as client:
            client.sendall(text.encode())
            return Answer(b"".join(iter(lambda: client.recv(1000), b"")))

    def ask_until(self, condition: Callable[["Answer"], bool]) -> "Answer":
        """Ask again and again until an answer is as it should be."""
        for _ in range(10_000):
            answer = self.ask()
            if condition(answer):
                return answer
        raise AssertionError("no answer was as it should be")


class Answer:
    """What an `Echo` says of itself."""

    def __init__(self, text: bytes) -> None:
        self.is_empty = not text
        parts = [*text.decode().split(" "), *[""] * 5]
        self.worker_id, self.generation, self.pid, self.state, self.said = parts[:5]

    def __repr__(self) -> str:
        return f"{self.worker_id} {self.generation} {self.pid} {self.state} {self.said}"


def is_alive(pid: int) -> bool:
    """Say whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
