"""What a deployment decides about TLS."""

from dataclasses import dataclass

from serverkit_server.setting_fields import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSSettings:
    """The settings of TLS; see `Settings` for what fields say of themselves.

    Threads: any; it never changes.
    """

    ssl_certfile: str | None = setting(
        None, "TLS", "The certificate chain, as PEM. Not available yet."
    )
    ssl_keyfile: str | None = setting(
        None, "TLS", "The key of the certificate, as PEM. Not available yet."
    )
