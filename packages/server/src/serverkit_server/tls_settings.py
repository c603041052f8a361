"""What a deployment decides about TLS."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from serverkit_server.setting_fields import of_worker, setting

type SSLContextFactory = Callable[..., ssl.SSLContext]
"""`(config: ServerConfig, default: Callable[[], SSLContext]) -> SSLContext`.

It makes the context that serves; `default` makes the one that the settings alone would give.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSSettings:
    """The settings of TLS; see `Settings` for what fields say of themselves.

    Threads: any; it never changes.
    """

    ssl_certfile: str | None = setting(
        None,
        "TLS",
        "The certificate of the server with its chain, as PEM (fullchain.pem of Let's Encrypt); "
        "it switches TLS on. A file that changes is loaded for new connections.",
    )
    ssl_keyfile: str | None = setting(
        None,
        "TLS",
        "The key of the certificate, as PEM (privkey.pem of Let's Encrypt); where left out, it is "
        "in the file of the certificate.",
    )
    ssl_keyfile_password: str | None = setting(
        None,
        "TLS",
        "The password of keys that are encrypted. Better in the environment than on a command "
        "line, which others can see.",
        secret=True,
    )
    ssl_sni: tuple[str, ...] = setting(
        (),
        "TLS",
        "Another certificate for clients that ask for a name: name=cert.pem,key.pem, where the "
        "key may be left out and the name may be *.example.org; may be given several times.",
    )
    ssl_ca_certs: str | None = setting(
        None,
        "TLS",
        "The authorities that certificates of clients are checked against: a PEM file, or a "
        "folder as openssl rehash makes it.",
    )
    ssl_cert_reqs: Literal["none", "optional", "required"] = setting(
        "none",
        "TLS",
        "Whether clients must show a certificate; optional: one that is shown must be good.",
        choices=("none", "optional", "required"),
    )
    ssl_minimum_version: Literal["1.2", "1.3"] = setting(
        "1.2", "TLS", "The oldest version of TLS that is spoken.", choices=("1.2", "1.3")
    )
    ssl_ciphers: str | None = setting(
        None,
        "TLS",
        "The ciphers of TLS 1.2, as `openssl ciphers` writes them; those of TLS 1.3 are always "
        "on. Those that OpenSSL takes for secure when left out.",
    )
    ssl_context_factory: SSLContextFactory | str | None = setting(  # noqa: RUF009 - makes a field
        None,
        "TLS",
        "A function that makes the SSLContext, as module:function. It is called with the "
        "configuration and with a function that makes the context of the other settings.",
    )
    ssl_handshake_timeout: float = of_worker("ssl_handshake_timeout", 10.0)
    redirect_bind: tuple[str, ...] = setting(
        (),
        "TLS",
        "Where to listen without TLS as well, to send everybody on to https (308): addresses as "
        "for bind; may be given several times.",
    )
    redirect_port: int | None = setting(
        None,
        "TLS",
        "The port of https that clients are sent to: that of the first address when left out.",
        at_least=1,
        at_most=65_535,
    )

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.ssl_certfile is not None or self.ssl_context_factory is not None
