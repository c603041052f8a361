"""A client that sends exactly the bytes it is told to and reads answers strictly, within bounds."""

import re
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.server_process import WAIT_S
from tests.support.tls_socket import TLSSocket

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ([ -~]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response as it stood on the wire; names are lower case."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] | None = None
    framing: str = "none"  # "none" | "content-length" | "chunked" | "close"

    def field(self, name: str) -> str | None:
        """Return the value of the one field of that name, None if there is none."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name} stands {len(values)} times in {self.fields}"
        return values[0] if values else None

    @property
    def closes(self) -> bool:
        """Whether the server said that it will close the connection."""
        return (self.field("connection") or "").lower() == "close"


class ConnectionEnded(AssertionError):
    """The server closed or reset the connection where an answer, or more of it, was awaited."""


class RawClient:
    """One connection to a server. Every read is bounded; what is not HTTP/1.1 fails the test."""

    def __init__(
        self,
        address: tuple[str, int] | str,
        *,
        receive_buffer: int = 0,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET
        if isinstance(address, str):
            family = socket.AF_UNIX
        elif ":" in address[0]:
            family = socket.AF_INET6
        self._carrier = socket.socket(family, socket.SOCK_STREAM)
        self._carrier.settimeout(WAIT_S)
        if receive_buffer:
            self._carrier.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket: socket.socket | TLSSocket = self._carrier
        try:
            self._carrier.connect(address)
            if trust:
                self.socket = TLSSocket(self._carrier, trust, "localhost")
        except BaseException:
            self._carrier.close()
            raise
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        """Return the client itself; it is connected already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.settimeout(WAIT_S)
        self.socket.sendall(data)

    def send_what_is_taken(self, data: bytes) -> None:
        """Send `data`; that the server closes in the midst of it is no failure."""
        with suppress(ConnectionError):
            self.send(data)

    def half_close(self) -> None:
        """Say that nothing more will be sent; answers can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Leave as clients do: everything sent arrives, then the end of the stream."""
        self.socket.close()

    def reset(self) -> None:
        """Leave as a crashed client does: with a reset."""
        self._carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._carrier.close()

    def read_head(self) -> Answer:
        """Return the next status line and fields, also of an informational response."""
        block = self._read_until(b"\r\n\r\n")
        status_line, *lines = block.split(b"\r\n")[:-2]
        found = STATUS_LINE.fullmatch(status_line)
        assert found, f"no status line: {status_line!r}"
        return Answer(status=int(found[1]), reason=found[2].decode(), fields=_fields(lines))

    def read_answer(self, *, method: str = "GET") -> Answer:
        """Return the next final response, whole; informational ones before it are skipped."""
        head = self.read_head()
        while head.status < 200:
            head = self.read_head()
        body, trailers, framing = self._read_body(head, method)
        return Answer(
            status=head.status,
            reason=head.reason,
            fields=head.fields,
            body=body,
            trailers=trailers,
            framing=framing,
        )

    def read_some(self) -> bytes:
        """Return the next bytes as they come, b"" at the end of the stream."""
        if self._buffer:
            return self._take(len(self._buffer))
        return self._receive(time.monotonic() + WAIT_S)

    def read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        deadline = time.monotonic() + WAIT_S
        while len(self._buffer) < count:
            self._buffer += self._receive_or_fail(deadline, f"{count} bytes")
        return self._take(count)

    def read_to_end(self) -> bytes:
        """Return all bytes up to the end of the connection, be it closed or reset."""
        deadline = time.monotonic() + WAIT_S
        parts = [self._take(len(self._buffer))]
        while data := self._receive(deadline):
            parts.append(data)
        return b"".join(parts)

    def answers_within(self, seconds: float) -> bool:
        """Say whether anything, also the end, comes within `seconds`."""
        if self._buffer:
            return True
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def _read_body(
        self, head: Answer, method: str
    ) -> tuple[bytes, list[tuple[str, str]] | None, str]:
        coding, length = head.field("transfer-encoding"), head.field("content-length")
        assert coding is None or length is None, "both Content-Length and Transfer-Encoding"
        if method == "HEAD" or head.status in {204, 304}:
            return b"", None, "none"
        if coding is not None:
            assert coding == "chunked"
            body, trailers = self._read_chunked()
            return body, trailers, "chunked"
        if length is not None:
            assert length.isascii()
            assert length.isdigit()
            return self.read_exactly(int(length)), None, "content-length"
        return self.read_to_end(), None, "close"

    def _read_chunked(self) -> tuple[bytes, list[tuple[str, str]]]:
        parts = []
        while True:
            line = self._read_until(b"\r\n")[:-2]
            assert CHUNK_LINE.fullmatch(line), f"no chunk size: {line!r}"
            size = int(line, 16)
            if not size:
                break
            parts.append(self.read_exactly(size))
            assert self.read_exactly(2) == b"\r\n"
        lines: list[bytes] = []
        while line := self._read_until(b"\r\n")[:-2]:
            lines.append(line)
        return b"".join(parts), _fields(lines)

    def _read_until(self, mark: bytes) -> bytes:
        deadline = time.monotonic() + WAIT_S
        while mark not in self._buffer:
            self._buffer += self._receive_or_fail(deadline, repr(mark))
        return self._take(self._buffer.index(mark) + len(mark))

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _receive_or_fail(self, deadline: float, awaited: str) -> bytes:
        data = self._receive(deadline)
        if not data:
            raise ConnectionEnded(
                f"the server closed before {awaited}; read: {bytes(self._buffer)!r}"
            )
        return data

    def _receive(self, deadline: float) -> bytes:
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return self.socket.recv(1 << 18)
        except ConnectionError:
            return b""
        except TimeoutError:
            raise AssertionError(
                f"nothing came in time; read before: {bytes(self._buffer)!r}"
            ) from None


def _fields(lines: list[bytes]) -> list[tuple[str, str]]:
    fields = []
    for line in lines:
        found = FIELD_LINE.fullmatch(line)
        assert found, f"no field line: {line!r}"
        fields.append((found[1].decode().lower(), found[2].decode("latin-1").strip()))
    return fields
