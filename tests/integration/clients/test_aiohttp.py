"""aiohttp as a client of WebSockets and of HTTP."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import (
    AddrInfoType,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    TCPConnector,
    WSMsgType,
)
from aiohttp.client_exceptions import WSServerHandshakeError

from tests.support.probe import fresh_name
from tests.support.server_process import WAIT_S, ServerProcess

type Talk = Callable[[ClientSession], Awaitable[None]]

COMPRESSION = pytest.mark.parametrize("window_bits", [0, 9, 15])
"""As aiohttp has it: 0 is none."""


def run(server: ServerProcess, talk: Talk) -> None:
    """Run a talk with a server, bounded."""
    sockets: list[socket.socket] = []

    def new_socket(info: AddrInfoType) -> socket.socket:
        sockets.append(socket.socket(*info[:3]))
        return sockets[-1]

    async def bounded() -> None:
        connector = TCPConnector(socket_factory=new_socket)
        bound = ClientTimeout(total=WAIT_S)
        async with asyncio.timeout(2 * WAIT_S):
            async with ClientSession(server.url, connector=connector, timeout=bound) as session:
                await talk(session)
            while any(each.fileno() != -1 for each in sockets):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    asyncio.run(bounded())


def open_socket(
    server: ServerProcess,
    session: ClientSession,
    path: str,
    **options: Any,  # noqa: ANN401
) -> Awaitable[ClientWebSocketResponse]:
    """Open a WebSocket, over TLS if the server speaks it."""
    opening: Awaitable[ClientWebSocketResponse] = session.ws_connect(
        path, ssl=server.trust or True, **options
    )
    return opening


@COMPRESSION
def test_echo(server: ServerProcess, window_bits: int) -> None:
    """Text and bytes come back, compressed as it was offered or not."""

    async def talk(session: ClientSession) -> None:
        path = f"/ws/echo?name={fresh_name()}"
        websocket = await open_socket(server, session, path, compress=window_bits)
        assert bool(websocket.compress) == bool(window_bits)
        noise = os.urandom(200_000)
        for _ in range(3):
            await websocket.send_str("Grüße " * 10_000)
            assert await websocket.receive_str() == "Grüße " * 10_000
            await websocket.send_bytes(noise)
            assert await websocket.receive_bytes() == noise
        await websocket.close(code=3001)
        assert websocket.close_code == 3001

    run(server, talk)


def test_ping(server: ServerProcess) -> None:
    """A ping is answered with a pong that has its payload."""

    async def talk(session: ClientSession) -> None:
        path = f"/ws/echo?name={fresh_name()}"
        websocket = await open_socket(server, session, path, autoping=False)
        await websocket.ping(b"payload")
        message = await websocket.receive()
        assert (message.type, message.data) == (WSMsgType.PONG, b"payload")
        await websocket.close()

    run(server, talk)


def test_the_application_closes(server: ServerProcess) -> None:
    """The client is told code and reason."""

    async def talk(session: ClientSession) -> None:
        websocket = await open_socket(server, session, "/ws/close?code=4321&reason=done")
        await websocket.send_str("now")
        message = await websocket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4321, "done")
        assert websocket.close_code == 4321

    run(server, talk)


@pytest.mark.parametrize(("path", "status"), [("/ws/refused", 403), ("/ws/denied", 401)])
def test_a_handshake_that_is_refused(server: ServerProcess, path: str, status: int) -> None:
    """The client raises what the server answered, and the session goes on."""

    async def talk(session: ClientSession) -> None:
        with pytest.raises(WSServerHandshakeError) as refused:
            await open_socket(server, session, path)
        assert refused.value.status == status
        async with session.get("/thread", ssl=server.trust or True) as response:
            assert await response.json() == {"in_main_thread": False}

    run(server, talk)


def test_requests(server: ServerProcess) -> None:
    """Streams go both ways over connections that are kept open."""

    async def talk(session: ClientSession) -> None:
        trust = server.trust or True
        for _ in range(3):
            async with session.post("/total", data=b"x" * 900_000, ssl=trust) as response:
                assert await response.json() == {"size": 900_000}
            async with session.get("/stream?lines=100", ssl=trust) as response:
                assert (await response.text()).count("\n") == 100

    run(server, talk)
