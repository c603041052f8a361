"""What a worker asks of whoever has the certificates."""

import contextlib
import ssl
import weakref
from typing import Final, Protocol

# More than any handshake has flights.
_FLIGHTS: Final = 8


class TLSContexts(Protocol):
    """Gives each connection the context it is made with, so that certificates can change.

    Threads: any, at the same time; a store may serve all workers of a process.
    """

    def current(self) -> ssl.SSLContext:
        """Return the context for a new connection. Called for each one: cheap, raises nothing."""

    def certificate_of(self, context: ssl.SSLContext) -> str | None:
        """Return the certificate that a context presents, in PEM; None if it cannot be told.

        Args:
            context: that of a connection: what `current` gave, or what its `sni_callback` has put
                in its place.
        """


class FixedContext:
    """The same context for every connection.

    Threads: any.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._certificates: weakref.WeakKeyDictionary[ssl.SSLContext, str | None] = (
            weakref.WeakKeyDictionary()
        )

    def current(self) -> ssl.SSLContext:
        """Return the context."""
        return self._context

    def certificate_of(self, context: ssl.SSLContext) -> str | None:
        """Return what the context presents to a client that names no server."""
        try:
            return self._certificates[context]
        except KeyError:
            certificate = self._certificates[context] = presented_certificate(context)
            return certificate


def contexts_of(given: ssl.SSLContext | TLSContexts | None) -> TLSContexts | None:
    """Return the source of contexts that somebody means.

    Raises:
        ValueError: a context is for clients.
    """
    if not isinstance(given, ssl.SSLContext):
        return given
    if given.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError("ssl_context must be one for servers: ssl.PROTOCOL_TLS_SERVER")
    return FixedContext(given)


def presented_certificate(context: ssl.SSLContext) -> str | None:
    """Return the certificate that a context presents, in PEM; None if it cannot be told.

    No context says which certificate it holds, so it has to shake hands in memory with a client
    that names no server. That takes about a millisecond, and calls its `sni_callback`.
    """
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = anybody.wrap_bio(to_client, to_server)
    for _ in range(_FLIGHTS):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLError):
                side.do_handshake()
    try:
        certificate = client.getpeercert(binary_form=True)
    except ValueError:  # It wants a certificate of the client, or what this client does not speak.
        return None
    return None if certificate is None else ssl.DER_cert_to_PEM_cert(certificate)
