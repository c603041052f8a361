"""WebSockets on real sockets, with both kinds of event loop and a client of somebody else's."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from serverkit_worker import own_loop
from serverkit_worker import worker as worker_module
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually
from tests.worker.websocket_driving import (
    BINARY,
    CLOSE,
    Frame,
    close_frame,
    frame,
    handshake,
    read_frames,
    text,
)

type Talk = Callable[[ClientConnection], Awaitable[None]]


class Echo:
    """An application that sends back what it is sent, and keeps how it was told of the end."""

    def __init__(self) -> None:
        self.ends: list[dict[str, Any]] = []
        self.accepted = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        self.accepted += 1
        while (message := dict(await receive()))["type"] == "websocket.receive":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4000, "reason": "you asked"})
            elif message.get("text") == "raise":
                raise ValueError("boom")
            elif message.get("text") == "return":
                return
            else:
                await send(message | {"type": "websocket.send"})
        self.ends.append(message)


@contextlib.asynccontextmanager
async def connected(running: RunningWorker, **options: Any) -> AsyncIterator[ClientConnection]:  # noqa: ANN401  those of connect
    """Connect a client, whose waits are all bounded."""
    uri = f"ws://127.0.0.1:{running.address[1]}/ws"
    async with (
        asyncio.timeout(WAIT_S),
        connect(uri, ping_interval=None, **options) as client,
    ):
        yield client


def talk(running: RunningWorker, conversation: Talk, **options: Any) -> None:  # noqa: ANN401  those of connect
    """Let a client talk with the worker."""

    async def run() -> None:
        async with connected(running, **options) as client:
            await conversation(client)

    asyncio.run(run())


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_come_back(any_loop: WorkerConfig, compression: str | None) -> None:
    """Of all kinds and sizes, deflated and not."""
    sizes = (0, 1, 125, 126, 65_535, 65_536, 1_000_000)

    async def conversation(client: ClientConnection) -> None:
        for size in sizes:
            for message in ("é" * (size // 2), bytes(size)):
                await client.send(message)
                assert await client.recv() == message
        await client.send(["in ", "several ", "frames"])
        assert await client.recv() == "in several frames"

    app = Echo()
    with RunningWorker(app, config=any_loop) as running:
        talk(running, conversation, compression=compression, max_size=2_000_000)
        eventually(lambda: app.ends)

    assert app.ends == [{"type": "websocket.disconnect", "code": 1000, "reason": ""}]


def test_many_clients_at_once(any_loop: WorkerConfig) -> None:
    """Each gets its own messages, in its own order."""

    async def run(running: RunningWorker) -> None:
        async def one(number: int) -> None:
            async with connected(running) as client:
                for index in range(20):
                    await client.send(f"{number} {index}")
                assert [await client.recv() for _ in range(20)] == [
                    f"{number} {index}" for index in range(20)
                ]

        await asyncio.gather(*(one(number) for number in range(50)))

    app = Echo()
    with RunningWorker(app, config=any_loop) as running:
        asyncio.run(run(running))
        eventually(lambda: len(app.ends) == 50)


@pytest.mark.parametrize(
    ("word", "code", "reason"),
    [("close", 4000, "you asked"), ("return", 1000, ""), ("raise", 1011, "")],
)
def test_the_application_ends_it(any_loop: WorkerConfig, word: str, code: int, reason: str) -> None:
    """The client is told why."""

    async def conversation(client: ClientConnection) -> None:
        await client.send(word)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (code, reason)

    with RunningWorker(Echo(), config=any_loop) as running:
        talk(running, conversation)


def test_the_client_ends_it(any_loop: WorkerConfig) -> None:
    """The application is told with which code and reason, and the client that it was heard."""

    async def conversation(client: ClientConnection) -> None:
        await client.close(4321, "enough")
        assert (client.close_code, client.close_reason) == (4321, "enough")

    app = Echo()
    with RunningWorker(app, config=any_loop) as running:
        talk(running, conversation)
        eventually(lambda: app.ends)

    assert app.ends == [{"type": "websocket.disconnect", "code": 4321, "reason": "enough"}]


class Raw(Client):
    """A client that has shaken hands and sends any bytes."""

    def __init__(self, running: RunningWorker) -> None:
        super().__init__(running.address)
        self.send(handshake())
        assert self.read().status == 101

    def frames(self) -> list[Frame]:
        """Return all that comes until the server closes."""
        return read_frames(self.read_to_end())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (close_frame(1001, "bye"), 1001),
        (frame(0x3), 1002),
        (close_frame(1005), 1002),
        (frame(0x1, b"\xff"), 1007),
        (frame(BINARY, bytes(20_000)), 1009),
        (frame(BINARY, bytes(2_000_000)), 1009),
    ],
)
def test_the_client_is_told_what_it_broke(any_loop: WorkerConfig, data: bytes, code: int) -> None:
    """Also one that is still sending: no reset takes the close frame back."""
    proto = replace(any_loop.proto, websocket_max_message_size=10_000)
    with RunningWorker(Echo(), config=replace(any_loop, proto=proto)) as running:
        with Raw(running) as client:
            client.send(text("hi"))
            assert client.socket.recv(4) == b"\x81\x02hi"
            client.send(data)
            ((opcode, payload),) = client.frames()
        eventually(running.worker.is_idle)

    assert opcode == CLOSE
    assert int.from_bytes(payload[:2]) == code


@pytest.mark.parametrize("how", ["half", "whole", "reset"])
def test_a_client_that_vanishes_is_noticed(any_loop: WorkerConfig, how: str) -> None:
    """The application is told 1006."""
    app = Echo()
    with RunningWorker(app, config=any_loop) as running, Raw(running) as client:
        if how == "half":
            client.socket.shutdown(socket.SHUT_WR)
            assert client.frames() == []
        elif how == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
        eventually(lambda: app.ends)

    assert app.ends == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


def test_a_silent_client_is_given_up(any_loop: WorkerConfig) -> None:
    """By pings; one that answers stays."""
    config = replace(any_loop, websocket_ping_interval=0.2, websocket_ping_timeout=3.0)
    app = Echo()

    async def conversation(client: ClientConnection) -> None:
        await asyncio.to_thread(eventually, lambda: app.ends)
        await client.send("still here")
        assert await client.recv() == "still here"

    with RunningWorker(app, config=config) as running, Raw(running) as silent:
        talk(running, conversation)
        *pings, (opcode, payload) = silent.frames()

    assert {opcode for opcode, _ in pings} == {0x9}
    assert (opcode, payload) == (CLOSE, b"\x03\xf3keepalive ping timeout")
    assert app.ends[0]["code"] == 1006


def test_an_idle_websocket_is_closed(any_loop: WorkerConfig) -> None:
    """With 1001, though its client answers to pings."""
    config = replace(any_loop, websocket_ping_interval=0.05, websocket_idle_timeout=0.5)

    async def conversation(client: ClientConnection) -> None:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001

    with RunningWorker(Echo(), config=config) as running:
        talk(running, conversation)


def test_a_client_that_does_not_read_is_reset(any_loop: WorkerConfig) -> None:
    """Messages do not pile up for it."""
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            try:
                while True:
                    await send({"type": "websocket.send", "bytes": bytes(100_000)})
            except OSError:
                ended.set()

    config = replace(any_loop, write_timeout=0.5)
    with RunningWorker(app, config=config) as running, Client(running.address) as client:
        client.send(handshake())
        assert ended.wait(WAIT_S)
        eventually(running.worker.is_idle)


@pytest.mark.parametrize("how", ["start_draining", "shutdown"])
def test_a_drain_ends_every_websocket(any_loop: WorkerConfig, how: str) -> None:
    """With 1012; clients that answer are gone at once, whatever the timeouts."""
    config = replace(
        any_loop,
        websocket_close_timeout=WAIT_S,
        shutdown_timeout=WAIT_S,
        reload_timeout=WAIT_S,
    )
    app = Echo()
    codes: list[int | None] = []

    async def run(running: RunningWorker) -> None:
        async def one() -> None:
            async with connected(running) as client:
                await client.wait_closed()
                codes.append(client.close_code)

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(one())
            await asyncio.to_thread(eventually, lambda: app.accepted == 20)
            getattr(running.worker, how)()

    with RunningWorker(app, config=config) as running:
        asyncio.run(run(running))
        running.join()

    assert codes == [1012] * 20
    assert [end["code"] for end in app.ends] == [1012] * 20
    assert running.worker.unfinished_count == 0


def test_a_client_that_never_answers_does_not_hold_a_shutdown_up(any_loop: WorkerConfig) -> None:
    """It is sent 1012, waited for, and closed."""
    config = replace(any_loop, websocket_close_timeout=0.2, shutdown_timeout=WAIT_S)
    app = Echo()
    with RunningWorker(app, config=config) as running, Raw(running) as client:
        running.worker.shutdown()
        running.join()
        frames = client.frames()

    assert frames == [(CLOSE, b"\x03\xf4service restart")]
    assert running.worker.unfinished_count == 0


@pytest.mark.parametrize("stubborn", [False, True])
def test_an_application_that_does_not_end_is_cancelled(
    any_loop: WorkerConfig, monkeypatch: pytest.MonkeyPatch, *, stubborn: bool
) -> None:
    """After shutdown_timeout; how many there were is known."""
    monkeypatch.setattr(worker_module, "CANCELLED_S", 0.05)
    monkeypatch.setattr(own_loop, "CANCELLED_S", 0.05)
    cancelled = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await send({"type": "websocket.accept"})
        for _ in range(1 + stubborn):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(1)
        raise asyncio.CancelledError

    config = replace(any_loop, shutdown_timeout=0.3)
    with RunningWorker(app, config=config) as running, Raw(running), Raw(running):
        running.worker.shutdown()
        running.join()

    assert len(cancelled) >= 2
    assert running.worker.unfinished_count == 2


def test_a_denial_reaches_the_client(any_loop: WorkerConfig) -> None:
    """As a response with a status."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
            for part in (b"not ", b"you"):
                await send(
                    {"type": "websocket.http.response.body", "body": part, "more_body": True}
                )
            await send({"type": "websocket.http.response.body"})

    async def run(running: RunningWorker) -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with connected(running):
                pass
        response = caught.value.response
        assert (response.status_code, response.body) == (401, b"not you")

    with RunningWorker(app, config=any_loop) as running:
        asyncio.run(run(running))


def test_a_flood_is_bounded(any_loop: WorkerConfig) -> None:
    """A client that sends on and on waits, as the application does not receive; nothing is lost."""
    count, size = 400, 100_000
    taken = threading.Event()
    received: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await send({"type": "websocket.accept"})
        await asyncio.to_thread(taken.wait, WAIT_S)
        assert (await receive())["type"] == "websocket.connect"
        while (message := await receive())["type"] == "websocket.receive":
            received.append(len(message["bytes"]))

    with RunningWorker(app, config=any_loop) as running, Raw(running) as client:
        client.socket.settimeout(1.0)
        flood = frame(BINARY, bytes(size)) * count
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(flood):
                sent += client.socket.send(flood[sent : sent + 1_000_000])
        assert sent < len(flood), "the kernel's buffers cannot hold all that"
        taken.set()
        client.socket.settimeout(WAIT_S)
        client.send(flood[sent:] + close_frame())
        assert client.frames() == [(CLOSE, b"\x03\xe8")]
        eventually(running.worker.is_idle)

    assert received == [size] * count
