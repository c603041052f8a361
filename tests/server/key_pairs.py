"""Certificates and keys in files, and handshakes that show which of them is served."""

import contextlib
import datetime
import http.client
import socket
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from cryptography.hazmat.primitives import serialization

BOUND_S = 30.0
LOOPBACK = ("localhost", "127.0.0.1")


class Pair(NamedTuple):
    """The files of a certificate and of its key."""

    certfile: Path
    keyfile: Path

    @property
    def settings(self) -> dict[str, str]:
        """Name the files as settings do."""
        return {"ssl_certfile": str(self.certfile), "ssl_keyfile": str(self.keyfile)}

    @property
    def traits(self) -> dict[str, Any]:
        """The same for functions that take settings beside other arguments."""
        return dict(self.settings)

    @property
    def flags(self) -> tuple[str, ...]:
        """Name the files as a command line does."""
        return ("--ssl-certfile", str(self.certfile), "--ssl-keyfile", str(self.keyfile))

    @property
    def der(self) -> bytes:
        """The certificate as a client sees it."""
        return ssl.PEM_cert_to_DER_cert(self.pem)

    @property
    def pem(self) -> str:
        """The certificate of the server alone, without its chain."""
        text = self.certfile.read_text()
        return text[: text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"

    def entry(self, name: str) -> str:
        """Name the files for a name of SNI."""
        return f"{name}={self.certfile},{self.keyfile}"

    def copy_to(self, other: "Pair") -> None:
        """Overwrite the files of another pair, as whoever copies them does."""
        other.certfile.write_bytes(self.certfile.read_bytes())
        other.keyfile.write_bytes(self.keyfile.read_bytes())

    def link_to(self, other: "Pair") -> None:
        """Let the links of another pair lead here, one after the other, as certbot does."""
        for link, target in zip(other, self, strict=True):
            link.unlink(missing_ok=True)
            link.symlink_to(target)


class Issuer:
    """Issues certificates into a folder.

    Attributes:
        authority: the file with the certificate of the issuer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority.pem"
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(self.authority)

    def write(
        self, stem: str, *names: str, days: float | None = None, password: str | None = None
    ) -> Pair:
        """Write a certificate for these names, else loopback's, and its key.

        Args:
            stem: the start of the names of the files.
            names: that it is for.
            days: how long it is good from now on; below 0: it has expired.
            password: encrypts the key.
        """
        now = datetime.datetime.now(datetime.UTC)
        since = now - datetime.timedelta(days=1000)
        until = None if days is None else now + datetime.timedelta(days=days)
        leaf = self._ca.issue_cert(*(names or LOOPBACK), not_before=since, not_after=until)
        pair = Pair(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        pair.certfile.write_bytes(leaf.cert_chain_pems[0].bytes())
        key = leaf.private_key_pem.bytes()
        pair.keyfile.write_bytes(key if password is None else encrypted(key, password))
        return pair

    def trusting(self, shown: Pair | None = None) -> ssl.SSLContext:
        """Return the context of a client that trusts the issuer, and shows a certificate or not."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if shown is not None:
            context.load_cert_chain(*shown)
        return context


def encrypted(key: bytes, password: str) -> bytes:
    """Encrypt a key."""
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )


def anybody() -> ssl.SSLContext:
    """Return the context of a client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def presented(server: ssl.SSLContext, name: str | None = None) -> bytes:
    """Shake hands in memory, and give the certificate that the client was shown."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = anybody().wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(8):
        for side in (client, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.getpeercert(binary_form=True) or b""


def served(
    address: tuple[str, int] | str, name: str | None = None, *, trust: ssl.SSLContext | None = None
) -> bytes:
    """Connect to a server, and give the certificate that it presents."""
    with (
        socket.create_connection(address, BOUND_S) as plain,  # type: ignore[arg-type]
        (trust or anybody()).wrap_socket(plain, server_hostname=name) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def get_over_tls(
    address: tuple[str, int], trust: ssl.SSLContext, path: str = "/", *, host: str = "localhost"
) -> bytes:
    """Send one request and give the body of its response."""
    with socket.create_connection(address, BOUND_S) as plain:
        client = http.client.HTTPSConnection(host, address[1], timeout=BOUND_S, context=trust)
        client.sock = trust.wrap_socket(plain, server_hostname=host)
        with contextlib.closing(client):
            client.request("GET", path)
            return client.getresponse().read()
