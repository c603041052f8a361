"""Drives one WebSocket of a worker without sockets: frames of a client, an app led by the test."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.observation import Observation
from serverkit_worker.serving import Serving
from tests.worker.driving import Wire, connect, make_serving, turns
from tests.worker.fake_transport import FakeTransport
from tests.worker.wire_format import Response, first

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # That of RFC 6455 section 1.3, as is what is accepted with it.
ACCEPTED = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x12\x34\x56\x78"

type Frame = tuple[int, bytes]
type Message = Mapping[str, Any]

ACCEPT_MESSAGE: Message = {"type": "websocket.accept"}


def handshake(fields: bytes = b"", *, target: bytes = b"/ws", key: bytes = KEY) -> bytes:
    """Return a request for a WebSocket, with more fields if there are any."""
    return (
        b"GET %b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n%b\r\n" % (target, key, fields)
    )


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a frame as clients send it: masked."""
    size = len(payload)
    if size > 0xFFFF:
        length = b"\xff" + size.to_bytes(8)
    elif size > 125:
        length = b"\xfe" + size.to_bytes(2)
    else:
        length = bytes([0x80 | size])
    mask = (MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + MASK + masked


def close_frame(code: int | None = 1000, reason: str = "") -> bytes:
    """Return a close frame of a client; without a code, one that is empty."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason.encode())


def text(message: str) -> bytes:
    """Return a text in one frame."""
    return frame(TEXT, message.encode())


def read_frames(data: bytes) -> list[Frame]:
    """Take apart what a server has sent: whole, unmasked frames without extensions."""
    found = []
    while data:
        first_byte, second = data[0], data[1]
        assert first_byte & 0xF0 == 0x80, "fragmented, or with an extension"
        start, size = 2, second
        if second == 126:
            start, size = 4, int.from_bytes(data[2:4])
        elif second == 127:
            start, size = 10, int.from_bytes(data[2:10])
        assert len(data) >= start + size, "half a frame"
        found.append((first_byte & 0x0F, data[start : start + size]))
        data = data[start + size :]
    return found


@dataclasses.dataclass
class Peer:
    """A client that has asked for a WebSocket, and what it has been answered."""

    wire: Wire
    response: Response | None
    unread: bytes = b""

    @property
    def transport(self) -> FakeTransport:
        """What is between client and server."""
        return self.wire.transport

    def ended(self) -> str:
        """How the connection ended, empty while it is open."""
        return self.wire.ended

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.wire.send(data)

    def frames(self) -> list[Frame]:
        """Return the frames that have come since the last call."""
        data, self.unread = self.unread + self.wire.take(), b""
        return read_frames(data)

    async def exchange(self, data: bytes) -> list[Frame]:
        """Send bytes, let the loop go round, and return the frames that came back."""
        self.send(data)
        await turns()
        return self.frames()

    def closed_with(self) -> tuple[int | None, str]:
        """Return code and reason of the close frame, which is the last and only one."""
        *others, (opcode, payload) = self.frames()
        assert opcode == CLOSE
        assert all(each != CLOSE for each, _ in others)
        if not payload:
            return None, ""
        return int.from_bytes(payload[:2]), payload[2:].decode()


class Puppet:
    """An application that does nothing by itself: the test receives and sends in its name."""

    scope: Scope
    _receive: Receive
    _send: Send

    def __init__(self) -> None:
        self.calls = 0
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.cancelled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait until the test lets it return or raise."""
        self.calls += 1
        self.scope, self._receive, self._send = scope, receive, send
        try:
            await self.end
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    async def receive(self) -> Message:
        """Receive what is there, or comes within some turns of the loop."""
        task = await self.receiving()
        assert task.done(), "nothing came"
        return task.result()

    async def receiving(self) -> asyncio.Task[Message]:
        """Begin to receive; not more."""
        task = asyncio.create_task(_awaited(self._receive()))
        await turns(3)
        return task

    async def send(self, message: Message) -> None:
        """Send a message for which there is nothing to wait."""
        task = await self.sending(message)
        assert task.done(), "it waits for something"
        task.result()

    async def sending(self, message: Message) -> asyncio.Task[None]:
        """Begin to send."""
        task = asyncio.create_task(_awaited(self._send(message)))
        await turns(3)
        return task

    async def say(self, message: str) -> None:
        """Send a text."""
        await self.send({"type": "websocket.send", "text": message})

    async def accept(self, **more: object) -> None:
        """Receive what comes first, and accept."""
        assert await self.receive() == {"type": "websocket.connect"}
        await self.send({**ACCEPT_MESSAGE, **more})


async def _awaited(awaitable: Any) -> Any:  # noqa: ANN401  what an application awaits
    return await awaitable


async def ask(
    app: ASGIApp,
    config: WorkerConfig | None = None,
    *,
    serving: Serving | None = None,
    observation: Observation | None = None,
    fields: bytes = b"",
    behind: bytes = b"",
) -> Peer:
    """Ask for a WebSocket.

    Args:
        app: what is called for it.
        config: of the worker.
        serving: instead of app and config.
        observation: is told what happens.
        fields: more of them in the handshake.
        behind: what the client sends together with the handshake.
    """
    if serving is None:
        serving = make_serving(app, config, observation=observation)
    wire = connect(serving)
    return await ask_on(wire, handshake(fields) + behind)


async def ask_on(wire: Wire, data: bytes) -> Peer:
    """Ask for a WebSocket on a connection that may have been used before."""
    data = await wire.exchange(data)
    found = first(data)
    if found is None:
        return Peer(wire, None)
    response, rest = found
    return Peer(wire, response, rest)


async def opened(
    config: WorkerConfig | None = None,
    *,
    observation: Observation | None = None,
    serving: Serving | None = None,
    app: Puppet | None = None,
) -> tuple[Puppet, Peer]:
    """Return an application and a client with an open WebSocket between them."""
    app = app or Puppet()
    peer = await ask(app, config, serving=serving, observation=observation)
    await app.accept()
    peer.response, peer.unread = answer(peer.wire.take())
    assert peer.response.status == 101
    return app, peer


def answer(data: bytes) -> tuple[Response, bytes]:
    """Return the response that bytes begin with, and what follows it."""
    found = first(data)
    assert found is not None, f"no response: {data!r}"
    return found


def config_of(**changes: Any) -> WorkerConfig:  # noqa: ANN401  any setting
    """Return a configuration without pings, but for the changes."""
    settings = {"websocket_ping_interval": 0.0} | changes
    return WorkerConfig(**settings)
