"""Tells whoever listens what happens: the access log, and the lifecycle collector.

Rules:
    Where nobody listens there is no `Observation`, and nothing is built or measured for it.
    Whatever a collector raises is reported once and never reaches a request.
"""

import logging
import time
from typing import Final, Literal

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

logger = logging.getLogger("serverkit.error")

type EndReason = Literal[
    "complete", "timeout", "client_disconnect", "error", "backpressure", "write_timeout"
]
type StreamEndReason = Literal["complete", "client_disconnect", "drain", "error"]

# Of a client that left before it had its response, as nginx logs it: no such status is ever sent.
CLIENT_CLOSED_REQUEST: Final = 499


class ConnectionRecord:
    """What is noted of one connection while it lasts.

    Owner: the connection; only its worker's observation changes it.
    """

    __slots__ = ("bytes_sent", "client", "connection_id", "opened_s", "requests_served", "stream_s")

    def __init__(self, connection_id: int, client: Address | None, opened_s: float) -> None:
        self.connection_id = connection_id
        self.client = client
        self.opened_s = opened_s
        self.stream_s = 0.0
        self.requests_served = 0
        self.bytes_sent = 0


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
    """Where connections report.

    Owner: the worker; the loop thread only.
    """

    __slots__ = ("_access_log", "_collector", "_has_reported", "_worker_id")

    def __init__(
        self,
        collector: LifecycleCollector | None,
        access_log: AccessLog | None,
        *,
        worker_id: int,
    ) -> None:
        self._collector = collector
        self._access_log = access_log
        self._worker_id = worker_id
        self._has_reported = False

    def flush(self) -> None:
        """Let the access log write what it holds."""
        if self._access_log is not None:
            self._access_log.flush()

    def connection_opened(self, server: Address | None, client: Address | None) -> ConnectionRecord:
        """Note a connection, and return the record to be shown with all that follows."""
        record = ConnectionRecord(next_connection_id(), client, time.monotonic())
        if self._collector is not None:
            client_addr, client_port = client or ("", None)
            server_addr, server_port = server or ("", None)
            self._tell(
                ConnectionOpened(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    client_addr=client_addr,
                    client_port=client_port or 0,
                    server_addr=server_addr,
                    server_port=server_port or 0,
                    protocol="http/1.1",
                )
            )
        return record

    def request_started(self, record: ConnectionRecord, exchange: HTTPExchange) -> None:
        """Note that the application is about to be called."""
        exchange.started_s = time.monotonic()
        if self._collector is not None:
            self._tell(
                RequestStarted(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                    http_version=exchange.request.http_version,
                )
            )

    def stream_opened(self, record: ConnectionRecord, exchange: HTTPExchange) -> None:
        """Note that a response leaves in pieces."""
        record.stream_s = time.monotonic()
        if self._collector is not None:
            self._tell(
                StreamOpened(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                )
            )

    def responded(
        self, record: ConnectionRecord, exchange: HTTPExchange, end: StreamEndReason = "complete"
    ) -> None:
        """Note a response that has come to its end, be it by being cut off."""
        head = exchange.head
        duration_s = time.monotonic() - exchange.started_s
        record.bytes_sent += exchange.bytes_sent
        request = exchange.request
        status = CLIENT_CLOSED_REQUEST if head is None else head.status
        if end == "complete":
            record.requests_served += 1
        if self._access_log is not None:
            self._access_log.record(
                record.client,
                request.method,
                request.target,
                request.http_version,
                status,
                exchange.bytes_sent,
                duration_s,
            )
        if self._collector is not None:
            self._tell_response(record, exchange, status, duration_s, end)

    def _tell_response(
        self,
        record: ConnectionRecord,
        exchange: HTTPExchange,
        status: int,
        duration_s: float,
        end: StreamEndReason,
    ) -> None:
        if exchange.streamed:
            self._tell(
                StreamClosed(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    duration_ms=(time.monotonic() - record.stream_s) * 1000,
                    reason=end,
                )
            )
        if end == "client_disconnect":
            self._tell(
                ClientDisconnected(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    during_streaming=exchange.streamed,
                )
            )
        else:
            self._tell(
                ResponseCompleted(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    status=status,
                    bytes_sent=exchange.bytes_sent,
                    duration_ms=duration_s * 1000,
                    method=exchange.request.method,
                    path=exchange.scope["path"],
                    streaming=exchange.streamed,
                )
            )

    def rejected(self, record: ConnectionRecord, status: int, bytes_sent: int) -> None:
        """Note an answer to what was no request."""
        record.bytes_sent += bytes_sent
        if self._access_log is not None:
            self._access_log.record(record.client, "-", "-", "1.1", status, bytes_sent, 0.0)

    def connection_closed(self, record: ConnectionRecord, reason: EndReason) -> None:
        """Note the end of a connection."""
        if self._collector is not None:
            self._tell(
                ConnectionCompleted(
                    connection_id=record.connection_id,
                    worker_id=self._worker_id,
                    requests_served=record.requests_served,
                    total_bytes_sent=record.bytes_sent,
                    duration_ms=(time.monotonic() - record.opened_s) * 1000,
                    reason=reason,
                )
            )

    def _tell(self, event: LifecycleEvent) -> None:
        try:
            if self._collector is not None:
                self._collector.record(event)
        except Exception:
            if not self._has_reported:
                self._has_reported = True
                logger.exception("The lifecycle collector failed; this is said once")
