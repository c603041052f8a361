"""The context that the settings describe."""

import logging
import ssl
from pathlib import Path

import pytest

from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair
from serverkit_server.tls_context import TLSFiles, make_context, warn_of_keylog
from tests.server.key_pairs import Issuer, Pair, presented


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def pair(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A certificate and its key; nothing in the environment asks for keys."""
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    return issuer.write("good")


def context_of(pair: Pair, **settings: object) -> ssl.SSLContext:
    """Make the context of these files."""
    config = ServerConfig.from_mapping({**pair.settings, **settings})
    authorities = config.ssl_ca_certs
    return make_context(config, TLSFiles(KeyPair(*map(str, pair)), authorities))


def test_is_secure_by_default(pair: Pair) -> None:
    """TLS 1.2 and newer, no compression, no renegotiation, the server's order of ciphers."""
    context = context_of(pair)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
        assert context.options & option
    assert context.verify_mode == ssl.CERT_NONE
    assert presented(context) == pair.der


def test_is_as_the_settings_say(issuer: Issuer, pair: Pair) -> None:
    """Version, ciphers, and what clients must show."""
    context = context_of(
        pair,
        ssl_minimum_version="1.3",
        ssl_ciphers="ECDHE+AESGCM",
        ssl_ca_certs=str(issuer.authority),
        ssl_cert_reqs="optional",
    )
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    old = {each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"}
    assert old
    assert all("GCM" in name for name in old)
    assert context.verify_mode == ssl.CERT_OPTIONAL
    assert len(context.get_ca_certs()) == 1


def test_agrees_on_http_1_1(pair: Pair) -> None:
    """A client that offers h2 and http/1.1 gets what is spoken here."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_alpn_protocols(["h2", "http/1.1"])
    asking = client.wrap_bio(to_client, to_server)
    answering = context_of(pair).wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        asking.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        answering.do_handshake()
    asking.do_handshake()
    assert asking.selected_alpn_protocol() == "http/1.1"


def test_refuses_ciphers_that_nobody_knows(pair: Pair) -> None:
    """The setting is named, and how to list what there is."""
    with pytest.raises(TLSSetupError, match="knows no cipher in 'NONSENSE'") as caught:
        context_of(pair, ssl_ciphers="NONSENSE")
    assert caught.value.setting == "ssl_ciphers"
    assert "openssl ciphers" in caught.value.remedy


def test_logs_keys_where_the_environment_says(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SSLKEYLOGFILE works as with OpenSSL's tools, and the log warns of it."""
    path = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    assert presented(context_of(pair)) == pair.der
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in path.read_text()
    with caplog.at_level(logging.WARNING, "serverkit.server"):
        warn_of_keylog()
    assert str(path) in caplog.text


def test_logs_no_keys_otherwise(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Without the variable there is nothing to warn of."""
    assert context_of(pair).keylog_filename is None
    warn_of_keylog()
    assert caplog.text == ""


def test_a_key_log_that_cannot_be_written(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys.log"))
    with pytest.raises(TLSSetupError, match=r"cannot be logged to .*missing") as caught:
        context_of(pair)
    assert "SSLKEYLOGFILE" in caught.value.remedy


def test_files_can_lie_elsewhere() -> None:
    """The same files, by the paths where they are for a moment."""
    files = TLSFiles(KeyPair("c", "k"), "a")
    assert files.paths == ["c", "k", "a"]
    assert files.at({"c": "1", "k": "2"}) == TLSFiles(KeyPair("1", "2"), "a")
    assert files.at({"a": "3"}) == TLSFiles(KeyPair("c", "k"), "3")
    assert TLSFiles(KeyPair("c", None), None).at({"c": "1"}) == TLSFiles(KeyPair("1", None), None)
    assert TLSFiles(None, None).paths == []
