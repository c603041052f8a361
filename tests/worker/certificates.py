"""Somebody who issues certificates, and the contexts of both sides."""

import functools
import ssl

import trustme


class Authority:
    """Issues certificates that both sides trust.

    Attributes:
        ca: the authority itself.
    """

    def __init__(self) -> None:
        self.ca = trustme.CA()

    @functools.cached_property
    def localhost(self) -> trustme.LeafCert:
        """The certificate of the server, unless a test wants another one."""
        return self.ca.issue_cert("localhost")

    def server(
        self,
        certificate: trustme.LeafCert | None = None,
        *,
        asks: ssl.VerifyMode = ssl.CERT_NONE,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return what a server needs to speak TLS.

        Args:
            certificate: that it presents; None for that of localhost.
            asks: for a certificate of the client or not.
            version: the only one that it speaks; None for 1.2 and 1.3.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.localhost).configure_cert(context)
        self.ca.configure_trust(context)
        context.verify_mode = asks
        return _speaking(context, version)

    def client(
        self,
        certificate: trustme.LeafCert | None = None,
        *,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return what a client needs to trust such a server.

        Args:
            certificate: that it presents; None for none.
            version: the only one that it speaks; None for 1.2 and 1.3.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return _speaking(context, version)


def _speaking(context: ssl.SSLContext, version: ssl.TLSVersion | None) -> ssl.SSLContext:
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@functools.cache
def authority() -> Authority:
    """Return an authority that all tests of a run share: keys take long to make."""
    return Authority()


def pem(certificate: trustme.LeafCert) -> str:
    """Return a certificate as its owner presents it."""
    return certificate.cert_chain_pems[0].bytes().decode()
