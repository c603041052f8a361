"""Looks at the certificates of a configuration as their clients will, before anything is served."""

import functools
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from serverkit_server.certificate_facts import CertificateFacts, read_facts
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair, find_name, parse_sni
from serverkit_server.tls_context import TLSFiles, make_context
from serverkit_server.tls_factory import call_factory, find_factory

DAY_S: Final = 86_400.0
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


class Subject(NamedTuple):
    """A certificate that a configuration names.

    Attributes:
        name: the name that clients ask for; empty: that of all the others.
        pair: its files; None: a function makes it.
    """

    name: str
    pair: KeyPair | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about a certificate.

    Attributes:
        facts: what it says.
        is_for_name: it is for the name that clients get it for.
        has_issuer: the file has the certificate of who signed it as well, or needs none.
    """

    facts: CertificateFacts
    is_for_name: bool
    has_issuer: bool

    def days_left(self, now: float) -> float:
        """How many days it is still good, from a time in seconds since 1970; below 0: expired."""
        return (self.facts.not_after - now) / DAY_S


def subjects_of(config: ServerConfig) -> list[Subject]:
    """Name all certificates of a configuration."""
    if not config.has_tls:
        return []
    pair = None
    if config.ssl_certfile is not None and config.ssl_context_factory is None:
        pair = KeyPair(config.ssl_certfile, config.ssl_keyfile)
    of_names = [Subject(name, each) for name, each in parse_sni(config.ssl_sni).items()]
    return [Subject("", pair), *of_names]


def examine(config: ServerConfig, subject: Subject) -> Finding:
    """Load a certificate and its key, and read what it says.

    Raises:
        TLSSetupError: they cannot be used.
    """
    context = _context_of(config, subject)
    where = str(subject.pair) if subject.pair else "The context of ssl_context_factory"
    try:
        facts = read_facts(context)
    except ssl.SSLCertVerificationError as error:
        raise TLSSetupError(
            f"{where}: clients will not take this certificate ({error.verify_message}).",
            setting=_setting(subject),
            remedy="Have one made for servers: extended key usage serverAuth.",
        ) from error
    except (ssl.SSLError, ValueError, KeyError) as error:
        raise TLSSetupError(
            f"{where}: a client could not connect ({error}).", setting=_setting(subject)
        ) from error
    return Finding(
        facts=facts,
        is_for_name=not subject.name or find_name(subject.name, _names(facts)) is not None,
        has_issuer=facts.is_self_signed or subject.pair is None or _has_chain(subject.pair),
    )


def _setting(subject: Subject) -> str:
    if subject.name:
        return "ssl_sni"
    return "ssl_certfile" if subject.pair else "ssl_context_factory"


def _context_of(config: ServerConfig, subject: Subject) -> ssl.SSLContext:
    if subject.pair is not None:
        setting = "ssl_sni" if subject.name else ""
        return make_context(config, TLSFiles(subject.pair, config.ssl_ca_certs), setting=setting)
    factory = find_factory(config)
    if factory is None:
        raise AssertionError("what has no files is made by a function")
    own = None
    if config.ssl_certfile is not None:
        own = KeyPair(config.ssl_certfile, config.ssl_keyfile)
    files = TLSFiles(own, config.ssl_ca_certs)
    return call_factory(factory, config, functools.partial(make_context, config, files))


def _names(facts: CertificateFacts) -> dict[str, bool]:
    return {name.lower(): True for name in facts.names}


def _has_chain(pair: KeyPair) -> bool:
    return Path(pair.certfile).read_text("latin-1").count(_BEGIN) > 1
