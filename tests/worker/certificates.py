"""A certificate for localhost, and the contexts of both sides."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.worker.running import WAIT_S


def make_certificate(folder: Path) -> Path:
    """Make a file with a key and a certificate for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with openssl")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
        timeout=WAIT_S,
    )
    both = folder / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    return both


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return what a server needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return what a client needs to trust such a server."""
    return ssl.create_default_context(cafile=str(certificate))
