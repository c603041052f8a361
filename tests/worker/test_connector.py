"""A connection has its transport, or is closed."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from serverkit_worker.config import WorkerConfig
from serverkit_worker.connector import Connector
from serverkit_worker.loops import new_event_loop
from tests.worker.running import WAIT_S


async def closed(sock: socket.socket) -> None:
    """Wait until a socket is closed."""
    async with asyncio.timeout(WAIT_S):
        while sock.fileno() >= 0:  # noqa: ASYNC110  nobody announces it
            await asyncio.sleep(0)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's and the server's end of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), WAIT_S)
        server, _ = listener.accept()
    with client:
        yield client, server
    assert server.fileno() == -1


class Noting(asyncio.Protocol):
    """Notes that it was made, and says hello."""

    transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport


def test_the_protocol_has_its_transport_at_once_or_when_a_task_is_done(
    any_loop: WorkerConfig, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Who closes the transport closes the connection."""
    client, server = pair

    async def scene() -> None:
        protocol = Noting()
        task = Connector(asyncio.get_running_loop()).connect(server, protocol)
        if task is not None:
            await task
        assert protocol.transport is not None
        protocol.transport.close()
        await closed(server)

    with asyncio.Runner(loop_factory=lambda: new_event_loop(any_loop.loop)) as runner:
        runner.run(scene())
    assert client.recv(1) == b""
