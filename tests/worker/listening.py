"""Listens to one connection: its events, and its lines in the access log."""

from collections.abc import Awaitable, Callable

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.collectors import BufferedCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.lifecycle_events import (
    LifecycleEvent,
)
from serverkit_worker.observation import observe
from tests.worker.driving import (
    connect,
    make_serving,
    turns,
)

type App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Lines:
    """An access log that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.durations_s: list[float] = []
        self.flushed = 0

    def record(
        self,
        client: tuple[str, int | None] | None,
        method: str,
        target: bytes | str,
        http_version: str,
        status: int,
        bytes_sent: int,
        duration_s: float,
    ) -> None:
        self.lines.append((client, method, target, http_version, status, bytes_sent))
        self.durations_s.append(duration_s)

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        """Nothing is open."""


class Watched:
    """A client whose server tells what happens."""

    def __init__(self, app: App, config: WorkerConfig | None = None) -> None:
        self.log = Lines()
        self.collector = BufferedCollector()
        watch = observe(self.collector, self.log, worker_id=3)
        self.serving = make_serving(app, config, observation=watch)
        self.line = connect(self.serving)

    def events(self) -> list[LifecycleEvent]:
        """Return what was told since the last call."""
        return list(self.collector.flush())

    def names(self) -> list[str]:
        """Return the names of what was told."""
        return [type(event).__name__ for event in self.events()]

    async def run(self, data: bytes, *, closes: bool = True) -> list[LifecycleEvent]:
        """Send a request, leave, and return what was told."""
        await self.line.exchange(data)
        if closes:
            self.line.transport.client_leaves()
            await turns()
        return self.events()


def last[E: LifecycleEvent](events: list[LifecycleEvent], kind: type[E]) -> E:
    """Return the one event of a kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found
