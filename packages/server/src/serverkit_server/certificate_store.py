"""The certificates of a server, loaded anew as soon as their files change.

Rules:
    Nobody waits for changes: no thread, no timer. Who is about to serve a connection has the files
    looked at, at most once a second; so a change is seen by the first connection after it.
    What cannot be loaded changes nothing, except at the start of the server: the certificate before
    serves on, and the log says why, once for each state of the files. A pair of which only one file
    has changed yet is such a state.
    A connection keeps the context it began with.

See docs/decisions/0018.
"""

import functools
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from serverkit_server.certificate_source import CertificateSource
from serverkit_server.config import ServerConfig
from serverkit_server.kept_files import KeptFiles
from serverkit_server.sni_names import KeyPair, find_name, parse_sni
from serverkit_server.tls_context import TLSFiles, make_context
from serverkit_server.tls_factory import call_factory, find_factory
from serverkit_worker.tls import presented_certificate

LOOK_EVERY_S: Final = 1.0


class CertificateStore:
    """Gives the context that the next connection is served with.

    It conforms to `serverkit_worker.tls.TLSContexts`.

    Args:
        config: of the server, with TLS.
        kept: what files had in them when they were good, in place of those that are not now.
        keep: keep what files have in them, for `kept_files`.
        clock: seconds; for tests.

    Raises:
        TLSSetupError: a certificate, or what goes with it, cannot be used.

    Threads: any. Workers in threads share one; each process has its own.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        kept: KeptFiles | None = None,
        keep: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()  # guards the looking and loading
        self._presented_lock = threading.Lock()  # guards what follows
        self._presented: WeakKeyDictionary[ssl.SSLContext, str | None] = WeakKeyDictionary()
        pair = None
        if config.ssl_certfile is not None:
            pair = KeyPair(config.ssl_certfile, config.ssl_keyfile)
        self._of_names = {
            name: CertificateSource(
                functools.partial(make_context, config, setting="ssl_sni"),
                TLSFiles(each, config.ssl_ca_certs),
                name=name,
                keep=keep,
                note=self._note_presented,
            )
            for name, each in parse_sni(config.ssl_sni).items()
        }
        files = TLSFiles(pair, config.ssl_ca_certs)
        self._default = CertificateSource(
            self._make_default, files, name="", keep=keep, note=self._note_presented
        )
        self._all = [self._default, *self._of_names.values()]
        for each in self._all:
            each.take(each.load_or_recall(kept or {}))
        self._next_look = clock() + LOOK_EVERY_S

    def current(self) -> ssl.SSLContext:
        """Give the context for a new connection. It takes no time unless files have changed."""
        if self._clock() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._next_look = self._clock() + LOOK_EVERY_S
                for each in self._all:
                    each.load_if_changed()
            finally:
                self._lock.release()
        return self._default.loaded.context

    def certificate_of(self, context: ssl.SSLContext) -> str | None:
        """Give the certificate that a context presents, as PEM; None: it is not known."""
        with self._presented_lock:
            return self._presented.get(context)

    def reload(self) -> bool:
        """Load everything anew, whether files have changed or not; return whether all went well.

        What cannot be loaded stays as it is, and the log says why.
        """
        with self._lock:
            went_well = [each.try_load() for each in self._all]  # each of them is tried
        return all(went_well)

    def kept_files(self) -> KeptFiles:
        """Give what the files had in them when they were good last, as far as it is kept."""
        self.current()
        content: dict[str, bytes] = {}
        for each in self._all:
            content.update(each.loaded.content)
        return content

    def _make_default(self, files: TLSFiles) -> ssl.SSLContext:
        usual = functools.partial(make_context, self._config, files)
        factory = find_factory(self._config)  # each time, for a reload may have imported it anew
        context = usual() if factory is None else call_factory(factory, self._config, usual)
        if self._of_names and context.sni_callback is None:
            context.sni_callback = self._choose
        return context

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Serve a client with the certificate of the name that it asks for."""
        found = find_name(name, self._of_names)
        if found is not None:
            connection.context = found.loaded.context

    def _note_presented(self, context: ssl.SSLContext) -> None:
        presented = presented_certificate(context)
        with self._presented_lock:
            self._presented[context] = presented
