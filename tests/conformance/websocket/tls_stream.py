"""A client's end of TLS that one thread writes while another one reads."""

import socket
import ssl
import threading

RECORD = 16_384


class TLSStream:
    """Takes the part of a `socket.socket` that a `WebSocketClient` needs.

    Threads: one may send while another one receives, which `ssl.SSLSocket` does not allow.
    """

    def __init__(self, carrier: socket.socket, context: ssl.SSLContext) -> None:
        self._carrier = carrier
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._one_at_a_time = threading.Lock()
        while not self._is_open():
            self._incoming.write(carrier.recv(RECORD))

    def _is_open(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._carrier.sendall(self._outgoing.read())
        return True

    def sendall(self, octets: bytes) -> None:
        """Send all of it."""
        for start in range(0, len(octets), RECORD):
            with self._one_at_a_time:
                self._tls.write(octets[start : start + RECORD])
                encrypted = self._outgoing.read()
            self._carrier.sendall(encrypted)

    def recv(self, size: int) -> bytes:
        """Return what comes; nothing once the server has said that nothing follows."""
        while True:
            try:
                with self._one_at_a_time:
                    return self._tls.read(size)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                encrypted = self._carrier.recv(size)
                assert encrypted, "the connection ends, and TLS did not say so"
                with self._one_at_a_time:
                    self._incoming.write(encrypted)

    def close(self) -> None:
        """Close the connection without a word."""
        self._carrier.close()
