"""What a certificate says: whom it is for, from whom, and until when.

Python reads a certificate only as the peer of a connection. So a connection is made in memory, in
which the client trusts this very certificate, and takes no offence at its date.
"""

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

from serverkit_worker.tls import presented_certificate

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python has no name for
_STEPS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """The facts of one certificate.

    Attributes:
        names: hosts and addresses that it is for; its common name where it has none.
        issuer: who has signed it.
        is_self_signed: it has signed itself.
        not_before: seconds since 1970, from when it is good.
        not_after: seconds since 1970, until when it is good.
    """

    names: tuple[str, ...]
    issuer: str
    is_self_signed: bool
    not_before: float
    not_after: float

    @property
    def last_day(self) -> str:
        """The day of its end, in UTC."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.not_after))


def read_facts(context: ssl.SSLContext) -> CertificateFacts:
    """Read the certificate that a server's context presents.

    Raises:
        ssl.SSLError: no connection comes of it: the certificate is not for servers, or the context
            wants more of its clients.
    """
    pem = presented_certificate(context)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    if pem is not None:
        client.load_verify_locations(cadata=pem)
    return _facts_of(_connect(client, context).getpeercert() or {})


def _connect(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Let a client and a server shake hands, as far as the client needs; give the client's side."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_STEPS):
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            with contextlib.suppress(ssl.SSLWantReadError):
                answering.do_handshake()
        else:
            return asking
    raise ssl.SSLError("no connection comes of it")


def _facts_of(certificate: dict[str, Any]) -> CertificateFacts:
    subject, issuer = _flat(certificate.get("subject", ())), _flat(certificate.get("issuer", ()))
    names = tuple(value for _, value in certificate.get("subjectAltName", ()))
    return CertificateFacts(
        names=names or tuple(filter(None, [subject.get("commonName")])),
        issuer=issuer.get("commonName") or issuer.get("organizationName") or "nobody by name",
        is_self_signed=certificate.get("subject") == certificate.get("issuer"),
        not_before=_seconds(certificate["notBefore"]),
        not_after=_seconds(certificate["notAfter"]),
    )


def _flat(name: tuple[tuple[tuple[str, str], ...], ...]) -> dict[str, str]:
    return {key: value for part in name for key, value in part}


def _seconds(text: str) -> float:
    return ssl.cert_time_to_seconds(text)
