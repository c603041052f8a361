"""A certificate for 127.0.0.1 that is made for one measurement, and a client that takes it."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The files of a certificate and of its key."""

    certificate: Path
    key: Path


def write(folder: Path) -> Pair:
    """Make a certificate (ECDSA, P-256, as most have today) and write it into a folder."""
    import trustme  # noqa: PLC0415 - only measurements of TLS need it
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same

    made = trustme.CA().issue_cert("127.0.0.1", "localhost")
    pair = Pair(certificate=folder / "certificate.pem", key=folder / "key.pem")
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), password=None)
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,  # some servers read no other
            serialization.NoEncryption(),
        )
    )
    pair.certificate.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    return pair


def trusting_context() -> ssl.SSLContext:
    """Return the context of a client that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
