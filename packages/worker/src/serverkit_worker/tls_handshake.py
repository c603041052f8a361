"""The TLS handshake of one connection.

Rules:
    It is a connection like others: it counts, has a deadline, is drained and cut off like them.
    Nothing is made for a client that says nothing: its first byte brings the context.
"""

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable
from typing import Final, cast

from serverkit_worker.client_hello import NamesAskedFor
from serverkit_worker.deadlines import NEVER, DrainReason
from serverkit_worker.encryption import DECRYPTED_BYTES, Encryption
from serverkit_worker.errors import LIMIT_CONNECTIONS, TLS_EXPECTED, ErrorReply
from serverkit_worker.lingering import LingeringConnection, RefusedConnection
from serverkit_worker.serving import Serving
from serverkit_worker.tls import TLSContexts
from serverkit_worker.tls_transport import TLSTransport

logger = logging.getLogger("serverkit.error")

# The type of the record that every handshake begins with (RFC 8446 section 5.1).
_HANDSHAKE: Final = 0x16
# A fatal alert (RFC 8446 section 6): unrecognized_name (RFC 6066 section 3).
_NO_SUCH_NAME: Final = b"\x15\x03\x03\x00\x02\x02\x70"

type ProtocolFactory = Callable[[ErrorReply | None], asyncio.Protocol]


class TLSHandshake(asyncio.Protocol):
    """Shakes hands with a client, then leaves it to the protocol it has come for.

    Owner: the worker's loop thread.

    Attributes:
        requests_served: none.
    """

    __slots__ = (
        "_carrier",
        "_contexts",
        "_encryption",
        "_make",
        "_names",
        "_refusal",
        "_serving",
        "deadline",
        "requests_served",
        "write_deadline",
    )

    _carrier: asyncio.Transport

    def __init__(
        self,
        serving: Serving,
        contexts: TLSContexts,
        make: ProtocolFactory,
        refusal: ErrorReply | None = None,
    ) -> None:
        """Prepare for a connection.

        Args:
            serving: of the worker.
            contexts: gives the context.
            make: makes the protocol that goes on, given what its client is to be refused with.
            refusal: what the first request is answered, if it is not to be served.
        """
        self._serving = serving
        self._contexts = contexts
        self._make = make
        self._refusal = refusal
        self._encryption: Encryption | None = None
        self._names: NamesAskedFor | None = None  # where somebody wants to know
        self.deadline = self.write_deadline = NEVER
        self.requests_served = 0

    # What the carrier calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client to begin, but not for long if it is refused afterwards."""
        serving = self._serving
        self._carrier = cast(asyncio.Transport, transport)  # as that of every stream socket
        if self._refusal is None and len(serving.connections) >= serving.max_connections:
            self._refusal = LIMIT_CONNECTIONS
        if self._refusal is None:
            serving.keep(self)
            self.deadline = serving.sweep.now + serving.timeouts.handshake_s
        else:
            serving.keep_ending(self)
            self.deadline = serving.sweep.now + serving.timeouts.refusal_s

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake."""
        if self._encryption is None:
            if data[0] != _HANDSHAKE:
                self._answer_in_plain_text(data)
                return
            context = self._contexts.current()
            self._encryption = Encryption(context)
            if context.sni_callback is not None:
                self._names = NamesAskedFor()
        if self._names is not None and not all(map(bytes.isascii, self._names.receive(data))):
            logger.debug("A TLS handshake asked for a name that is none")
            self._carrier.write(_NO_SUCH_NAME)
            self._linger()
            return
        encryption, rest = self._encryption, data[DECRYPTED_BYTES:]
        encryption.incoming.write(data[:DECRYPTED_BYTES])
        try:
            encryption.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            encryption.flush(self._carrier)
            if rest:
                self.data_received(rest)
        except ssl.SSLError as exc:
            logger.debug("A TLS handshake failed: %s", exc)
            encryption.flush(self._carrier)  # The alert says why.
            self._linger()
        else:
            self._go_on(encryption, rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that has left."""
        logger.debug("A connection was lost within its TLS handshake: %r", exc)
        self._leave()

    # How it ends

    def _go_on(self, encryption: Encryption, data: bytes) -> None:
        """Leave the connection to its protocol, with what came behind the handshake."""
        transport = TLSTransport(self._carrier, encryption, self._make(self._refusal))
        if self._refusal is None:
            self._serving.replace(self, functools.partial(transport.start, data))
        else:
            self._serving.forget_ending(self)
            transport.start(data)

    def _answer_in_plain_text(self, data: bytes) -> None:
        """Tell a client that has come to the wrong port."""
        refused = RefusedConnection(self._serving, self._carrier, TLS_EXPECTED, reason="error")
        self._leave()
        refused.data_received(data)

    def _linger(self) -> None:
        LingeringConnection(self._serving, self._carrier)
        self._leave()

    def _leave(self) -> None:
        self.deadline = NEVER
        if self._refusal is None:
            self._serving.forget(self)
        else:
            self._serving.forget_ending(self)

    def expire(self) -> None:
        """Wait no longer."""
        logger.debug("A TLS handshake took too long")
        self.abort()

    def start_draining(self, reason: DrainReason) -> None:  # noqa: ARG002  the timeouts know
        """Finish the handshake, but soon if the worker shuts down."""
        latest = self._serving.sweep.now + self._serving.timeouts.handshake_s
        self.deadline = min(self.deadline, latest)

    def abort(self) -> None:
        """Close at once."""
        self.deadline = NEVER
        self._carrier.abort()
