"""Handshakes under way as workers come and go, in every mode."""

import json
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.tls.conftest import Start, ask
from tests.server.key_pairs import Issuer
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import port_of, until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PATIENT = ("--ssl-handshake-timeout", str(10 * WAIT_S))


class Halfway:
    """A client that has begun to shake hands, and goes on when it is told to."""

    def __init__(self, server: ServerProcess, trust: ssl.SSLContext) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port_of(server)), WAIT_S)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trust.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._step()

    def _step(self) -> bool:
        """Say what is to be said; return whether the handshake is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.socket.sendall(self._outgoing.read())
        return True

    def _hear(self) -> None:
        data = self.socket.recv(65_536)
        assert data, "the connection was closed"
        self._incoming.write(data)

    def wait_for_server(self) -> None:
        """Wait until the server has answered the beginning."""
        self._hear()

    def ask(self) -> bytes:
        """Finish the handshake, send a request, and return all that is said."""
        while not self._step():
            self._hear()
        self._tls.write(GET)
        self.socket.sendall(self._outgoing.read())
        said = b""
        while True:
            try:
                while piece := self._tls.read(65_536):
                    said += piece
                return said  # noqa: TRY300  by an announced end
            except ssl.SSLWantReadError:
                self._hear()


@contextmanager
def silent(server: ServerProcess, count: int) -> Iterator[None]:
    """Connect clients that say nothing."""
    with ExitStack() as stack:
        for _number in range(count):
            stack.enter_context(
                socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S)
            )
        yield


def test_a_server_ends_in_spite_of_silent_clients(start: Start, issuer: Issuer) -> None:
    """They are given a second, and who has begun as well."""
    server = start(*PATIENT, "--shutdown-timeout", str(10 * WAIT_S))
    with silent(server, 20):
        begun = [Halfway(server, issuer.trusting()) for _number in range(5)]
        for each in begun:
            each.wait_for_server()
        assert server.stop(signal.SIGTERM) == 0
        for each in begun:
            each.socket.close()


def test_a_reload_waits_for_handshakes(start: Start, issuer: Issuer, mode: str) -> None:
    """Who has begun to shake hands with the old code is answered by it."""
    if mode == "single":
        pytest.skip("a single worker has no successor")
    server = start(*PATIENT)
    trust = issuer.trusting()
    old = ask(server, trust)["born"]
    begun = [Halfway(server, trust) for _number in range(6)]
    for each in begun:
        each.wait_for_server()
    server.send_signal(signal.SIGHUP)
    until(lambda: ask(server, trust)["born"] != old, "the new code")

    for each in begun:
        head, _, body = each.ask().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        facts = json.loads(body)
        assert facts["scheme"] == "https"
        if mode == "thread":
            assert facts["born"] == old
        each.socket.close()


def test_handshakes_count_for_the_whole_server(start: Start, issuer: Issuer) -> None:
    """One too many is told so by TLS, until those before it have left."""
    server = start(*PATIENT, "--max-connections", "4")
    trust = issuer.trusting()
    with silent(server, 4):
        until(lambda: b" 503 " in say(server, trust), "a refusal")
    until(lambda: b" 200 " in say(server, trust), "a place")


def test_silent_clients_lose_their_place(start: Start, issuer: Issuer) -> None:
    """When the handshake has taken too long."""
    server = start("--ssl-handshake-timeout", "0.5", "--max-connections", "4")
    trust = issuer.trusting()
    with silent(server, 4):
        until(lambda: b" 200 " in say(server, trust), "a place")


def say(server: ServerProcess, trust: ssl.SSLContext) -> bytes:
    """Send a request on a connection of its own; return what comes back.

    Nothing where the server has closed it: a busy machine may make a client too slow for it.
    """
    try:
        client = Halfway(server, trust)
        with client.socket:
            return client.ask()
    except (AssertionError, ConnectionError):
        return b""
