"""A certificate for servers of the tests, and the trust of their clients."""

import ssl
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "::1")
AUTHORITY = "authority.pem"
SERVER = "server.pem"


def issue(folder: Path, *names: str) -> Path:
    """Write an authority, and a key with its certificate for these names (else loopback's).

    Returns:
        The file with key and certificate; the authority lies beside it.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    certificate = authority.issue_cert(*(names or NAMES))
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / SERVER)
    return folder / SERVER


def authority_of(certificate: str) -> Path:
    """Return the file of the authority of a certificate that was issued here."""
    return Path(certificate).with_name(AUTHORITY)


def trusting(authority: Path) -> ssl.SSLContext:
    """Return the context of a client that trusts that authority alone."""
    return ssl.create_default_context(cafile=authority)
