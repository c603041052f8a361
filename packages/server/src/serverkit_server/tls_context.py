"""Makes the context of TLS that the settings describe.

TLS 1.2 and newer, no compression, no renegotiation, the ciphers that OpenSSL takes for secure, and
HTTP/1.1 by ALPN.
"""

import logging
import os
import ssl
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from serverkit_server.errors import TLSSetupError
from serverkit_server.settings import Settings
from serverkit_server.sni_names import KeyPair
from serverkit_server.tls_files import load_authorities, load_pair

_LOG = logging.getLogger("serverkit.server")
KEYLOG_VARIABLE: Final = "SSLKEYLOGFILE"
ALPN: Final = ("http/1.1",)
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLIENTS: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class TLSFiles(NamedTuple):
    """The files that a context is made of.

    Attributes:
        pair: of the certificate; None: that is left to the caller.
        authorities: that certificates of clients are checked against, a file or a folder.
    """

    pair: KeyPair | None
    authorities: str | None

    @property
    def paths(self) -> list[str]:
        """All of them."""
        return [each for each in (*(self.pair or ()), self.authorities) if each is not None]

    def at(self, places: Mapping[str, str]) -> Self:
        """Name the same files where they are found elsewhere."""
        pair, authorities = self.pair, self.authorities
        if pair is not None:
            keyfile = pair.keyfile
            pair = KeyPair(
                places.get(pair.certfile, pair.certfile),
                keyfile if keyfile is None else places.get(keyfile, keyfile),
            )
        if authorities is not None:
            authorities = places.get(authorities, authorities)
        return self._replace(pair=pair, authorities=authorities)


def make_context(settings: Settings, files: TLSFiles, *, setting: str = "") -> ssl.SSLContext:
    """Make the context that presents one certificate.

    Args:
        settings: of the server.
        files: to make it of.
        setting: where the files are named; empty: as `ssl_certfile` and `ssl_keyfile`.

    Raises:
        TLSSetupError: the settings cannot be met. The message says which, and what to do.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.ssl_minimum_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(list(ALPN))
    if settings.ssl_ciphers is not None:
        _set_ciphers(context, settings.ssl_ciphers)
    if files.authorities is not None:
        load_authorities(context, files.authorities)
    context.verify_mode = _CLIENTS[settings.ssl_cert_reqs]
    if files.pair is not None:
        load_pair(context, files.pair, settings.ssl_keyfile_password, setting=setting)
    _log_keys(context)
    return context


def keylog_path() -> str | None:
    """The file that the keys of connections are to be written to, as OpenSSL's tools do."""
    return None if sys.flags.ignore_environment else os.environ.get(KEYLOG_VARIABLE) or None


def warn_of_keylog() -> None:
    """Say that whoever reads a file can read along, where that is asked for."""
    path = keylog_path()
    if path is not None:
        _LOG.warning(
            "%s is set: whoever can read %s can decrypt the connections. For debugging only.",
            KEYLOG_VARIABLE,
            path,
        )


def _set_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError as error:
        raise TLSSetupError(
            f"OpenSSL knows no cipher in {ciphers!r}.",
            setting="ssl_ciphers",
            remedy="`openssl ciphers -v` lists them. Leave it out to take those that are secure.",
        ) from error


def _log_keys(context: ssl.SSLContext) -> None:
    path = keylog_path()
    if path is None:
        return
    try:
        context.keylog_filename = path
    except OSError as error:
        raise TLSSetupError(
            f"The keys cannot be logged to {path}: {error.strerror}.",
            remedy=f"Unset {KEYLOG_VARIABLE}, or name a file that can be written.",
        ) from error
