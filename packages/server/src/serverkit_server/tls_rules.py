"""Judges the settings of TLS together.

Rules:
    TLS is on where a certificate is named, or what makes the context. Every other setting of TLS is
    refused without: nothing that was asked for is silently left out.
"""

from typing import Final

from serverkit_server.settings import Settings
from serverkit_server.sni_names import parse_sni

_NEED_TLS: Final = (
    "ssl_keyfile",
    "ssl_keyfile_password",
    "ssl_sni",
    "ssl_ca_certs",
    "ssl_ciphers",
    "redirect_bind",
)
_NEED_CERTIFICATE: Final = {
    "ssl_keyfile": "that the key belongs to",
    "ssl_sni": "for clients that ask for no name, or for another",
}
_FILES: Final = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_ciphers")


def check_tls(settings: Settings) -> None:
    """Judge what one setting of TLS alone cannot tell.

    Raises:
        ValueError: settings miss each other. The message names them and what to do.
    """
    for name in _FILES:
        if getattr(settings, name) == "":
            raise ValueError(f"{name} must not be empty; leave it out instead")
    _check_factory(settings)
    if not settings.has_tls:
        for name in (*_NEED_TLS, "ssl_cert_reqs"):
            if getattr(settings, name) not in (None, (), "none"):
                raise ValueError(f"{name} needs TLS: name the certificate as ssl_certfile")
    for name, meaning in _NEED_CERTIFICATE.items():
        if getattr(settings, name) and settings.ssl_certfile is None:
            raise ValueError(f"{name} needs ssl_certfile, the certificate {meaning}")
    try:
        parse_sni(settings.ssl_sni)
    except ValueError as error:
        raise ValueError(f"ssl_sni: {error}") from None
    _check_clients(settings)
    if settings.redirect_port is not None and not settings.redirect_bind:
        raise ValueError("redirect_port has no effect without redirect_bind")


def _check_factory(settings: Settings) -> None:
    factory = settings.ssl_context_factory
    if isinstance(factory, str) and not _is_object_name(factory):
        raise ValueError(
            "ssl_context_factory must be module:function, such as package.tls:make, "
            f"not {factory!r}"
        )
    if factory is not None and not isinstance(factory, str) and not callable(factory):
        raise ValueError(
            f"ssl_context_factory must be callable, or the name of what is, not {factory!r}"
        )


def _check_clients(settings: Settings) -> None:
    wants = settings.ssl_cert_reqs != "none"
    if wants and settings.ssl_ca_certs is None and settings.ssl_context_factory is None:
        raise ValueError(
            f"ssl_cert_reqs {settings.ssl_cert_reqs} needs ssl_ca_certs: the authorities that "
            "certificates of clients are checked against"
        )
    if settings.ssl_ca_certs is not None and not wants and settings.ssl_context_factory is None:
        raise ValueError(
            "ssl_ca_certs has no effect while ssl_cert_reqs is none: no client is asked for a "
            "certificate; say required or optional. (The chain of the server's own certificate "
            "belongs into ssl_certfile.)"
        )


def _is_object_name(text: str) -> bool:
    module, colon, attribute = text.partition(":")
    parts = [*module.split("."), *attribute.split(".")]
    return bool(colon) and all(part.isidentifier() for part in parts)
