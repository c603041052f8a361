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
_CURVES: Final = ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
"""Of certificates that only a client can take who names the curve, as few do."""


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


def has_no_certificate(context: ssl.SSLContext) -> bool:
    """Say whether no client at all can connect, since a server's context has no certificate.

    False also where it can do without: it takes another context by name, or has a secret in common
    with its clients (PSK).
    """
    if context.sni_callback is not None or context.maximum_version is ssl.TLSVersion.TLSv1_2:
        return False  # Up to 1.2 a context without a certificate looks like one for PSK alone.
    clients = [_undemanding_client(), *(_undemanding_client(curve) for curve in _CURVES)]
    return all(_refusal(client, context) == "NO_SHARED_CIPHER" for client in clients)


def _undemanding_client(curve: str | None = None) -> ssl.SSLContext:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    if curve is not None:
        with contextlib.suppress(ValueError):  # this OpenSSL was built without
            client.set_ecdh_curve(curve)
            client.maximum_version = ssl.TLSVersion.TLSv1_2  # which 1.3 has none of
    return client


def _refusal(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """Give the name that OpenSSL has for why they do not come together; None: they do."""
    try:
        _connect(client, server)
    except ssl.SSLError as error:
        return error.reason
    return None


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
