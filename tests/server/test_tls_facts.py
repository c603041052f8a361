"""What certificates say, and what is found out about them before anything is served."""

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from serverkit_server.certificate_check import Subject, examine, subjects_of
from serverkit_server.certificate_facts import has_no_certificate, read_facts
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair
from tests.server.key_pairs import Issuer, Pair

DAY_S = 86_400.0


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


def self_signed(
    folder: Path, *usages: x509.ObjectIdentifier, curve: ec.EllipticCurve | None = None
) -> Pair:
    """Write a certificate that has signed itself, for these usages."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alone.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=5))
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    made = builder.sign(key, hashes.SHA256())
    pair = Pair(folder / "alone.pem", folder / "alone.key")
    pair.certfile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pair


def config_of(pair: Pair, **settings: object) -> ServerConfig:
    """Configure TLS with these files."""
    return ServerConfig.from_mapping({**pair.settings, **settings})


def loaded(pair: Pair) -> ssl.SSLContext:
    """Load files into a context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


@pytest.mark.parametrize("days", [30, -3])
def test_reads_a_certificate(issuer: Issuer, days: int) -> None:
    """Names, issuer and dates, of one that has expired as well."""
    facts = read_facts(loaded(issuer.write("some", "a.example", "*.b.example", days=days)))
    assert facts.names == ("a.example", "*.b.example")
    assert "trustme" in facts.issuer
    assert not facts.is_self_signed
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    assert abs(facts.not_after - until.timestamp()) < DAY_S
    assert facts.not_before < facts.not_after
    assert facts.last_day == until.strftime("%Y-%m-%d")


def test_reads_one_without_names(tmp_path: Path) -> None:
    """A certificate of old has a common name only."""
    facts = read_facts(loaded(self_signed(tmp_path)))
    assert (facts.names, facts.issuer, facts.is_self_signed) == (
        ("alone.example",),
        "alone.example",
        True,
    )


def test_names_all_certificates(issuer: Issuer) -> None:
    """That of all clients first, then those for names."""
    pair, other = issuer.write("one"), issuer.write("two")
    config = config_of(pair, ssl_sni=(other.entry("two.example"),))
    own = KeyPair(str(pair.certfile), str(pair.keyfile))
    its = KeyPair(str(other.certfile), str(other.keyfile))
    assert subjects_of(config) == [Subject("", own), Subject("two.example", its)]
    assert subjects_of(ServerConfig()) == []


def test_examines_a_certificate(issuer: Issuer) -> None:
    """How long it is good, and whether the certificate of its issuer is in the file."""
    pair = issuer.write("one", days=9)
    config = config_of(pair)
    [subject] = subjects_of(config)
    finding = examine(config, subject)
    assert finding.is_for_name
    assert not finding.has_issuer
    assert round(finding.days_left(datetime.datetime.now(datetime.UTC).timestamp())) == 9
    pair.certfile.write_bytes(pair.certfile.read_bytes() + issuer.authority.read_bytes())
    assert examine(config, subject).has_issuer


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [("a.example", "good"), ("b.example", "another"), ("*.c.example", "good")],
)
def test_notices_a_name_that_is_not_in_the_certificate(
    issuer: Issuer, asked: str, verdict: str
) -> None:
    """A client that asks for a name and is shown another one goes away."""
    pair = issuer.write("some", "a.example", "*.c.example")
    config = config_of(pair, ssl_sni=(pair.entry(asked),))
    assert examine(config, subjects_of(config)[1]).is_for_name is (verdict == "good")


def test_asks_nothing_of_clients(issuer: Issuer) -> None:
    """Certificates can be read as well where clients must show theirs."""
    config = config_of(
        issuer.write("one"), ssl_cert_reqs="required", ssl_ca_certs=str(issuer.authority)
    )
    assert examine(config, subjects_of(config)[0]).facts.names == ("localhost", "127.0.0.1")


def test_refuses_a_certificate_that_is_not_for_servers(tmp_path: Path) -> None:
    """Clients would, too."""
    config = config_of(self_signed(tmp_path, ExtendedKeyUsageOID.CLIENT_AUTH))
    with pytest.raises(TLSSetupError, match="clients will not take this certificate") as caught:
        examine(config, subjects_of(config)[0])
    assert caught.value.setting == "ssl_certfile"
    assert "serverAuth" in caught.value.remedy


def test_refuses_files_that_do_not_belong_together(issuer: Issuer) -> None:
    """As the server will."""
    one, two = issuer.write("one"), issuer.write("two")
    config = config_of(Pair(one.certfile, two.keyfile))
    with pytest.raises(TLSSetupError, match="do not belong together"):
        examine(config, subjects_of(config)[0])


def test_examines_what_a_function_makes(issuer: Issuer) -> None:
    """The context is made as it will be made for serving."""
    pair = issuer.write("one", "a.example")

    def make(config: ServerConfig, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        assert config.ssl_certfile is None
        context = default()
        context.load_cert_chain(*pair)
        return context

    config = ServerConfig(ssl_context_factory=make)
    [subject] = subjects_of(config)
    assert subject == Subject("", None)
    assert examine(config, subject).facts.names == ("a.example",)


def test_a_function_that_loads_no_certificate() -> None:
    """Nobody can connect to a context without one."""
    config = ServerConfig(ssl_context_factory=lambda _config, default: default())
    with pytest.raises(TLSSetupError, match="without a certificate") as caught:
        examine(config, subjects_of(config)[0])
    assert caught.value.setting == "ssl_context_factory"


def a_context(of: Callable[[ssl.SSLContext], None] = lambda _context: None) -> ssl.SSLContext:
    """Make a server's context without a certificate, and do something to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of(context)
    return context


def test_a_context_without_a_certificate_is_told_from_one_with(tmp_path: Path) -> None:
    """Whatever else it wants of its clients."""
    assert has_no_certificate(a_context())
    context = loaded(self_signed(tmp_path))
    assert not has_no_certificate(context)
    context.verify_mode = ssl.CERT_REQUIRED
    assert not has_no_certificate(context)


def test_a_certificate_that_few_clients_can_take(tmp_path: Path) -> None:
    """Who has one of a curve that clients do not name by themselves has clients who do."""
    context = loaded(self_signed(tmp_path, curve=ec.BrainpoolP256R1()))
    context.set_ecdh_curve("brainpoolP256r1")
    assert not has_no_certificate(context)


def test_a_context_that_chooses_another_needs_no_certificate() -> None:
    """It gives its clients one that has, by the name they ask for."""
    context = a_context()
    context.sni_callback = lambda _connection, _name, _context: None
    assert not has_no_certificate(context)


@pytest.mark.skipif(not getattr(ssl, "HAS_PSK", False), reason="this Python has no PSK")
@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_secret_in_common_does_without_a_certificate(highest: ssl.TLSVersion) -> None:
    """No function is refused that serves its clients by PSK."""
    context = a_context()
    context.maximum_version = highest
    context.set_ciphers("PSK")
    getattr(context, "set_psk_server_callback")(lambda _identity: b"secret")  # noqa: B009 - new
    assert not has_no_certificate(context)
