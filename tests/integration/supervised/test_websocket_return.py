"""Clients that come back when they are told to lose nothing that they were answered."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.conftest import Serve
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import until
from tests.support.websocket import Dialer, connected

pytestmark = pytest.mark.slow

CLIENTS = 6
RELOADS = {"thread": 10, "process": 4}  # a process takes longer to come up
PACE_S = 0.005


class Returning:
    """Clients that say one number after the other, each when the last was answered.

    What was not answered when their WebSocket is closed they say again on the next one.

    Attributes:
        answered: how many numbers of each client were answered.
        ends: the codes of all closes, 1006 among them where there was none.
        failures: what went wrong otherwise.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._leave = False
        self.answered = [0] * CLIENTS
        self.ends: list[int] = []
        self.failures: list[str] = []

    async def talk(self) -> None:
        """Talk until told to leave."""
        async with asyncio.TaskGroup() as group:
            for me in range(CLIENTS):
                group.create_task(self._client(me))

    def leave(self) -> None:
        """Have all clients leave after their next answer."""
        self._leave = True

    def until_each_has(self, more: int) -> None:
        """Wait until every client has been answered so many numbers more."""
        goals = [count + more for count in self.answered]
        until(
            lambda: bool(self.failures)
            or all(have >= goal for have, goal in zip(self.answered, goals, strict=True)),
            f"{more} more answers for each client",
        )

    async def _client(self, me: int) -> None:
        while not self._leave and not self.failures:
            try:
                await self._stay(me)
            except ConnectionClosed as end:
                self.ends.append(end.rcvd.code if end.rcvd else 1006)
            except Exception as error:  # noqa: BLE001 - the test shows it
                self.failures.append(repr(error))

    async def _stay(self, me: int) -> None:
        async with asyncio.timeout(4 * WAIT_S), await connected(self._server, "/note") as socket:
            await socket.recv()
            while not self._leave:
                said = f"{me} {self.answered[me]}"
                await socket.send(said)
                if (heard := await socket.recv()) != said:
                    self.failures.append(f"{heard!r} for {said!r}")
                self.answered[me] += 1
                await asyncio.sleep(PACE_S)  # it is no test of speed


@contextmanager
def talking(dial: Dialer, server: ServerProcess) -> Iterator[Returning]:
    """Have clients talk, and leave in the end."""
    clients = Returning(server)
    talk = dial.start(clients.talk())
    try:
        clients.until_each_has(5)
        yield clients
    finally:
        clients.leave()
        talk.result(WAIT_S)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the application notes what it hears before it answers."""
    file = tmp_path / "notes"
    monkeypatch.setenv("NOTES", str(file))
    return file


@pytest.mark.parametrize(
    ("mode", "transport"), [("thread", "plain"), ("thread", "tls"), ("process", "tls")]
)
def test_reloads_lose_nothing(
    serve: Serve, dial: Dialer, mode: str, transport: str, tls_flags: tuple[str, ...], notes: Path
) -> None:
    """Every close is a 1012, everyone can come back at once, and nothing is lost."""
    flags = ("--workers", "2", "--worker-mode", mode, *(tls_flags if transport == "tls" else ()))
    server = serve("tests.support.apps.sockets:app", "--no-access-log", *flags)
    with talking(dial, server) as clients:
        for generation in range(1, RELOADS[mode] + 1):
            server.send_signal(signal.SIGHUP)
            server.wait_for_output(f"generation {generation} serves")
            clients.until_each_has(5)
    assert clients.failures == []
    assert set(clients.ends) == {1012}
    noted = Counter(notes.read_text().splitlines())
    lost = [
        said
        for me, count in enumerate(clients.answered)
        for said in (f"{me} {number}" for number in range(count))
        if said not in noted
    ]
    assert lost == []
    assert sum(noted.values()) - len(noted) <= len(clients.ends), "only what was cut is said twice"
