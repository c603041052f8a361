"""Deadlines that cost nothing per request: each connection stores when it is due, one sweep looks.

Rules:
    A deadline is set from `Sweep.now`, the time of the last tick, plus one tick: it is never early,
    and late by two ticks at most.
    A sweep runs only while there are connections; an idle worker without any is not woken.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal, Protocol

from serverkit_worker.config import WorkerConfig

NEVER: Final = math.inf
LONGEST_TICK_S: Final = 0.25
# A body that comes slower than this is cut off: mod_reqtimeout's MinRate for bodies.
MIN_BODY_BYTES_PER_S: Final = 500
# A client that reads its response more slowly than this is cut off.
MIN_READ_BYTES_PER_S: Final = 500
# How long what a client still sends is read and thrown away, so that it can read our last answer.
LINGER_S: Final = 2.0
# How long a connection that a drain finds idle may still say something: at the end of a server,
# and where others go on, so that no client need find its connection closed in its hands.
SHUTDOWN_GRACE_S: Final = 0.25
RELOAD_GRACE_S: Final = 1.0
# How long a TLS handshake may still take at the end of a server.
HANDSHAKE_GRACE_S: Final = 1.0
# How long a connection that is refused may still say something.
REFUSAL_S: Final = 1.0

type DrainReason = Literal["reload", "shutdown"]


class Expiring(Protocol):
    """What a sweep looks at."""

    deadline: float
    write_deadline: float

    def expire(self) -> None:
        """Act on a deadline that has passed."""


class Timeouts:
    """The timeouts of a worker in seconds, each with the tick that `Sweep.now` may lag added.

    Attributes:
        fresh_s: until the first byte of a connection's first request.
        handshake_s: of TLS, from connecting until the first request may come.
        websocket_ping_interval_s: without the tick, as nobody is cut off by it.
        least_read_bytes: how much a client has to read in `write_s`.
    """

    __slots__ = (
        "body_s",
        "fresh_s",
        "handler_s",
        "handshake_s",
        "head_s",
        "keep_alive_s",
        "least_read_bytes",
        "linger_s",
        "refusal_s",
        "tick_s",
        "websocket_close_s",
        "websocket_handshake_s",
        "websocket_idle_s",
        "websocket_ping_interval_s",
        "websocket_ping_timeout_s",
        "write_s",
    )

    def __init__(self, config: WorkerConfig) -> None:
        bounds = (
            config.keep_alive_timeout,
            config.header_timeout,
            config.request_timeout,
            config.write_timeout,
            config.ssl_handshake_timeout,
            config.websocket_handshake_timeout,
            config.websocket_close_timeout,
            config.websocket_ping_interval or NEVER,
            config.websocket_ping_timeout or NEVER,
            config.websocket_idle_timeout or NEVER,
        )
        self.tick_s = tick_s = min(LONGEST_TICK_S, min(bounds) / 4)
        self.keep_alive_s = config.keep_alive_timeout + tick_s
        self.head_s = self.fresh_s = config.header_timeout + tick_s
        self.body_s = config.request_timeout + tick_s
        self.handshake_s = config.ssl_handshake_timeout + tick_s
        self.write_s = config.write_timeout + tick_s
        self.handler_s = (
            NEVER if config.handler_timeout is None else config.handler_timeout + tick_s
        )
        self.websocket_handshake_s = config.websocket_handshake_timeout + tick_s
        self.websocket_close_s = config.websocket_close_timeout + tick_s
        self.websocket_ping_interval_s = config.websocket_ping_interval or NEVER
        self.websocket_ping_timeout_s = (config.websocket_ping_timeout or NEVER) + tick_s
        self.websocket_idle_s = (config.websocket_idle_timeout or NEVER) + tick_s
        self.least_read_bytes = int(MIN_READ_BYTES_PER_S * config.write_timeout)
        self.linger_s = LINGER_S + tick_s
        self.refusal_s = REFUSAL_S + tick_s

    def shorten(self, reason: DrainReason) -> None:
        """Wait from now on as a drain does for clients that have nothing under way.

        On a reload a fresh connection is waited for as always: its client has connected in order
        to send a request, and cannot know of any reload.
        """
        if reason == "shutdown":
            grace_s = SHUTDOWN_GRACE_S + self.tick_s
            self.fresh_s = min(self.fresh_s, grace_s)
            self.handshake_s = min(self.handshake_s, HANDSHAKE_GRACE_S + self.tick_s)
        else:
            grace_s = RELOAD_GRACE_S + self.tick_s
        self.keep_alive_s = min(self.keep_alive_s, grace_s)


class Sweep:
    """Looks at every connection of a worker once per tick.

    Owner: the worker's loop thread, as of all that it looks at.
    """

    __slots__ = ("_connections", "_handle", "_loop", "_on_tick", "_tick_s", "now")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Sequence[Collection[Expiring]],
        on_tick: Callable[[], None],
        *,
        tick_s: float,
    ) -> None:
        """Prepare a sweep that does not run yet.

        Args:
            loop: its clock and timer.
            connections: all looked at in each tick; a tick that finds none is the last one.
            on_tick: called in each tick, and when the sweep starts.
            tick_s: seconds from tick to tick.
        """
        self._loop = loop
        self._connections = connections
        self._on_tick = on_tick
        self._tick_s = tick_s
        self._handle: asyncio.TimerHandle | None = None
        self.now = loop.time()

    def start(self) -> None:
        """Run from now on, if it does not run already."""
        if self._handle is None:
            self.now = self._loop.time()
            self._on_tick()
            self._handle = self._loop.call_later(self._tick_s, self._run)

    def look_at_clock(self) -> None:
        """Bring `now` up to date, where a tick, or more after a long stall, would be too much."""
        self.now = self._loop.time()

    def stop(self) -> None:
        """Run no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self.now = now = self._loop.time()
        self._handle = None
        due = [
            connection
            for group in self._connections
            for connection in group
            if connection.deadline <= now or connection.write_deadline <= now
        ]
        try:
            for connection in due:
                connection.expire()
            self._on_tick()  # Last, so that it sees what the others have said.
        finally:  # A fault of one connection must not let all others wait for ever.
            if any(self._connections):
                self._handle = self._loop.call_later(self._tick_s, self._run)
