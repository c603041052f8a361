"""What is wrong with files of certificates is said in words."""

import pickle
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server import tls_files
from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair
from serverkit_server.tls_files import fingerprint, load_authorities, load_pair
from tests.server.key_pairs import Issuer, Pair, encrypted, presented

SSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
SECRET = "correct horse"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def pair(issuer: Issuer) -> Pair:
    """A good certificate and its key."""
    return issuer.write("good")


def load(
    certfile: Path, keyfile: Path | None = None, password: str | None = None
) -> ssl.SSLContext:
    """Load files into a context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, KeyPair(str(certfile), None if keyfile is None else str(keyfile)), password)
    return context


def test_loads_what_belongs_together(pair: Pair, tmp_path: Path) -> None:
    """The key in a file of its own, before or behind the certificate, or encrypted."""
    certificate, key = pair.certfile.read_bytes(), pair.keyfile.read_bytes()
    both, turned, locked = tmp_path / "both", tmp_path / "turned", tmp_path / "locked"
    both.write_bytes(certificate + key)
    turned.write_bytes(key + certificate)
    locked.write_bytes(encrypted(key, SECRET))
    for context in (load(*pair), load(both), load(turned), load(pair.certfile, locked, SECRET)):
        assert presented(context) == pair.der


def rewrite(text: str | bytes | Callable[[Pair], bytes]) -> Callable[[Pair], bytes]:
    """Make what gives the new content of a file."""
    if isinstance(text, str):
        return lambda _: text.encode()
    return (lambda _: text) if isinstance(text, bytes) else text


@pytest.mark.parametrize(
    ("content", "message", "remedy"),
    [
        ("", "is empty", "as a PEM file"),
        ("hello", "is not PEM: it has no BEGIN line", "as a PEM file"),
        (REQUEST, "is a request for a certificate, not the certificate", "the authority has given"),
        (lambda pair: pair.keyfile.read_bytes(), "has a key, and no certificate", "Swap the files"),
        (lambda pair: pair.der, "is binary (DER, or PKCS#12", "openssl pkcs12 -in FILE -nodes"),
        (lambda pair: pair.certfile.read_bytes()[:200], "damaged, or cut off", "Write them anew"),
        ("-----BEGIN DH PARAMETERS-----\n", "has no certificate, but dh parameters", "authority"),
    ],
)
def test_a_certificate_that_is_none(
    pair: Pair, content: str | Callable[[Pair], bytes], message: str, remedy: str
) -> None:
    """The message says what the file has in it instead, and the remedy what to do."""
    pair.certfile.write_bytes(rewrite(content)(pair))
    with pytest.raises(TLSSetupError) as caught:
        load(*pair)
    error = caught.value
    assert error.setting == "ssl_certfile"
    assert str(pair.certfile) in error.message
    assert message in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("content", "message", "remedy"),
    [
        ("", "is empty", "Name the key as a PEM file"),
        (SSH_KEY, "is a key for SSH", "the certificate's own key"),
        (lambda pair: pair.certfile.read_bytes(), "has no key, but certificate", "Swap the files"),
        (b"\x30\x82", "is binary", "openssl x509 (or pkey)"),
    ],
)
def test_a_key_that_is_none(
    pair: Pair, content: str | Callable[[Pair], bytes], message: str, remedy: str
) -> None:
    """The same for the key, with its own setting."""
    pair.keyfile.write_bytes(rewrite(content)(pair))
    with pytest.raises(TLSSetupError) as caught:
        load(*pair)
    assert caught.value.setting == "ssl_keyfile"
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_key_that_is_cut_off(pair: Pair) -> None:
    """It cannot be told which file OpenSSL means, so the remedy is how to find out."""
    pair.keyfile.write_bytes(pair.keyfile.read_bytes()[:100])
    with pytest.raises(TLSSetupError, match="damaged, or cut off") as caught:
        load(*pair)
    assert "openssl pkey -in FILE" in caught.value.remedy


def test_a_certificate_without_its_key(pair: Pair) -> None:
    """Where no key is named, the file of the certificate must have it."""
    with pytest.raises(TLSSetupError, match="has no key, and no other file is named") as caught:
        load(pair.certfile)
    assert caught.value.setting == "ssl_keyfile"
    assert "privkey.pem" in caught.value.remedy


def test_a_key_of_another_certificate(issuer: Issuer, pair: Pair) -> None:
    """Two files that are good, but not together."""
    other = issuer.write("other")
    with pytest.raises(TLSSetupError, match="do not belong together") as caught:
        load(pair.certfile, other.keyfile)
    assert caught.value.setting == "ssl_keyfile"
    assert str(other.keyfile) in caught.value.message


def test_a_chain_in_the_wrong_order(issuer: Issuer, pair: Pair) -> None:
    """The certificate of the server comes first, or the key does not seem to belong to it."""
    pair.certfile.write_bytes(issuer.authority.read_bytes() + pair.certfile.read_bytes())
    with pytest.raises(TLSSetupError, match="do not belong together") as caught:
        load(*pair)
    assert "must come first" in caught.value.remedy


@pytest.mark.parametrize(
    ("password", "message"),
    [
        (None, "is encrypted, and no password is given"),
        ("wrong", "The password does not open the key"),
        ("x" * 2000, "The password does not open the key"),
    ],
)
def test_an_encrypted_key_without_its_password(
    issuer: Issuer, password: str | None, message: str
) -> None:
    """Nobody is asked on the terminal; the message has no password in it."""
    pair = issuer.write("locked", password=SECRET)
    with pytest.raises(TLSSetupError, match=message) as caught:
        load(*pair, password)
    assert caught.value.setting == "ssl_keyfile_password"
    assert SECRET not in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_key_in_the_old_encrypted_form(pair: Pair, tmp_path: Path) -> None:
    """What OpenSSL wrote before PKCS#8 is recognised as encrypted too."""
    old = tmp_path / "old.key"
    old.write_text("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n")
    with pytest.raises(TLSSetupError, match="is encrypted, and no password is given"):
        load(pair.certfile, old)


@pytest.mark.parametrize("name", ["ssl_certfile", "ssl_keyfile"])
def test_files_that_cannot_be_read(pair: Pair, tmp_path: Path, name: str) -> None:
    """A file that is missing, is a folder, or lies below a file is named with its setting."""
    folder = tmp_path / "folder"
    folder.mkdir()
    cases = {
        tmp_path / "missing": "There is no file",
        folder: "is a folder",
        pair.certfile / "below": "There is no file",
    }
    for path, message in cases.items():
        files = (path, pair.keyfile) if name == "ssl_certfile" else (pair.certfile, path)
        with pytest.raises(TLSSetupError, match=message) as caught:
            load(*files)
        assert caught.value.setting == name
        assert str(path) in caught.value.message


def test_files_of_another_user(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who must not read the key is told how to allow it, and how not to."""
    opened = Path.open

    def refuse(path: Path, mode: str = "r") -> object:
        if path == pair.keyfile:
            raise PermissionError(13, "Permission denied")
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(TLSSetupError, match="must not be read by this user") as caught:
        load(*pair)
    assert caught.value.setting == "ssl_keyfile"
    assert "chmod g+r" in caught.value.remedy


def test_authorities_in_a_folder_of_another_user(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who must not even enter the folder is told as well."""

    def refuse(_path: Path, *_args: object, **_options: object) -> object:
        raise PermissionError(13, "Permission denied")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", refuse)
        patched.setattr(Path, "open", refuse)
        with pytest.raises(TLSSetupError, match="must not be read by this user") as caught:
            load_authorities(context, str(issuer.authority))
    assert caught.value.setting == "ssl_ca_certs"


def test_a_weak_key(tmp_path: Path) -> None:
    """A key that OpenSSL takes for too weak is called so."""
    pair = Pair(tmp_path / "weak.pem", tmp_path / "weak.key")
    command = "openssl req -x509 -newkey rsa:512 -nodes -days 3 -subj /CN=weak"
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = subprocess.run(
        [*command.split(), "-keyout", str(pair.keyfile), "-out", str(pair.certfile)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("this OpenSSL makes no such key")
    with pytest.raises(TLSSetupError, match="is too weak for OpenSSL") as caught:
        load(*pair)
    assert "2048" in caught.value.remedy


def test_errors_travel_between_processes(pair: Pair) -> None:
    """A process tells the server of such an error as it is."""
    with pytest.raises(TLSSetupError) as caught:
        load(pair.certfile)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.setting, copy.code) == (
        str(caught.value),
        "ssl_keyfile",
        "SERVERKIT_TLS_SETUP_FAILED",
    )


def test_the_setting_of_a_name_is_named(pair: Pair) -> None:
    """What is wrong with a certificate for SNI is said of that setting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(TLSSetupError) as caught:
        load_pair(context, KeyPair(str(pair.certfile), None), None, setting="ssl_sni")
    assert caught.value.setting == "ssl_sni"


def test_loads_authorities(issuer: Issuer, pair: Pair, tmp_path: Path) -> None:
    """From a file; a file without certificates, a damaged or a missing one is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_authorities(context, str(issuer.authority))
    assert len(context.get_ca_certs()) == 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(issuer.authority.read_bytes()[:200])
    cases = {
        str(pair.keyfile): "has no certificate of an authority",
        str(damaged): "is damaged or cut off",
        str(tmp_path / "missing"): "There is no file",
        str(tmp_path): "has no authorities that OpenSSL would find",
    }
    for path, message in cases.items():
        with pytest.raises(TLSSetupError, match=message) as caught:
            load_authorities(context, path)
        assert caught.value.setting == "ssl_ca_certs"


def test_authorities_that_vanish_while_they_are_read(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks at a file it may be gone: that is an error as any other."""
    text = issuer.authority.read_text()
    issuer.authority.unlink()
    monkeypatch.setattr(tls_files, "read_pem", lambda *_: text)
    with pytest.raises(TLSSetupError, match="No such file"):
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(issuer.authority))


def test_loads_authorities_of_a_folder(issuer: Issuer, tmp_path: Path) -> None:
    """A folder in which authorities lie under their hashes, as `openssl rehash` makes it."""
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(issuer.authority.read_bytes())
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(folder))


def test_a_file_has_a_fingerprint(tmp_path: Path) -> None:
    """It differs for another content, another file at the path, another target of a link."""
    path, link = tmp_path / "a", tmp_path / "link"
    assert fingerprint(str(path)) is None
    path.write_text("1")
    link.symlink_to(path)
    first = fingerprint(str(link))
    assert first == fingerprint(str(path)) is not None
    path.write_text("12")
    second = fingerprint(str(link))
    other = tmp_path / "b"
    other.write_text("12")
    link.unlink()
    link.symlink_to(other)
    assert len({first, second, fingerprint(str(link))}) == 3
