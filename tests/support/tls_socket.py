"""A client's end of TLS over a socket, which can end its direction alone, and vanish."""

import socket
import ssl
from contextlib import suppress

RECORD = 16_384


class TLSSocket:
    """Takes the part of a `socket.socket` that `RawClient` needs. Owner: the client.

    Python's own `ssl.SSLSocket` can neither half-close nor peek.
    """

    def __init__(self, carrier: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._carrier = carrier
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._peeked = b""
        while not self._try_handshake():
            self._fetch()
        self._flush()
        self.getsockname = carrier.getsockname
        self.setsockopt = carrier.setsockopt
        self.settimeout = carrier.settimeout

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        for start in range(0, len(data), RECORD):
            self._tls.write(data[start : start + RECORD])
            self._flush()

    def send(self, data: bytes) -> int:
        """Send some of `data`; return how much."""
        self.sendall(data[:RECORD])
        return min(len(data), RECORD)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what comes, b"" if the server said that nothing follows.

        Raises:
            ConnectionError: The connection ended without a word.
        """
        data = self._peeked or self._read(size)
        self._peeked = data if flags & socket.MSG_PEEK else b""
        return data

    def shutdown(self, how: int) -> None:
        """Say that nothing more will be sent."""
        assert how == socket.SHUT_WR
        with suppress(ssl.SSLWantReadError):  # the server has not said the same
            self._tls.unwrap()
        self._flush()

    def close(self) -> None:
        """Say good-bye if the server still hears it, and close."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
        self._carrier.close()

    def _try_handshake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        return True

    def _read(self, size: int) -> bytes:
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._fetch()
            except ssl.SSLZeroReturnError:
                return b""

    def _fetch(self) -> None:
        data = self._carrier.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the connection ended without a close_notify")
        self._incoming.write(data)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._carrier.sendall(self._outgoing.read())
