"""What the connections of one worker share."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final, Protocol

from serverkit_proto.response import ResponseHeads
from serverkit_worker.asgi import ASGIApp, Extensions
from serverkit_worker.config import WorkerConfig
from serverkit_worker.deadlines import NEVER, DrainReason, Expiring, Sweep, Timeouts
from serverkit_worker.observation import Observation
from serverkit_worker.readers import Readers
from serverkit_worker.recycling import RequestLimit
from serverkit_worker.tls import TLSContexts

# The extensions that work on every HTTP/1.1 connection.
EXTENSIONS: Final[Mapping[str, dict[str, object]]] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
}


class Counting(Protocol):
    """What counts its requests.

    Attributes:
        requests_served: how many responses are complete.
    """

    requests_served: int


class ServedConnection(Counting, Expiring, Protocol):
    """What a worker asks of a connection, of whatever protocol. Threads: the loop thread only."""

    def start_draining(self, reason: DrainReason) -> None:
        """Finish what is under way, then close; close soon where nothing is.

        Comes again when a shutdown overtakes a reload.
        """

    def abort(self) -> None:
        """Close at once, whatever is under way."""


class EndingConnection(Expiring, Protocol):
    """What a worker asks of a connection that is about to close. Threads: the loop thread only."""

    def abort(self) -> None:
        """Close at once."""


class Serving:
    """The state of a worker while it serves.

    Owner: the worker that made it; its connections read all of it and `keep` themselves in it.

    Attributes:
        connections: that are served.
        endings: connections that are refused, or read until the client has our last answer.
        tasks: calls of the application that did not finish at once.
        app: called once per request.
        state: of the lifespan; every request gets a copy.
        max_connections: that are served at the same time; infinite for no limit.
        limit_concurrency: calls of the application at the same time; infinite for no limit.
        last_request: how many requests a connection has served before its last one.
        draining: every response closes its connection.
        request_limit: told in each tick how many requests are served; None where nobody asks.
        observation: told what happens, None where nobody listens.
        readers: that watch the descriptors of connections.
        extensions: of ASGI, that every request over HTTP has.
        tls: what connections by TLS are made with; None where there are none.
    """

    __slots__ = (
        "_all_gone",
        "_date_s",
        "_ending_gone",
        "_requests_before",
        "app",
        "config",
        "connections",
        "draining",
        "endings",
        "extensions",
        "heads",
        "last_request",
        "limit_concurrency",
        "loop",
        "max_connections",
        "observation",
        "readers",
        "request_limit",
        "state",
        "sweep",
        "tasks",
        "timeouts",
        "tls",
    )

    def __init__(
        self,
        app: ASGIApp,
        config: WorkerConfig,
        loop: asyncio.AbstractEventLoop,
        *,
        state: dict[str, object],
        max_connections: float,
        observation: Observation | None,
        tls: TLSContexts | None = None,
        request_limit: RequestLimit | None = None,
    ) -> None:
        self.app = app
        self.config = config
        self.loop = loop
        self.state = state
        self.max_connections = max_connections or NEVER
        self.limit_concurrency = config.limit_concurrency or NEVER
        self.last_request = (config.max_requests_per_connection or NEVER) - 1
        self.observation = observation
        self.tls = tls
        self.request_limit = request_limit
        self.draining = False
        self.connections: set[ServedConnection] = set()
        self.endings: set[EndingConnection] = set()
        self.tasks: set[asyncio.Task[object]] = set()
        self.readers = Readers(loop)
        self.timeouts = Timeouts(config)
        self.heads = ResponseHeads(server=config.server_header.encode("latin-1") or None)
        self.sweep = Sweep(
            loop, (self.connections, self.endings), self._tick, tick_s=self.timeouts.tick_s
        )
        self.extensions: Extensions = dict(EXTENSIONS)
        if config.debug:
            self.extensions["http.response.debug"] = {}
        self._date_s = 0
        self._requests_before = 0  # On connections that are gone.
        self._all_gone: asyncio.Event | None = None
        self._ending_gone = asyncio.Event()

    def keep(self, connection: ServedConnection) -> None:
        """Look after a connection until `forget`."""
        self.connections.add(connection)
        self.sweep.start()

    def keep_ending(self, connection: EndingConnection) -> None:
        """Look after a connection that is refused or about to close, until `forget`."""
        self.endings.add(connection)
        self.sweep.start()

    def add_task(self, task: asyncio.Task[object]) -> None:
        """Keep a call of the application until it is done."""
        self.tasks.add(task)
        task.add_done_callback(self._task_done)

    def forget(self, connection: Counting) -> None:
        """Let go of a connection that is closed, or about to close."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._requests_before += connection.requests_served
            if self._all_gone is not None:
                self._look_whether_idle()

    def replace(self, connection: Counting, begin: Callable[[], None]) -> None:
        """Let go of a connection in whose place `begin` puts another, or none."""
        self.connections.discard(connection)
        begin()
        if self._all_gone is not None:
            self._look_whether_idle()

    def forget_ending(self, connection: EndingConnection) -> None:
        """Let go of a connection that was about to close."""
        self.endings.discard(connection)
        self._ending_gone.set()

    def start_draining(self, reason: DrainReason) -> None:
        """Let every connection come to its end; a shutdown may overtake a reload."""
        self.draining = True
        self.timeouts.shorten(reason)
        self.sweep.look_at_clock()
        for connection in list(self.connections):
            connection.start_draining(reason)

    def abort(self) -> None:
        """Cut off every connection, and cancel every call of the application."""
        # In this order, so that who is cancelled is known to have nobody to answer.
        for connection in list(self.connections):
            connection.abort()
        for ending in list(self.endings):
            ending.abort()
        for task in list(self.tasks):
            task.cancel()
        if self._all_gone is not None:
            self._all_gone.set()  # Nobody waits for those who do not heed it.

    def is_idle(self) -> bool:
        """Return whether no connection is served and no call is under way. Threads: any."""
        return not (self.connections or self.tasks)

    @property
    def requests_served(self) -> int:
        """How many responses are complete."""
        # Added up where somebody asks, for a count of its own would cost every request.
        return self._requests_before + sum(each.requests_served for each in self.connections)

    async def idle(self) -> None:
        """Wait until no connection is served and no call of the application is under way."""
        self._all_gone = asyncio.Event()
        self._look_whether_idle()
        await self._all_gone.wait()

    async def ended(self, *, within_s: float) -> None:
        """Wait until those have their answer who were refused or turned away, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.endings:
                    self._ending_gone.clear()
                    await self._ending_gone.wait()

    def end(self) -> None:
        """Stop what runs by itself."""
        self.sweep.stop()
        self.readers.close()
        if self.observation is not None:
            self.observation.flush()

    def _task_done(self, task: asyncio.Task[object]) -> None:
        self.tasks.discard(task)
        if self._all_gone is not None:
            self._look_whether_idle()

    def _look_whether_idle(self) -> None:
        if self._all_gone is not None and self.is_idle():
            self._all_gone.set()

    def _tick(self) -> None:
        """Do what is due in each tick: the Date of responses, the lines of the access log."""
        if self.request_limit is not None:
            self.request_limit.check(self.requests_served)
        now_s = int(time.time())
        if now_s != self._date_s:
            self._date_s = now_s
            if self.config.date_header:
                self.heads.set_date(formatdate(now_s, usegmt=True).encode("ascii"))
        if self.observation is not None:
            self.observation.flush()
