"""The certificates of a server, loaded anew as soon as their files change.

Rules:
    Nobody waits for changes: no thread, no timer. Who is about to serve a connection has the files
    looked at, at most once a second; so a change is seen by the first connection after it.
    What cannot be loaded changes nothing: the certificate before serves on, and the log says why,
    once for each state of the files. A pair of which only one file has changed is such a state.
    A connection keeps the context it began with.

See docs/decisions/0018.
"""

import functools
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from serverkit_server.certificate_facts import presented_certificate, read_facts
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.sni_names import KeyPair, find_name, parse_sni
from serverkit_server.tls_context import make_context
from serverkit_server.tls_factory import call_factory, find_factory
from serverkit_server.tls_files import Fingerprint, fingerprint

_LOG = logging.getLogger("serverkit.server")
LOOK_EVERY_S: Final = 1.0


class CertificateStore:
    """Gives the context that the next connection is served with.

    It conforms to `serverkit_worker.tls.TLSContexts`.

    Args:
        config: of the server, with TLS.
        clock: seconds; for tests.

    Raises:
        TLSSetupError: a certificate, or what goes with it, cannot be used.

    Threads: any. Workers in threads share one; each process has its own.
    """

    def __init__(
        self, config: ServerConfig, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._clock = clock
        self._factory = find_factory(config)
        self._lock = threading.Lock()  # guards the looking and loading
        self._presented_lock = threading.Lock()  # guards what follows
        self._presented: WeakKeyDictionary[ssl.SSLContext, str | None] = WeakKeyDictionary()
        pair = None
        if config.ssl_certfile is not None:
            pair = KeyPair(config.ssl_certfile, config.ssl_keyfile)
        authorities = [config.ssl_ca_certs] if config.ssl_ca_certs is not None else []
        self._of_names = {
            name: _Certificate(
                functools.partial(make_context, config, each, setting="ssl_sni"),
                [*filter(None, each), *authorities],
                f"The certificate for {name} ({each})",
            )
            for name, each in parse_sni(config.ssl_sni).items()
        }
        self._default = _Certificate(
            functools.partial(self._make_default, pair),
            [*filter(None, pair or ()), *authorities],
            f"The certificate ({pair})" if pair else "The context of TLS",
        )
        self._all = [self._default, *self._of_names.values()]
        for each in self._all:
            each.take(each.make())
            self._note_presented(each)
        self._next_look = clock() + LOOK_EVERY_S

    def current(self) -> ssl.SSLContext:
        """Give the context for a new connection. It takes no time unless files have changed."""
        if self._clock() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._next_look = self._clock() + LOOK_EVERY_S
                for each in self._all:
                    if each.load_if_changed():
                        self._note_presented(each)
            finally:
                self._lock.release()
        return self._default.context

    def certificate_of(self, context: ssl.SSLContext) -> str | None:
        """Give the certificate that a context presents, as PEM; None: it is not known."""
        with self._presented_lock:
            return self._presented.get(context)

    def reload(self) -> None:
        """Load everything anew, whether files have changed or not.

        Raises:
            TLSSetupError: something cannot be loaded. Then everything stays as it is.
        """
        with self._lock:
            made = [each.make() for each in self._all]
            for each, one in zip(self._all, made, strict=True):
                each.take(one)
                self._note_presented(each)

    def _make_default(self, pair: KeyPair | None) -> ssl.SSLContext:
        def usual() -> ssl.SSLContext:
            context = make_context(self._config, pair)
            if self._of_names:
                context.sni_callback = self._choose
            return context

        if self._factory is None:
            return usual()
        return call_factory(self._factory, self._config, usual)

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Serve a client with the certificate of the name that it asks for."""
        found = find_name(name, self._of_names)
        if found is not None:
            connection.context = found.context

    def _note_presented(self, certificate: "_Certificate") -> None:
        presented = presented_certificate(certificate.context)
        with self._presented_lock:
            self._presented[certificate.context] = presented
        certificate.warn_if_out_of_date()


class _Made(NamedTuple):
    """A context, and the state of the files that it was made of."""

    context: ssl.SSLContext
    state: list[Fingerprint]


class _Certificate:
    """One certificate: how its context is made, and of which files.

    Args:
        make: makes the context.
        paths: the files that it is made of.
        name: of it, at the start of a sentence.

    Owner: the store, which has a lock.
    """

    def __init__(self, make: Callable[[], ssl.SSLContext], paths: Sequence[str], name: str) -> None:
        self.context: ssl.SSLContext
        self._make = make
        self._paths = paths
        self._name = name
        self._seen: list[Fingerprint] = []

    def make(self) -> _Made:
        """Make the context, of the files as they are now."""
        state = self._look()  # before they are read: a change while they are is seen later
        return _Made(self._make(), state)

    def take(self, made: _Made) -> None:
        """Serve with a context from now on."""
        self.context, self._seen = made

    def load_if_changed(self) -> bool:
        """Make it anew if a file has changed; return whether that was so, and went well."""
        state = self._look()
        if state == self._seen:
            return False
        self._seen = state  # also where it is a bad one: it is told of once
        try:
            self.take(self.make())
        except TLSSetupError as error:
            _LOG.error(
                "%s has changed, but cannot be used, so the one before serves on: %s",
                self._name,
                error,
            )
            return False
        _LOG.info("%s has changed and is loaded, for new connections.", self._name)
        return True

    def warn_if_out_of_date(self) -> None:
        """Say what every client will complain of."""
        try:
            facts = read_facts(self.context)
        except (ssl.SSLError, OSError, ValueError, KeyError):
            return  # of a function's making, which knows what it does
        now = time.time()
        if facts.not_after < now:
            _LOG.warning("%s has expired on %s: clients refuse it.", self._name, facts.last_day)
        elif facts.not_before > now:
            _LOG.warning("%s is not good yet, by the clock of this machine.", self._name)

    def _look(self) -> list[Fingerprint]:
        return [fingerprint(path) for path in self._paths]
