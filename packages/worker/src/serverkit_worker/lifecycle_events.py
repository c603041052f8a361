"""What happens in the life of a connection, as seen from outside the protocol.

Rules:
    An event is built only where somebody listens.
    `timestamp_ns` is of the monotonic clock: it orders and measures, it does not date.
    Each `RequestStarted` is followed by one `ResponseCompleted`, or by `ClientDisconnected` or the
    connection's `ConnectionCompleted` where there was no complete response. Each `StreamOpened` is
    followed by one `StreamClosed`, each `ConnectionOpened` by one `ConnectionCompleted`.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

next_connection_id: Final[Callable[[], int]] = itertools.count(1).__next__
"""Return a number that no other connection of this process has, larger than all before.

The one thing that all workers of a process share; the counter is atomic with and without the GIL.

Threads: any.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEvent:
    """What all events have.

    Args:
        connection_id: unique in its process, and increasing.
        worker_id: of the worker that has the connection.
        timestamp_ns: monotonic time of the event; now when left out.
    """

    connection_id: int
    worker_id: int
    timestamp_ns: int = field(default_factory=time.monotonic_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(LifecycleEvent):
    """A client connected.

    Args:
        client_addr: host, or path of a unix socket, empty where it has no name.
        client_port: 0 over a unix socket.
        server_addr: as client_addr, of our end.
        server_port: as client_port, of our end.
        protocol: "http/1.1", "h2" and so on, as ALPN names them.
    """

    client_addr: str
    client_port: int
    server_addr: str
    server_port: int
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted(LifecycleEvent):
    """The head of a request is complete, and the application is about to be called.

    Args:
        method: as sent.
        path: percent-decoded, without the query.
        http_version: "1.0", "1.1", "2".
    """

    method: str
    path: str
    http_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCompleted(LifecycleEvent):
    """The last byte of a response was handed to the connection.

    Args:
        status: of the response.
        bytes_sent: of its body.
        duration_ms: since the request started.
        method: of the request, as sent.
        path: of the request, percent-decoded, without the query.
        streaming: whether the body came in more than one piece.
    """

    status: int
    bytes_sent: int
    duration_ms: float
    method: str
    path: str
    streaming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOpened(LifecycleEvent):
    """A response turned out to be a stream: its first piece was sent, and more will come.

    So is a WebSocket, from its 101 to its end; the bytes of its response are those of all frames.

    Args:
        method: of the request, as sent.
        path: of the request, percent-decoded, without the query.
    """

    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamClosed(LifecycleEvent):
    """A stream ended.

    Args:
        duration_ms: since it was opened.
        reason: why it ended.
    """

    duration_ms: float
    reason: Literal["complete", "client_disconnect", "drain", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisconnected(LifecycleEvent):
    """The client left before the response was complete.

    Args:
        during_streaming: whether a part of the response had been sent.
    """

    during_streaming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCompleted(LifecycleEvent):
    """A connection ended.

    Args:
        requests_served: how many of its requests got a complete response.
        total_bytes_sent: of the bodies of all its responses.
        duration_ms: since it was opened.
        reason: why it ended; "backpressure": it was refused, there were too many.
    """

    requests_served: int
    total_bytes_sent: int
    duration_ms: float
    reason: Literal[
        "complete", "timeout", "client_disconnect", "error", "backpressure", "write_timeout"
    ]
