"""What settings of TLS want of each other."""

import pickle
import ssl
from collections.abc import Callable, Mapping

import pytest

from serverkit_server.config import ServerConfig
from serverkit_server.setting_types import setting_types

SECRET = "correct horse"


def make(config: ServerConfig, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Make the usual context."""
    assert config.has_tls
    return default()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ssl_keyfile": "k"}, "ssl_keyfile needs TLS: name the certificate as ssl_certfile"),
        ({"ssl_keyfile_password": "p"}, "ssl_keyfile_password needs TLS"),
        ({"ssl_sni": ("a.b=c",)}, "ssl_sni needs TLS"),
        ({"ssl_ca_certs": "c"}, "ssl_ca_certs needs TLS"),
        ({"ssl_cert_reqs": "optional"}, "ssl_cert_reqs needs TLS"),
        ({"ssl_ciphers": "c"}, "ssl_ciphers needs TLS"),
        ({"redirect_bind": ("a:1",)}, "redirect_bind needs TLS"),
        ({"redirect_port": 1}, "redirect_port has no effect without redirect_bind"),
        ({"ssl_certfile": ""}, "ssl_certfile must not be empty"),
        ({"ssl_certfile": "c", "ssl_ciphers": ""}, "ssl_ciphers must not be empty"),
        (
            {"ssl_context_factory": make, "ssl_keyfile": "k"},
            "ssl_keyfile needs ssl_certfile, the certificate that the key belongs to",
        ),
        ({"ssl_context_factory": make, "ssl_sni": ("a.b=c",)}, "ssl_sni needs ssl_certfile"),
        ({"ssl_context_factory": "make"}, "ssl_context_factory must be module:function"),
        ({"ssl_context_factory": "a b:c"}, "ssl_context_factory must be module:function"),
        ({"ssl_context_factory": 1}, "ssl_context_factory must be callable, or the name of"),
        (
            {"ssl_certfile": "c", "ssl_cert_reqs": "required"},
            "ssl_cert_reqs required needs ssl_ca_certs",
        ),
        ({"ssl_certfile": "c", "ssl_ca_certs": "a"}, "ssl_ca_certs has no effect while"),
        ({"ssl_certfile": "c", "ssl_cert_reqs": "maybe"}, "ssl_cert_reqs must be one of none,"),
        ({"ssl_certfile": "c", "ssl_minimum_version": "1.1"}, "ssl_minimum_version must be one of"),
        ({"ssl_certfile": "c", "ssl_sni": ("c",)}, "ssl_sni: no name in 'c'"),
        ({"ssl_certfile": "c", "redirect_bind": ("c",)}, "redirect_bind: no port in 'c'"),
        (
            {"ssl_certfile": "c", "port": 81, "redirect_bind": ("127.0.0.1:81",)},
            "redirect_bind must not have 127.0.0.1:81, where TLS is spoken",
        ),
        (
            {"ssl_certfile": "c", "redirect_bind": (":1",), "redirect_port": 0},
            "redirect_port must be 1 to 65535, not 0",
        ),
        ({"ssl_certfile": "c", "ssl_handshake_timeout": 0}, "ssl_handshake_timeout must be"),
    ],
)
def test_refuses_what_would_do_nothing(settings: Mapping[str, object], message: str) -> None:
    """What could have no effect is refused at once, with the setting and what it needs."""
    with pytest.raises(ValueError, match=r".") as caught:
        ServerConfig.from_mapping(settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        {"ssl_certfile": "c"},
        {"ssl_context_factory": make},
        {"ssl_context_factory": "package.module:Class.make"},
        {"ssl_context_factory": make, "ssl_cert_reqs": "required"},
        {"ssl_context_factory": make, "ssl_ca_certs": "a"},
        {"ssl_certfile": "c", "ssl_ca_certs": "a", "ssl_cert_reqs": "optional"},
        {"ssl_certfile": "c", "port": 0, "redirect_bind": ("127.0.0.1:0",), "redirect_port": 443},
        {"ssl_certfile": "c", "ssl_minimum_version": "1.3"},
    ],
)
def test_accepts_what_belongs_together(settings: Mapping[str, object]) -> None:
    """TLS is on with a certificate, or with what makes the context."""
    config = ServerConfig.from_mapping(settings)
    assert config.has_tls
    assert pickle.loads(pickle.dumps(config)) == config


def test_is_off_by_default() -> None:
    """Without a certificate nothing is encrypted."""
    assert not ServerConfig().has_tls


def test_a_password_is_not_shown() -> None:
    """Neither the text of a configuration nor a complaint about it has the password in it."""
    config = ServerConfig(ssl_certfile="c", ssl_keyfile_password=SECRET)
    assert SECRET not in repr(config)
    assert "ssl_certfile='c'" in repr(config)
    with pytest.raises(ValueError, match=r"^ssl_keyfile_password must be a string$"):
        ServerConfig.from_mapping({"ssl_keyfile_password": SECRET.encode()})
    takes = setting_types(ServerConfig)["ssl_keyfile_password"]
    assert takes is not None
    with pytest.raises(ValueError, match=r"^must be a string$"):
        takes.from_toml(12345)
