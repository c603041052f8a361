"""Reads the files of certificates and keys, and says in words what is wrong with them.

Rules:
    OpenSSL says "PEM lib" to nearly everything. So files are looked at before it is given them.
    Nobody is asked for a password on the terminal: it comes from the settings, or is missed.
    No message has anything of a key or a password in it.
"""

import errno
import re
import ssl
from pathlib import Path
from typing import Final, NoReturn

from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair

_LABEL: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATES: Final = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_ENCRYPTED: Final = ("BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED")
_ASN1_SEQUENCE: Final = b"\x30"
_LARGEST_BYTES: Final = 16 * 1024 * 1024

type Fingerprint = tuple[int, ...] | None
"""What tells a file from another one at the same path, and from itself after a change."""


def fingerprint(path: str) -> Fingerprint:
    """Look at a file, as links lead to it, without opening it; None: it cannot be seen."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def load_pair(
    context: ssl.SSLContext, pair: KeyPair, password: str | None, *, setting: str = ""
) -> None:
    """Give a context its certificate and key.

    Args:
        context: is left half done where this fails.
        pair: the files.
        password: of the key; None: there is none.
        setting: where the files are named; empty: as `ssl_certfile` and `ssl_keyfile`.

    Raises:
        TLSSetupError: they cannot be used. The message says which file, why, and what to do.
    """
    certificate_setting = setting or "ssl_certfile"
    key_setting = setting or "ssl_keyfile"
    certificates = read_pem(pair.certfile, certificate_setting, "certificate")
    _check_certificates(certificates, pair, certificate_setting)
    keyfile = pair.keyfile or pair.certfile
    key = certificates if pair.keyfile is None else read_pem(keyfile, key_setting, "key")
    _check_key(key, pair, key_setting, password)
    try:
        context.load_cert_chain(pair.certfile, pair.keyfile, lambda: password or "")
    except (ssl.SSLError, OSError, ValueError) as error:
        is_encrypted = any(mark in key for mark in _ENCRYPTED)
        raise _explain(error, pair, key_setting, is_encrypted=is_encrypted) from error


def load_authorities(context: ssl.SSLContext, path: str) -> None:
    """Give a context the authorities that certificates of clients are checked against.

    Args:
        context: of the server.
        path: a PEM file, or a folder of such under their hashes.

    Raises:
        TLSSetupError: they cannot be read.
    """
    setting = "ssl_ca_certs"
    if _is_folder(path):
        if not any(Path(path).glob("*.[0-9]")):
            raise TLSSetupError(
                f"The folder {path} has no authorities that OpenSSL would find.",
                setting=setting,
                remedy=f"Run: openssl rehash {path}; or name one PEM file with all of them.",
            )
        context.load_verify_locations(capath=path)
        return
    text = read_pem(path, setting, "authorities")
    if not _labels(text) & _CERTIFICATES:
        raise TLSSetupError(
            f"{path} has no certificate of an authority.",
            setting=setting,
            remedy="Name a PEM file with the certificates of those who sign for clients.",
        )
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise TLSSetupError(
            f"A certificate in {path} is damaged or cut off ({_reason(error)}).",
            setting=setting,
            remedy="Write the file anew.",
        ) from error


def read_pem(path: str, setting: str, what: str) -> str:
    """Read a file that should be PEM.

    Args:
        path: of the file.
        setting: that names it.
        what: is expected in it, for messages.

    Raises:
        TLSSetupError: it cannot be read, or is something else.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_BYTES)
    except OSError as error:
        _fail_to_read(error, path, setting, what)
    if data.startswith(_ASN1_SEQUENCE):
        raise TLSSetupError(
            f"{path} is binary (DER, or PKCS#12 as .p12 and .pfx are), not PEM.",
            setting=setting,
            remedy="Convert it: openssl pkcs12 -in FILE -nodes -out both.pem for PKCS#12; "
            "openssl x509 (or pkey) -inform der -in FILE -out FILE.pem for DER.",
        )
    text = data.decode("latin-1")
    if not _labels(text):
        raise TLSSetupError(
            f"{path} is {'empty' if not text.strip() else 'not PEM: it has no BEGIN line'}.",
            setting=setting,
            remedy=f"Name the {what} as a PEM file, which has a line -----BEGIN ...-----.",
        )
    return text


def _is_folder(path: str) -> bool:
    """Return whether there is a folder, as far as it can be seen: reading it says why not."""
    try:
        return Path(path).is_dir()
    except OSError:  # Python 3.12 raises it for a folder on the way that must not be entered
        return False


def _fail_to_read(error: OSError, path: str, setting: str, what: str) -> NoReturn:
    message, remedy = f"{path} cannot be read: {error.strerror}.", ""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        message = f"There is no file {path}."
        remedy = f"Name the {what} with its whole path, or from the folder of the server's start."
    elif error.errno in (errno.EACCES, errno.EPERM):
        message = f"{path} must not be read by this user."
        remedy = (
            "Let the group of the server read the file, and enter every folder on the way to it: "
            "chgrp and chmod g+r, or g+x; never let everybody read a key."
        )
    elif error.errno == errno.EISDIR:
        message, remedy = f"{path} is a folder.", f"Name the file of the {what} in it."
    raise TLSSetupError(message, setting=setting, remedy=remedy) from error


def _check_certificates(text: str, pair: KeyPair, setting: str) -> None:
    labels = _labels(text)
    if labels & _CERTIFICATES:
        return
    remedy = "Name the file that the authority has given back for it."
    if "CERTIFICATE REQUEST" in labels or "NEW CERTIFICATE REQUEST" in labels:
        message = f"{pair.certfile} is a request for a certificate, not the certificate."
    elif any(label.endswith("PRIVATE KEY") for label in labels):
        message = f"{pair.certfile} has a key, and no certificate."
        remedy = "Swap the files of certificate and key, if they were mixed up."
    else:
        message = f"{pair.certfile} has no certificate, but {', '.join(sorted(labels)).lower()}."
    raise TLSSetupError(message, setting=setting, remedy=remedy)


def _check_key(text: str, pair: KeyPair, setting: str, password: str | None) -> None:
    labels = _labels(text)
    keys = [label for label in labels if label.endswith("PRIVATE KEY")]
    path = pair.keyfile or pair.certfile
    if "OPENSSH PRIVATE KEY" in labels:
        raise TLSSetupError(
            f"{path} is a key for SSH.", setting=setting, remedy="Name the certificate's own key."
        )
    if not keys and pair.keyfile is None:
        raise TLSSetupError(
            f"{path} has no key, and no other file is named for it.",
            setting=setting,
            remedy="Name the key as well (privkey.pem beside fullchain.pem).",
        )
    if not keys:
        raise TLSSetupError(
            f"{path} has no key, but {', '.join(sorted(labels)).lower()}.",
            setting=setting,
            remedy="Swap the files of certificate and key, if they were mixed up.",
        )
    if password is None and any(mark in text for mark in _ENCRYPTED):
        raise TLSSetupError(
            f"The key in {path} is encrypted, and no password is given.",
            setting="ssl_keyfile_password",
            remedy="Give it, best as SERVERKIT_SSL_KEYFILE_PASSWORD; or take the password off: "
            f"openssl pkey -in {path} -out plain.pem",
        )


def _explain(
    error: Exception, pair: KeyPair, key_setting: str, *, is_encrypted: bool
) -> TLSSetupError:
    """Say what OpenSSL found wrong with two files that are of the right kind."""
    reason = getattr(error, "reason", None) or ""
    if reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        return TLSSetupError(
            f"Certificate and key do not belong together: {pair}.",
            setting=key_setting,
            remedy="Name the key that the certificate was made for. In a file of several "
            "certificates that of the server must come first.",
        )
    if reason.endswith(("TOO_SMALL", "TOO_WEAK")):
        return TLSSetupError(
            f"{pair.certfile} is too weak for OpenSSL ({reason.replace('_', ' ').lower()}).",
            setting="ssl_certfile" if key_setting == "ssl_keyfile" else key_setting,
            remedy="Have a new one made, with RSA of 2048 bits or more, or ECDSA, and SHA-256.",
        )
    if is_encrypted:
        return TLSSetupError(
            f"The password does not open the key in {pair.keyfile or pair.certfile}.",
            setting="ssl_keyfile_password",
        )
    return TLSSetupError(
        f"{pair} cannot be used ({_reason(error)}): damaged, or cut off.",
        setting="ssl_certfile" if key_setting == "ssl_keyfile" else key_setting,
        remedy="Write them anew. `openssl x509 -in FILE -noout` and `openssl pkey -in FILE -noout` "
        "tell which of them it is.",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return error.strerror or type(error).__name__
    text = str(error.args[1] if len(error.args) > 1 else error)
    return re.sub(r"\s*\(_ssl\.c:\d+\)", "", text)


def _labels(text: str) -> set[str]:
    return set(_LABEL.findall(text))
