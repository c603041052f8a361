"""What is done to a server on purpose costs no client an answer, over TLS either."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from benchmarks import census
from tests.integration.conftest import Serve
from tests.support.probe import request
from tests.support.raw_client import ConnectionEnded, RawClient
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import APP, until

pytestmark = pytest.mark.slow

CLIENTS = 3
PACE_S = 0.01  # it is no test of speed


class Clients:
    """Clients that ask again and again, each time on a new connection.

    Attributes:
        generations: who has answered each client last.
        answers: how many answers came.
        lost: what went wrong.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._leave = threading.Event()
        self.generations = [""] * CLIENTS
        self.answers = 0
        self.lost: list[str] = []

    def ask(self, me: int) -> None:
        """Ask until told to leave."""
        while not self._leave.wait(PACE_S):
            try:
                with RawClient(self._server.address, trust=self._server.trust) as client:
                    client.send(request("/", "Connection: close"))
                    answer = client.read_answer()
            except (OSError, ConnectionEnded) as error:
                self.lost.append(repr(error))
            else:
                self.generations[me] = census.parse(answer.body).generation
                self.answers += 1

    def leave(self) -> None:
        """Have all clients leave after their next answer."""
        self._leave.set()

    def until_all_are_answered_by_another_than(self, old: set[str]) -> None:
        """Wait until new code answers everyone."""
        until(lambda: not old & set(self.generations), "new code for all")


@contextmanager
def asking(server: ServerProcess) -> Iterator[Clients]:
    """Have clients ask, and leave in the end."""
    clients = Clients(server)
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(clients.ask, me) for me in range(CLIENTS)]
        try:
            clients.until_all_are_answered_by_another_than({""})
            yield clients
        finally:
            clients.leave()
            for each in asked:
                each.result(WAIT_S)


def test_reloads_lose_nothing(serve: Serve, mode: str, tls_flags: tuple[str, ...]) -> None:
    """SIGHUP under clients that shake hands all the time: each of them is answered."""
    flags = ("--no-access-log", "--workers", "2", "--worker-mode", mode, *tls_flags)
    server = serve(APP, *flags)
    with asking(server) as clients:
        for _number in range(3):
            old = set(clients.generations)
            server.send_signal(signal.SIGHUP)
            clients.until_all_are_answered_by_another_than(old)
    assert clients.lost == []
