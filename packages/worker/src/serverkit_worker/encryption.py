"""TLS on bytes: what came in, what is to go out, and what is said within, in bounded steps.

OpenSSL's buffers never shrink again, so it is fed piece by piece. What comes in small records costs
by the record, not by the byte: `decrypt` leaves the rest of them for another turn of the loop.

Source: RFC 8446 section 5 (records).
"""

import asyncio
import contextlib
import ssl
from typing import Final

# The largest that one record of TLS can hold.
RECORD_BYTES: Final = 16_384
# So much of one write is encrypted at a time.
ENCRYPTED_BYTES: Final = 65_536
# So much of one read is decrypted at a time.
DECRYPTED_BYTES: Final = 32_768
# So much of what is decrypted in one turn may say nothing: a record that is not whole yet, and what
# frames the others, which is 22 bytes at least for each. So they are fewer than 2,000 in a turn.
MUTE_BYTES: Final = 24_576


class Encryption:
    """TLS on bytes: what came in, what is to go out, and the state between them.

    Owner: the handshake, then the transport.

    Attributes:
        incoming: what came in and OpenSSL has not taken yet.
        outgoing: what is to go out.
        ssl_object: the state between them.
        rest: what came in and waits for another turn; empty for nothing.
        has_ended: the client has said that it sends no more.
    """

    __slots__ = ("has_ended", "incoming", "outgoing", "rest", "ssl_object")

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.rest: bytes | memoryview = b""
        self.has_ended = False

    def flush(self, carrier: asyncio.Transport) -> None:
        """Write what is to go out."""
        if self.outgoing.pending:
            carrier.write(self.outgoing.read())

    def decrypt(self, data: bytes | memoryview, pieces: list[bytes]) -> None:
        """Decrypt what has come, up to what is enough for one turn; the other is the `rest`.

        Args:
            data: what came in.
            pieces: to which is added what the client says, also where this raises.

        Raises:
            ssl.SSLError: the client breaks TLS. What tells it so is to go out.
        """
        if len(data) > DECRYPTED_BYTES:
            self._decrypt_some(memoryview(data), pieces)
            return
        incoming, read, pending = self.incoming, self.ssl_object.read, self.ssl_object.pending
        incoming.write(data)
        try:
            while piece := read(RECORD_BYTES):
                pieces.append(piece)
                if not incoming.pending and not pending():
                    return
        except ssl.SSLWantReadError:
            return  # The rest of a record is still to come.
        except ssl.SSLZeroReturnError:
            pass
        self.has_ended = True

    def _decrypt_some(self, data: memoryview, pieces: list[bytes]) -> None:
        for start in range(0, len(data), DECRYPTED_BYTES):
            end = min(start + DECRYPTED_BYTES, len(data))
            self.decrypt(data[start:end], pieces)
            if self.has_ended:
                return
            if end - sum(map(len, pieces)) > MUTE_BYTES:
                self.rest = data[end:]
                return

    def take_rest(self) -> bytes | memoryview:
        """Take what waits for another turn."""
        rest, self.rest = self.rest, b""
        return rest

    def say_goodbye(self) -> None:
        """Announce the end, so that nobody can forge it. The client's goodbye is not waited for."""
        with contextlib.suppress(ssl.SSLError):  # It would wait for that.
            self.ssl_object.unwrap()
