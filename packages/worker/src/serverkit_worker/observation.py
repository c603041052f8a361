"""Tells whoever listens what happens: the access log, and the lifecycle collector.

Rules:
    Where nobody listens there is no `Observation`, and nothing is built or measured for it.
    Whatever a collector raises is reported once and never reaches a request.
"""

import logging
import time
from typing import Final, Literal

from serverkit_proto.events import RequestReceived
from serverkit_worker.access_log import AccessLog
from serverkit_worker.collectors import LifecycleCollector, NoopCollector
from serverkit_worker.exchange import HTTPExchange
from serverkit_worker.lifecycle_events import (
    ClientDisconnected,
    ConnectionCompleted,
    ConnectionOpened,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
    StreamClosed,
    StreamOpened,
    next_connection_id,
)
from serverkit_worker.scope import Address

_monotonic: Final = time.monotonic

logger = logging.getLogger("serverkit.error")

type EndReason = Literal[
    "complete", "timeout", "client_disconnect", "error", "backpressure", "write_timeout"
]
type StreamEndReason = Literal["complete", "client_disconnect", "drain", "error"]

# Of a client that left before it had its response, as nginx logs it: no such status is ever sent.
CLIENT_CLOSED_REQUEST: Final = 499
SWITCHING_PROTOCOLS: Final = 101


def observe(
    collector: LifecycleCollector | None, access_log: AccessLog | None, *, worker_id: int
) -> "Observation | None":
    """Return an observation for those who listen; None if nobody does."""
    if isinstance(collector, NoopCollector):
        collector = None
    if collector is None and access_log is None:
        return None
    return Observation(collector, access_log, worker_id=worker_id)


class Observation:
    """What a worker knows of those who listen.

    Owner: the worker; the loop thread only.
    """

    __slots__ = ("_has_reported", "access_log", "collector", "worker_id")

    def __init__(
        self,
        collector: LifecycleCollector | None,
        access_log: AccessLog | None,
        *,
        worker_id: int,
    ) -> None:
        self.collector = collector
        self.access_log = access_log
        self.worker_id = worker_id
        self._has_reported = False

    def flush(self) -> None:
        """Let the access log write what it holds."""
        if self.access_log is not None:
            self.access_log.flush()

    def connection_opened(
        self, server: Address | None, client: Address | None
    ) -> "ConnectionObserver":
        """Note a connection; what follows is told to the observer returned."""
        observer = ConnectionObserver(self, client)
        if self.collector is not None:
            client_addr, client_port = client or ("", None)
            server_addr, server_port = server or ("", None)
            self.tell(
                ConnectionOpened(
                    connection_id=observer.connection_id,
                    worker_id=self.worker_id,
                    client_addr=client_addr,
                    client_port=client_port or 0,
                    server_addr=server_addr,
                    server_port=server_port or 0,
                    protocol="http/1.1",
                )
            )
        return observer

    def tell(self, event: LifecycleEvent) -> None:
        """Give an event to the collector, which may fail."""
        try:
            if self.collector is not None:
                self.collector.record(event)
        except Exception:
            if not self._has_reported:
                self._has_reported = True
                logger.exception("The lifecycle collector failed; this is said once")


class ConnectionObserver:
    """Is told what happens on one connection.

    Owner: the connection; the loop thread only.
    """

    __slots__ = (
        "_access_log",
        "_bytes_sent",
        "_client",
        "_collects",
        "_observation",
        "_opened_s",
        "_requests_served",
        "_stream_s",
        "connection_id",
    )

    def __init__(self, observation: Observation, client: Address | None) -> None:
        self._observation = observation
        self._access_log = observation.access_log
        self._collects = observation.collector is not None
        self._client = client
        self._opened_s = _monotonic()
        self._stream_s = 0.0
        self._requests_served = 0
        self._bytes_sent = 0
        self.connection_id = next_connection_id()

    def request_started(self, exchange: HTTPExchange) -> None:
        """Note that the application is about to be called."""
        exchange.started_s = _monotonic()
        if self._collects:
            self._observation.tell(
                RequestStarted(
                    connection_id=self.connection_id,
                    worker_id=self._observation.worker_id,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                    http_version=exchange.request.http_version,
                )
            )

    def stream_opened(self, exchange: HTTPExchange) -> None:
        """Note that a response leaves in pieces."""
        self._stream_s = _monotonic()
        if self._collects:
            self._observation.tell(
                StreamOpened(
                    connection_id=self.connection_id,
                    worker_id=self._observation.worker_id,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                )
            )

    def responded(self, exchange: HTTPExchange, end: StreamEndReason = "complete") -> None:
        """Note a response that has come to its end, be it by being cut off."""
        head = exchange.head
        if head is None or (end == "client_disconnect" and not exchange.streamed):
            status = CLIENT_CLOSED_REQUEST  # A head that waits for its body has not been sent.
        else:
            status = head.status
            if head.bodyless or exchange.request.method == "HEAD":
                exchange.bytes_sent = 0
        duration_s = _monotonic() - exchange.started_s
        self._bytes_sent += exchange.bytes_sent
        if end == "complete":
            self._requests_served += 1
        if self._access_log is not None:
            request = exchange.request
            self._access_log.record(
                self._client,
                request.method,
                request.target,
                request.http_version,
                status,
                exchange.bytes_sent,
                duration_s,
            )
        if self._collects:
            self._tell_response(exchange, status, duration_s, end)

    def upgraded(self, exchange: HTTPExchange) -> None:
        """Note a WebSocket that has been accepted: a response that lasts as long as it does."""
        self._requests_served += 1
        if self._access_log is not None:
            request = exchange.request
            self._access_log.record(
                self._client,
                request.method,
                request.target,
                request.http_version,
                SWITCHING_PROTOCOLS,
                0,
                _monotonic() - exchange.started_s,
            )
        exchange.streamed = True
        self.stream_opened(exchange)

    def websocket_ended(self, exchange: HTTPExchange, end: StreamEndReason) -> None:
        """Note the end of a WebSocket."""
        self._bytes_sent += exchange.bytes_sent
        if self._collects:
            duration_s = _monotonic() - exchange.started_s
            self._tell_response(exchange, SWITCHING_PROTOCOLS, duration_s, end)

    def _tell_response(
        self, exchange: HTTPExchange, status: int, duration_s: float, end: StreamEndReason
    ) -> None:
        observation = self._observation
        if exchange.streamed:
            observation.tell(
                StreamClosed(
                    connection_id=self.connection_id,
                    worker_id=observation.worker_id,
                    duration_ms=(_monotonic() - self._stream_s) * 1000,
                    reason=end,
                )
            )
        if end == "client_disconnect":
            observation.tell(
                ClientDisconnected(
                    connection_id=self.connection_id,
                    worker_id=observation.worker_id,
                    during_streaming=exchange.streamed,
                )
            )
        else:
            observation.tell(
                ResponseCompleted(
                    connection_id=self.connection_id,
                    worker_id=observation.worker_id,
                    status=status,
                    bytes_sent=exchange.bytes_sent,
                    duration_ms=duration_s * 1000,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                    streaming=exchange.streamed,
                )
            )

    def rejected(
        self, status: int, bytes_sent: int, request: RequestReceived | None = None
    ) -> None:
        """Note an answer to what was no request, or none that the application heard of."""
        self._bytes_sent += bytes_sent
        if self._access_log is None:
            return
        method, target, version = "-", b"-", "1.1"
        if request is not None:
            method, target, version = request.method, request.target, request.http_version
        self._access_log.record(self._client, method, target, version, status, bytes_sent, 0.0)

    def closed(self, reason: EndReason) -> None:
        """Note the end of the connection."""
        if self._collects:
            self._observation.tell(
                ConnectionCompleted(
                    connection_id=self.connection_id,
                    worker_id=self._observation.worker_id,
                    requests_served=self._requests_served,
                    total_bytes_sent=self._bytes_sent,
                    duration_ms=(_monotonic() - self._opened_s) * 1000,
                    reason=reason,
                )
            )
