"""A client that sends any octets, and sees each frame that the server sends."""

import base64
import hashlib
import re
import secrets
import socket
import ssl
import threading
from typing import Self

from tests.conformance.websocket.frames import Frame, take, taken
from tests.conformance.websocket.tls_stream import TLSStream
from tests.worker.running import WAIT_S, Address

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketClient:
    """One WebSocket, from its handshake on; every wait is bounded.

    Args:
        address: where the server is.
        ssl_context: of a server that speaks TLS.
        extensions: what the client offers.

    Attributes:
        extensions: what the server has accepted of it.
    """

    def __init__(
        self,
        address: Address,
        *,
        ssl_context: ssl.SSLContext | None = None,
        extensions: str | None = None,
    ) -> None:
        assert not isinstance(address, str)
        carrier = socket.create_connection(address[:2], timeout=WAIT_S)
        carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = carrier if ssl_context is None else TLSStream(carrier, ssl_context)
        self._received = bytearray()
        self.extensions = self._shake_hands(extensions)

    def _shake_hands(self, extensions: str | None) -> str | None:
        key = base64.b64encode(secrets.token_bytes(16))
        offer = f"Sec-WebSocket-Extensions: {extensions}\r\n".encode() if extensions else b""
        self.socket.sendall(
            b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: %b\r\n%b\r\n" % (key, offer)
        )
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        head = bytes(self._received[:end])
        del self._received[: end + 4]
        assert head.startswith(b"HTTP/1.1 101 "), head
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        assert accept in re.findall(rb"(?im)^sec-websocket-accept:[ \t]*(\S+)", head)
        answers = re.findall(rb"(?im)^sec-websocket-extensions:[ \t]*([^\r\n]*)", head)
        return answers[0].decode() if answers else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()

    def send(self, octets: bytes, *, at_a_time: int | None = None) -> None:
        """Send all of it, in writes of so many octets."""
        if at_a_time is None:
            self.socket.sendall(octets)
            return
        for start in range(0, len(octets), at_a_time):
            self.socket.sendall(octets[start : start + at_a_time])

    def send_meanwhile(self, octets: bytes, *, at_a_time: int | None = None) -> threading.Thread:
        """Send from another thread, so that what comes back can be read."""
        sender = threading.Thread(target=self.send, args=(octets,), kwargs={"at_a_time": at_a_time})
        sender.start()
        return sender

    def read(self) -> Frame:
        """Return the next frame."""
        while (found := take(self._received)) is None:
            self._receive()
        return found

    def read_to_end(self) -> list[Frame]:
        """Return all frames until the server closes the connection, which it must do first."""
        while data := self.socket.recv(1_048_576):
            self._received += data
        frames = list(taken(self._received))
        assert not self._received, "the connection ends within a frame"
        return frames

    def _receive(self) -> None:
        data = self.socket.recv(1_048_576)
        assert data, f"closed after {bytes(self._received)!r}"
        self._received += data
