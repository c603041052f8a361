"""Scenes with a transport over a socket: ours, or the standard library's."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import override

from serverkit_worker.loops import new_event_loop
from serverkit_worker.readers import Readers
from serverkit_worker.socket_transport import SocketTransport
from tests.worker.running import WAIT_S

# More than all the kernel keeps for a connection.
BIG = bytes(range(256)) * 100_000


class Noting(asyncio.Protocol):
    """Notes all it is told; may keep half-closed connections, and fail at one of its calls."""

    def __init__(self, *, keeps_open: bool = False, fails_in: str = "") -> None:
        self.told: list[str] = []
        self.received = bytearray()
        self.lost: list[Exception | None] = []
        self._keeps_open = keeps_open
        self._fails_in = fails_in
        self.transport: asyncio.Transport

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self._fails_in:
            raise ZeroDivisionError

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._note("made")

    @override
    def data_received(self, data: bytes) -> None:
        self.received += data
        self._note("data")

    @override
    def eof_received(self) -> bool:
        self._note("eof")
        return self._keeps_open

    @override
    def pause_writing(self) -> None:
        self._note("pause")

    @override
    def resume_writing(self) -> None:
        self._note("resume")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self._note("lost")


async def begin_ours(sock: socket.socket, protocol: asyncio.Protocol) -> None:
    """Begin with the transport under test."""
    transport_of(sock, protocol).start()


def transport_of(sock: socket.socket, protocol: asyncio.Protocol) -> SocketTransport:
    """Make a transport for the running loop."""
    loop = asyncio.get_running_loop()
    return SocketTransport(loop, Readers(loop), sock, protocol)


async def begin_theirs(sock: socket.socket, protocol: asyncio.Protocol) -> None:
    """Begin with the transport of the standard library, whose contract it is."""
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, sock)


type Begin = Callable[[socket.socket, asyncio.Protocol], Awaitable[None]]


type Pair = tuple[socket.socket, socket.socket]

loop_name = "asyncio"
"""The loop that scenes are played on; see the fixture `begin`."""


def run(scene: Callable[[], Awaitable[None]]) -> list[dict[str, object]]:
    """Play a scene on a loop; return what its exception handler was told."""
    complaints: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context)
        )
        async with asyncio.timeout(WAIT_S):
            await scene()

    with asyncio.Runner(loop_factory=lambda: new_event_loop(loop_name)) as runner:
        runner.run(main())
    return complaints


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds; `run` bounds that."""
    while not condition():  # noqa: ASYNC110  nobody announces it
        await asyncio.sleep(0)


@asynccontextmanager
async def begun(begin: Begin, pair: Pair, protocol: Noting) -> AsyncIterator[asyncio.Transport]:
    """Begin, and see that it ends: told once, last of all, and the socket closed."""
    await begin(pair[1], protocol)
    try:
        yield protocol.transport
    finally:
        if not protocol.lost:
            protocol.transport.abort()
    await until(lambda: pair[1].fileno() < 0)
    assert len(protocol.lost) == 1
    assert protocol.told[-1] == "lost"


def reset(client: socket.socket) -> None:
    """Leave by a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def received(client: socket.socket) -> bytes:
    """Read what the client gets until the end."""
    loop, parts = asyncio.get_running_loop(), []
    while part := await loop.sock_recv(client, 1 << 20):
        parts.append(part)
    return b"".join(parts)
