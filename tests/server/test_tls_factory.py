"""Contexts that a deployment's own function makes."""

import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server.certificate_store import CertificateStore
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from tests.server.key_pairs import Issuer, Pair, presented

type Default = Callable[[], ssl.SSLContext]

SOURCE = """
import ssl

def make(config, default):
    context = default()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context

class Maker:
    @staticmethod
    def make(config, default):
        return make(config, default)

def fail(config, default):
    raise OSError("the vault is closed")

def nothing(config, default):
    return None

def for_clients(config, default):
    return ssl.create_default_context()

def bare(config, default):
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

number = 3
"""


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def pair(issuer: Issuer) -> Pair:
    """A certificate and its key."""
    return issuer.write("good")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the deployment, in a folder of its own; its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    return name


def test_is_given_the_configuration_and_the_usual_context(pair: Pair) -> None:
    """It may change the usual context, or read what else it needs from the configuration."""
    given = []

    def make(config: ServerConfig, default: Default) -> ssl.SSLContext:
        given.append(config)
        context = default()
        context.num_tickets = 0
        return context

    config = ServerConfig.from_mapping({**pair.settings, "ssl_context_factory": make})
    context = CertificateStore(config).current()
    assert given == [config]
    assert context.num_tickets == 0
    assert presented(context) == pair.der


def test_may_make_its_own_context(pair: Pair) -> None:
    """No file need be named; and what is presented is known all the same."""

    def make(_config: ServerConfig, _default: Default) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        return context

    store = CertificateStore(ServerConfig(ssl_context_factory=make))
    assert presented(store.current()) == pair.der
    assert store.certificate_of(store.current()) == pair.pem


@pytest.mark.parametrize("attribute", ["make", "Maker.make"])
def test_is_found_by_name(module: str, pair: Pair, tmp_path: Path, attribute: str) -> None:
    """In app_dir, as the application is."""
    config = ServerConfig.from_mapping(
        {
            **pair.settings,
            "ssl_context_factory": f"{module}:{attribute}",
            "app_dir": str(tmp_path),
        }
    )
    context = CertificateStore(config).current()
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2


def test_its_own_context_serves_other_names_too(issuer: Issuer, pair: Pair) -> None:
    """What `ssl_sni` asks for is not left out, unless the context chooses for itself."""
    other = issuer.write("other", "other.example")
    chooses = False

    def make(_config: ServerConfig, _default: Default) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        if chooses:
            context.sni_callback = lambda _connection, _name, _context: None
        return context

    config = ServerConfig.from_mapping(
        {
            **pair.settings,
            "ssl_sni": (other.entry("other.example"),),
            "ssl_context_factory": make,
        }
    )
    assert presented(CertificateStore(config).current(), "other.example") == other.der
    assert presented(CertificateStore(config).current(), "www.example") == pair.der
    chooses = True
    assert presented(CertificateStore(config).current(), "other.example") == pair.der


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:make", "there is no module 'no_such_module_here'"),
        ("{module}:missing", "There is no function {module}:missing"),
        ("{module}:number", "There is no function {module}:number"),
        ("{module}:fail", "fails: OSError('the vault is closed')"),
        ("{module}:nothing", "gives no SSLContext, but None"),
        ("{module}:for_clients", "gives one for clients"),
        ("{module}:bare", "gives one without a certificate"),
    ],
)
def test_what_goes_wrong_is_told(
    module: str, pair: Pair, tmp_path: Path, name: str, message: str
) -> None:
    """With the setting, and how such a function is called."""
    settings = {"ssl_context_factory": name.format(module=module), "app_dir": str(tmp_path)}
    config = ServerConfig.from_mapping({**pair.settings, **settings})
    with pytest.raises(TLSSetupError) as caught:
        CertificateStore(config)
    assert message.format(module=module) in caught.value.message
    assert caught.value.setting == "ssl_context_factory"
    assert "function(config, default)" in caught.value.remedy


def test_a_module_that_fails_shows_its_own_frames(tmp_path: Path, pair: Pair, module: str) -> None:
    """And none of the server or of the import system."""
    (tmp_path / f"{module}.py").write_text("def inner():\n    1/0\n\ninner()\n")
    settings = {"ssl_context_factory": f"{module}:make", "app_dir": str(tmp_path)}
    with pytest.raises(TLSSetupError, match=f"{module} fails") as caught:
        CertificateStore(ServerConfig.from_mapping({**pair.settings, **settings}))
    assert "ZeroDivisionError" in caught.value.details
    assert "tls_factory.py" not in caught.value.details


def test_what_is_wrong_with_the_files_is_told_as_such(pair: Pair) -> None:
    """An error of the usual context passes through the function as it is."""
    pair.keyfile.unlink()
    config = ServerConfig.from_mapping(
        {**pair.settings, "ssl_context_factory": lambda _config, default: default()}
    )
    with pytest.raises(TLSSetupError, match="There is no file") as caught:
        CertificateStore(config)
    assert caught.value.setting == "ssl_keyfile"
