"""A client's side of TLS on bytes, for transports in memory and for what sockets cannot do."""

import contextlib
import ssl

from tests.worker.certificates import authority


class TLSPeer:
    """A client.

    Attributes:
        ssl_object: as the client sees the connection.
        has_goodbye: the server has announced the end.
        is_cut: the server has ended without.
    """

    def __init__(
        self, context: ssl.SSLContext | None = None, *, server_hostname: str = "localhost"
    ) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl_object = (context or authority().client()).wrap_bio(
            self.incoming, self.outgoing, server_hostname=server_hostname
        )
        self.has_goodbye = False
        self.is_cut = False

    def shake(self, data: bytes = b"") -> bytes:
        """Go on with the handshake, given what the server said; return what to say.

        Raises:
            ssl.SSLError: the server has refused.
        """
        self.incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.ssl_object.do_handshake()
        return self.outgoing.read()

    @property
    def is_secure(self) -> bool:
        """Whether the handshake is done."""
        return self.ssl_object.version() is not None and self.ssl_object.cipher() is not None

    def encrypt(self, data: bytes) -> bytes:
        """Return what to send to say this."""
        while data:
            data = data[self.ssl_object.write(data) :]
        return self.outgoing.read()

    def goodbye(self) -> bytes:
        """Return what to send to say that nothing more will come."""
        with contextlib.suppress(ssl.SSLError):
            self.ssl_object.unwrap()
        return self.outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        """Return what the server has said, and note how it ends."""
        self.incoming.write(data)
        said = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            try:
                while piece := self.ssl_object.read(65_536):
                    said += piece
                self.has_goodbye = True
            except ssl.SSLZeroReturnError:
                self.has_goodbye = True
        return said

    def end(self) -> None:
        """Take note that the connection has ended."""
        self.is_cut = not self.has_goodbye
