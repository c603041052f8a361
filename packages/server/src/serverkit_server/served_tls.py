"""What workers are given about TLS: the certificates, and which listeners only redirect."""

from dataclasses import dataclass
from typing import Final, Self

from serverkit_server.certificate_store import CertificateStore
from serverkit_server.config import ServerConfig
from serverkit_server.kept_files import KeptFiles
from serverkit_server.listeners import Listeners
from serverkit_server.tls_context import warn_of_keylog
from serverkit_server.worker_plan import WorkerPlan

HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Where clients without TLS are sent on.

    Attributes:
        listeners: which of the listening sockets, counted from 0, do nothing else.
        port: of https.

    Threads: any; it never changes, and can be passed to a process.
    """

    listeners: frozenset[int] = frozenset()
    port: int = HTTPS_PORT

    @classmethod
    def of(cls, config: ServerConfig, listeners: Listeners) -> Self:
        """Derive it from the settings and the sockets that were opened."""
        port = config.redirect_port or listeners.first_port or HTTPS_PORT
        return cls(listeners=listeners.redirecting, port=port)


def load_certificates(config: ServerConfig, plan: WorkerPlan) -> CertificateStore | None:
    """Load the certificates in the server's own process; None: there are none, or not here.

    Workers in processes load them for themselves. Here it is for finding out what is wrong, before
    anything is opened; but code of the deployment runs in those processes alone.

    Raises:
        TLSSetupError: they cannot be used.
    """
    if not config.has_tls:
        return None
    warn_of_keylog()
    if plan.place == "process" and config.ssl_context_factory is not None:
        return None
    return CertificateStore(config, keep=plan.place == "process")


class RecentFiles:
    """What certificate files had in them when they were good last, at the time of being pickled.

    It is for a process that is started while a renewal has gone wrong.

    Args:
        certificates: those of the server's own process; None: nothing is kept.
        kept: what there was at that time.
    """

    def __init__(
        self, certificates: CertificateStore | None = None, kept: KeptFiles | None = None
    ) -> None:
        self._certificates = certificates
        self.kept = kept or {}

    def __reduce__(self) -> tuple[type[Self], tuple[None, KeptFiles]]:
        """Go to another process as what the files are now, if they are good."""
        recent = self._certificates.kept_files() if self._certificates else self.kept
        return type(self), (None, recent)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedTLS:
    """The TLS of the workers in one process.

    Attributes:
        certificates: shared by all of them.
        redirect: see there.

    Threads: any.
    """

    certificates: CertificateStore
    redirect: Redirect

    @classmethod
    def of(
        cls, certificates: CertificateStore | None, config: ServerConfig, listeners: Listeners
    ) -> Self | None:
        """Add to the certificates what the open sockets tell; None: there are none."""
        if certificates is None:
            return None
        return cls(certificates=certificates, redirect=Redirect.of(config, listeners))
