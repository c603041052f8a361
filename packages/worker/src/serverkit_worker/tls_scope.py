"""What a scope says of TLS: the extension "tls".

Source: ASGI TLS extension 0.2.
"""

import functools
import ssl
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, override

from serverkit_worker.asgi import Extensions
from serverkit_worker.distinguished_name import subject_of
from serverkit_worker.tls import TLSContexts

_VERSIONS: Final[Mapping[str | None, int]] = MappingProxyType(
    {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
)


class TLSExtensions(dict[str, dict[str, object]]):
    """The extensions of a connection by TLS.

    The extension "tls" is made when the first scope is, and no two scopes share it: `copy`, by
    which scopes get their extensions, copies it as well. So other connections pay for nothing.

    Owner: the connection; the loop thread only.
    """

    __slots__ = ("_contexts", "_ssl_object", "_tls")

    def __init__(
        self, extensions: Extensions, ssl_object: ssl.SSLObject, contexts: TLSContexts | None
    ) -> None:
        """Prepare.

        Args:
            extensions: the others that the connection has.
            ssl_object: of the connection, whose handshake is done.
            contexts: knows certificates; None if nobody does.
        """
        super().__init__(extensions)
        self._ssl_object = ssl_object
        self._contexts = contexts
        self._tls: dict[str, object] | None = None

    @override
    def copy(self) -> Extensions:
        """Return a plain dict with "tls", for one scope."""
        if self._tls is None:
            self._tls = tls_extension(self._ssl_object, self._contexts)
        return {**self, "tls": self._tls.copy()}


def tls_extension(ssl_object: ssl.SSLObject, contexts: TLSContexts | None) -> dict[str, object]:
    """Return the extension.

    Before Python 3.13 `client_cert_chain` has the certificate of the client only, without those
    that it has sent to vouch for it. So it has where the session is resumed.

    Args:
        ssl_object: of a connection whose handshake is done.
        contexts: knows certificates; None if nobody does.
    """
    chain = _client_chain(ssl_object)
    cipher = ssl_object.cipher()
    context = ssl_object.context
    return {
        "server_cert": None if contexts is None else contexts.certificate_of(context),
        "client_cert_chain": tuple(ssl.DER_cert_to_PEM_cert(each) for each in chain),
        "client_cert_name": subject_of(chain[0]) if chain else None,
        "client_cert_error": None,  # A client whose certificate is no good is not served.
        "tls_version": _VERSIONS.get(ssl_object.version()),
        "cipher_suite": None if cipher is None else _cipher_suites().get(cipher[0]),
    }


def _client_chain(ssl_object: ssl.SSLObject) -> list[bytes]:
    """Return what the client has sent, in DER, its own certificate first."""
    leaf = ssl_object.getpeercert(binary_form=True)
    if leaf is None:
        return []
    if sys.version_info >= (3, 13):
        return ssl_object.get_unverified_chain() or [leaf]
    return [leaf]


@functools.cache
def _cipher_suites() -> Mapping[str, int]:
    """Return the number of each cipher suite by OpenSSL's name for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    # OpenSSL puts the version of the protocol that it came with in front.
    return MappingProxyType({each["name"]: each["id"] & 0xFFFF for each in context.get_ciphers()})
