"""Workers that break the contract, each in one way."""

import threading
from collections.abc import Callable

from serverkit_supervisor import TCPWorker, WorkerContext

LET_GO = threading.Event()
"""Ends those that wait for ever."""

KEPT: list[Callable[[], None]] = []
"""Closes what nobody has closed."""


class Good:
    """A worker that keeps the contract: it closes each connection, and does nothing else.

    The others are this one, but for one thing.
    """

    def __init__(self, context: WorkerContext) -> None:
        self.context = context
        self.ended = threading.Event()
        self.state: dict[str, object] | None = None

    def run(self) -> None:
        self.become_ready()
        source = self.context.connections
        if source is None:
            self.ended.wait()
            return
        while (connection := source.accept()) is not None:
            self.take(connection.socket.close)

    def become_ready(self) -> None:
        self.context.ready()

    def take(self, close: Callable[[], None]) -> None:
        close()

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        self.state = state

    def start_draining(self) -> None:
        self.ended.set()
        if self.context.connections is not None:
            self.context.connections.stop()

    def is_idle(self) -> bool:
        return True


class Complete(Good):
    """A worker with all that it may have besides."""

    def become_ready(self) -> None:
        super().become_ready()
        interval = self.context.alive_interval
        if interval is not None:
            threading.Thread(target=self.live, args=(interval,), daemon=True).start()

    def live(self, interval: float) -> None:
        self.context.alive()
        while not self.ended.wait(interval):
            self.context.alive()

    def shutdown(self) -> None:
        self.start_draining()

    def reopen_logs(self) -> None:
        """There are none."""


class Shapeless:
    """No worker at all."""

    def __init__(self, context: WorkerContext) -> None:
        pass

    def run(self) -> None:
        """Return."""


class ReadyTooEarly(Good):
    """It is ready when it is made."""

    def __init__(self, context: WorkerContext) -> None:
        super().__init__(context)
        context.ready()


class ReadyWithState(Good):
    """It is ready when it has its state."""

    def set_lifespan_state(self, state: dict[str, object]) -> None:
        self.context.ready()


class NeverReady(Good):
    """It serves and does not say so."""

    def become_ready(self) -> None:
        """Forget it."""


class FailsAtStart(Good):
    """It raises instead of being ready."""

    def become_ready(self) -> None:
        raise OSError("nothing to serve")


class ReadyTwice(Good):
    """It says so twice."""

    def become_ready(self) -> None:
        self.context.ready()
        self.context.ready()


class ReturnsAtOnce(Good):
    """It ends as soon as it is ready."""

    def run(self) -> None:
        self.become_ready()


class ReturnsUnasked(Good):
    """It ends after its first connection."""

    def run(self) -> None:
        assert self.context.connections is not None
        self.become_ready()
        connection = self.context.connections.accept()
        assert connection is not None
        connection.socket.close()

    def reopen_logs(self) -> None:
        """Give `run` the time to return."""
        threading.Event().wait(0.2)


class NeverIdle(Good):
    """It always has something in hand, as it says."""

    def is_idle(self) -> bool:
        return False


class NeverIdleAgain(Good):
    """It counts a connection that it never counts out."""

    count = 0

    def take(self, close: Callable[[], None]) -> None:
        self.count += 1
        close()

    def is_idle(self) -> bool:
        return not self.count


class SlowToAsk(Good):
    """It drains while it is asked to."""

    def start_draining(self) -> None:
        super().start_draining()
        LET_GO.wait(60)


class SlowToShutDown(Good):
    """It stops while it is asked to."""

    def shutdown(self) -> None:
        super().start_draining()
        LET_GO.wait(60)


class NeverEnds(Good):
    """It does not return."""

    def run(self) -> None:
        super().run()
        LET_GO.wait(60)


class RaisesAtTheEnd(Good):
    """It returns by an exception."""

    def run(self) -> None:
        super().run()
        raise RuntimeError("cannot let go")


class DrainsOnce(Good):
    """It raises when it is asked again."""

    def start_draining(self) -> None:
        if self.ended.is_set():
            raise RuntimeError("drained already")
        super().start_draining()


class ForgetsEarlyDrain(Good):
    """It remembers only what it is asked while it runs."""

    def become_ready(self) -> None:
        super().become_ready()
        if self.ended.is_set():
            LET_GO.wait(60)


class TakesNothing(Good):
    """It leaves connections where they are."""

    def run(self) -> None:
        self.become_ready()
        self.ended.wait()


class ClosesNothing(Good):
    """It keeps its connections open."""

    def take(self, close: Callable[[], None]) -> None:
        KEPT.append(close)


class ClosesSockets(Good):
    """It closes what is not its own."""

    def run(self) -> None:
        super().run()
        for each in self.context.sockets:
            each.close()


class AliveOnce(Good):
    """It says that it is alive, and never again."""

    def become_ready(self) -> None:
        self.context.alive()
        super().become_ready()


class CannotReopen(Good):
    """It raises when it is asked to open its logs anew."""

    def reopen_logs(self) -> None:
        raise FileNotFoundError("there are no logs")


ONLY: list[Good] = []


def always_the_same(context: WorkerContext) -> TCPWorker:
    """Give the worker of the first time, which serves what it is given now."""
    if not ONLY:
        ONLY.append(Good(context))
    worker = ONLY[0]
    worker.context = context
    worker.ended.clear()
    return worker


class LeavesItsProcess(Good):
    """It is well in threads."""

    def run(self) -> None:
        super().run()
        if threading.current_thread() is threading.main_thread():
            raise SystemExit(7)


class NotInProcesses(Good):
    """It is never ready there."""

    def become_ready(self) -> None:
        if threading.current_thread() is threading.main_thread():
            raise RuntimeError("threads only")
        super().become_ready()
