"""Drives one connection of a worker by TLS, without sockets."""

import asyncio
import functools
import ssl
from dataclasses import replace

from serverkit_worker.asgi import ASGIApp
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import DRAINING, ErrorReply
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.observation import Observation
from serverkit_worker.serving import Serving
from serverkit_worker.tls import FixedContext
from serverkit_worker.tls_handshake import TLSHandshake
from serverkit_worker.tls_transport import TLSTransport
from tests.worker.certificates import authority
from tests.worker.driving import hello, make_serving, turns
from tests.worker.fake_transport import FakeTransport
from tests.worker.tls_peer import TLSPeer


class CountingContexts(FixedContext):
    """Notes how often it is asked.

    Attributes:
        asked: how often.
    """

    asked = 0

    def current(self) -> ssl.SSLContext:
        """Return the context."""
        self.asked += 1
        return super().current()


class SecureLine:
    """A client that speaks TLS, and the worker's side of its connection.

    Attributes:
        carrier: of the encrypted bytes.
        peer: the client.
        contexts: what the worker asks for a context.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
        refusal: ErrorReply | None = None,
    ) -> None:
        self.serving = serving
        self.contexts = CountingContexts(server or authority().server())
        serving.tls = self.contexts
        self.peer = TLSPeer(client)
        self.carrier = FakeTransport()
        self._read = 0
        make = functools.partial(HTTP1Connection, serving)
        if serving.draining and refusal is None:
            refusal = DRAINING
        handshake = TLSHandshake(serving, self.contexts, make, refusal)
        self.carrier.set_protocol(handshake)
        handshake.connection_made(self.carrier)

    def take_raw(self) -> bytes:
        """Return the encrypted bytes that the client has got since the last call."""
        sent = bytes(self.carrier.sent[self._read :])
        self._read = len(self.carrier.sent)
        return sent

    def send_raw(self, data: bytes) -> None:
        """Send bytes that are encrypted already, or should be."""
        if data:
            self.carrier.client_sends(data)

    def shake_hands(self, *, last: bytes = b"") -> None:
        """Do the handshake; `last` is said in the same breath as its end."""
        hello = self.peer.shake()
        self.send_raw(hello)
        finished = self.peer.shake(self.take_raw())
        if not self.peer.is_secure:  # Of TLS 1.2: its own end is still to come.
            self.send_raw(finished)
            self.peer.shake(self.take_raw())
            finished = b""
        self.send_raw(finished + (self.peer.encrypt(last) if last else b""))

    def send(self, data: bytes) -> None:
        """Say something."""
        self.send_raw(self.peer.encrypt(data))

    def take(self) -> bytes:
        """Return what the server has said since the last call."""
        said = self.peer.decrypt(self.take_raw())
        if self.carrier.ended:
            self.peer.end()
        return said

    async def exchange(self, data: bytes) -> bytes:
        """Say something, let the loop go round, and return what came back."""
        self.send(data)
        await turns()
        return self.take()

    @property
    def ended(self) -> str:
        """How the connection ended, empty while it is open."""
        return self.carrier.ended


def secure_line(
    app: ASGIApp,
    config: WorkerConfig | None = None,
    *,
    observation: Observation | None = None,
    server: ssl.SSLContext | None = None,
    client: ssl.SSLContext | None = None,
    **changes: object,
) -> SecureLine:
    """Connect a client to an application of its own; `changes` are settings."""
    config = replace(config or WorkerConfig(), **changes)  # type: ignore[arg-type]
    serving = make_serving(app, config, observation=observation)
    return SecureLine(serving, server=server, client=client)


def secured(app: object = hello, **changes: object) -> SecureLine:
    """Return a client whose handshake is done."""
    assert callable(app)
    line = secure_line(app, **changes)  # type: ignore[arg-type]
    line.shake_hands()
    line.take()
    return line


def transport_of(line: SecureLine) -> TLSTransport:
    """Return the transport under test."""
    transport = line.carrier.get_protocol()
    assert isinstance(transport, TLSTransport)
    return transport


class Noting(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self, *, keeps: bool = True) -> None:
        self.told: list[object] = []
        self._keeps = keeps

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self._keeps

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def pause_writing(self) -> None:
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.told.append(("paused", self.transport.get_write_buffer_size()))

    def resume_writing(self) -> None:
        self.told.append("resumed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


def noting(*, keeps: bool = True) -> tuple[SecureLine, TLSTransport, Noting]:
    """Return a connection whose protocol takes notes."""
    line = secured()
    transport, protocol = transport_of(line), Noting(keeps=keeps)
    protocol.connection_made(transport)
    transport.set_protocol(protocol)
    return line, transport, protocol
