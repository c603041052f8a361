"""Workers of different kinds, and how a client finds out that one serves."""

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from examples.echo_supervised import Echo
from serverkit_server.config import ServerConfig
from serverkit_server.factory import make_worker
from serverkit_supervisor import TCPWorker, WorkerContext, WorkerFactory
from tests.supervisor.broken_workers import Complete

type Message = MutableMapping[str, Any]
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer any request in the same way."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def make_async_worker(context: WorkerContext) -> TCPWorker:
    """Make a worker that serves HTTP on an event loop."""
    config = ServerConfig(access_log=False, lifespan="off")
    return make_worker(config, app, context, access_log=None, lifecycle_collector=None)


def read_all(client: socket.socket) -> bytes:
    """Read up to the end."""
    return b"".join(iter(lambda: client.recv(10_000), b""))


def is_served_over_http(client: socket.socket) -> bool:
    """Send a request; say whether it is answered."""
    client.sendall(REQUEST)
    answer = read_all(client)
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"served")


def is_echoed(client: socket.socket) -> bool:
    """Send something; say whether it comes back."""
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    return read_all(client) == b"hello"


def is_closed(client: socket.socket) -> bool:
    """Say whether the other end closes in good order."""
    return read_all(client) == b""


@dataclass(frozen=True)
class Kind:
    """A kind of worker.

    Args:
        factory: makes one.
        is_served: whether a client that has just connected is served.
    """

    factory: WorkerFactory
    is_served: Callable[[socket.socket], bool]


KINDS = {
    "async": Kind(make_async_worker, is_served_over_http),
    "echo": Kind(Echo, is_echoed),
    "fake": Kind(Complete, is_closed),
}
