"""One certificate of a server: the files it is made of, and the context that presents it."""

import logging
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from serverkit_server.certificate_facts import read_facts
from serverkit_server.errors import TLSSetupError
from serverkit_server.kept_files import KeptFiles, placed, read_files
from serverkit_server.sni_names import KeyPair
from serverkit_server.tls_context import TLSFiles
from serverkit_server.tls_files import Fingerprint, fingerprint

_LOG = logging.getLogger("serverkit.server")


class Loaded(NamedTuple):
    """A context, and the files that it was made of.

    Attributes:
        context: for connections.
        state: of the files; different from what they are now: they have changed.
        content: of the files, where that is kept.
    """

    context: ssl.SSLContext
    state: list[Fingerprint]
    content: KeptFiles


class CertificateSource:
    """Where one certificate comes from.

    Args:
        make: makes the context of files.
        files: as they are named in the settings.
        name: the name that clients ask for; empty: that of all the others.
        keep: keep what the files had in them when they were good.
        note: is given each context, before anybody is served with it.

    Attributes:
        loaded: what is served with; set by `take`.

    Owner: the store, which has a lock.
    """

    def __init__(
        self,
        make: Callable[[TLSFiles], ssl.SSLContext],
        files: TLSFiles,
        *,
        name: str,
        keep: bool,
        note: Callable[[ssl.SSLContext], None],
    ) -> None:
        self.loaded: Loaded
        self._make = make
        self._files = files
        self._keep = keep
        self._note = note
        self._name = _describe(name, files.pair)

    def load(self) -> Loaded:
        """Make the context, of the files as they are now.

        Raises:
            TLSSetupError: they cannot be used.
        """
        state = self._look()  # before they are read: a change while they are is seen later
        content = read_files(self._files.paths) if self._keep else {}
        return Loaded(self._make(self._files), state, content)

    def load_or_recall(self, kept: KeptFiles) -> Loaded:
        """Do the same; or make the context of what the files had in them before.

        Raises:
            TLSSetupError: they cannot be used, and not enough is kept.
        """
        state = self._look()
        try:
            return self.load()
        except TLSSetupError as error:
            if self._files.pair is None or not kept.keys() >= set(filter(None, self._files.pair)):
                raise
            with placed(kept) as places:
                context = self._make(self._files.at(places))
            self._complain(error)
            return Loaded(context, state, kept)

    def take(self, loaded: Loaded) -> None:
        """Serve with a context from now on."""
        self._note(loaded.context)
        self.loaded = loaded
        self._warn_if_out_of_date()

    def load_if_changed(self) -> None:
        """Load anew if a file has changed; else, or where that fails, go on with what there is."""
        if self._look() != self.loaded.state and self.try_load():
            _LOG.info("%s has changed and is loaded, for new connections.", self._name)

    def try_load(self) -> bool:
        """Load anew; else say why, and go on with what there is; return whether it went well."""
        state = self._look()
        try:
            self.take(self.load())
        except (TLSSetupError, OSError, ValueError) as error:  # connections must not fail by it
            self.loaded = self.loaded._replace(state=state)  # said once for each state
            self._complain(error)
            return False
        return True

    def _complain(self, error: Exception) -> None:
        _LOG.error("%s cannot be used now, so the one before serves on: %s", self._name, error)

    def _warn_if_out_of_date(self) -> None:
        """Say what every client will complain of."""
        try:
            facts = read_facts(self.loaded.context)
        except (ssl.SSLError, OSError, ValueError, KeyError):
            return  # of a function's making, which knows what it does
        now = time.time()
        if facts.not_after < now:
            _LOG.warning("%s has expired on %s: clients refuse it.", self._name, facts.last_day)
        elif facts.not_before > now:
            _LOG.warning("%s is not good yet, by the clock of this machine.", self._name)

    def _look(self) -> list[Fingerprint]:
        return [fingerprint(path) for path in self._files.paths]


def _describe(name: str, pair: KeyPair | None) -> str:
    """Make the start of a sentence."""
    if pair is None:
        return "The context of ssl_context_factory"
    return f"The certificate for {name} ({pair})" if name else f"The certificate ({pair})"
