"""No connection is lost, however workers come and go; counted with a crowd of clients."""

import collections
import os
import signal
from collections.abc import Iterator

import pytest

from serverkit_supervisor.contract import HandedConnection
from serverkit_supervisor.distributor import AcceptDistributor
from serverkit_supervisor.process_handover import ProcessHandover
from serverkit_supervisor.process_source import ProcessConnectionSource
from serverkit_supervisor.thread_handover import ThreadHandover
from tests.supervisor.accepting import Site, open_site
from tests.supervisor.crowd import Crowd, GreetingProcess
from tests.supervisor.handed import EchoWorker, Handover, open_descriptors, source_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_leak() -> Iterator[None]:
    """No descriptor stays open."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture
def site() -> Iterator[Site]:
    """With one listening socket."""
    with open_site() as site:
        yield site


class Greeter:
    """A worker of this process: it greets with its name, and closes.

    Args:
        kind: how connections come to it.
    """

    def __init__(self, kind: type[Handover], name: bytes) -> None:
        self.handover = kind()
        self._source = source_of(self.handover)
        self._name = name
        self._worker = EchoWorker(self._source, serve=self._greet)

    def _greet(self, connection: HandedConnection) -> None:
        connection.socket.send(self._name)
        connection.socket.close()

    def drain(self) -> None:
        """Let it end when it has greeted everyone it has taken."""
        self._worker.close()
        if isinstance(self._source, ProcessConnectionSource):
            self._source.close()
        self.handover.close()


@pytest.mark.parametrize("kind", [ThreadHandover, ProcessHandover])
def test_no_connection_is_lost_through_a_hundred_reloads(site: Site, kind: type[Handover]) -> None:
    """Two workers are replaced by two others, again and again, and everyone is greeted."""
    distributor = site.distributor()
    distributor.start()
    workers: list[Greeter] = []

    with Crowd(site.listener.getsockname()) as crowd:
        for generation in range(101):
            old, workers = workers, [Greeter(kind, b"%d" % generation) for _ in range(2)]
            for worker in workers:
                distributor.add(worker.handover.outlet)
            for worker in old:
                distributor.remove(worker.handover.outlet)
                worker.drain()
            crowd.wait_for_more(5)

    assert crowd.answers[b""] == 0
    assert set(crowd.answers) == {b"%d" % generation for generation in range(101)}
    for worker in workers:
        distributor.remove(worker.handover.outlet)
        worker.drain()


def test_no_connection_is_lost_through_reloads_of_processes(site: Site) -> None:
    """The same with processes of their own."""
    distributor = site.distributor()
    distributor.start()
    workers: list[GreetingProcess] = []

    with Crowd(site.listener.getsockname()) as crowd:
        for _ in range(10):
            old, workers = workers, [GreetingProcess() for _ in range(2)]
            for worker in workers:
                distributor.add(worker.handover.outlet)
            for worker in old:
                distributor.remove(worker.handover.outlet)
                worker.drain()
            crowd.wait_for_more(20)

    assert crowd.answers[b""] == 0
    for worker in workers:
        distributor.remove(worker.handover.outlet)
        worker.drain()


@pytest.mark.parametrize("quarter", range(4))
def test_a_hundred_kills_cost_only_what_was_taken(site: Site, quarter: int) -> None:
    """Everyone is greeted, but for those whom a killed worker had taken and not greeted yet."""
    distributor = site.distributor()
    distributor.start()
    workers = [GreetingProcess() for _ in range(2)]
    for worker in workers:
        distributor.add(worker.handover.outlet)
    killed: list[GreetingProcess] = []

    with Crowd(site.listener.getsockname()) as crowd:
        for _ in range(25):
            fresh = GreetingProcess()
            crowd.wait_for_more(5)
            victim, workers = workers[0], [*workers[1:], fresh]
            victim.kill()
            distributor.add(fresh.handover.outlet)
            distributor.remove(victim.handover.outlet)
            killed.append(victim)

    taken = sum(victim.taken_count() for victim in killed)
    greeted = sum(crowd.answers[victim.name] for victim in killed)
    assert crowd.answers[b""] == taken - greeted
    for victim in killed:
        victim.handover.close()
    for worker in workers:
        distributor.remove(worker.handover.outlet)
        worker.drain()


def test_what_a_killed_process_has_not_taken_is_answered_by_others(site: Site) -> None:
    """It may have waited for long."""
    distributor = site.distributor()
    distributor.start()
    stopped, other = GreetingProcess(keeps=True), GreetingProcess(keeps=True)
    for worker in (stopped, other):
        distributor.add(worker.handover.outlet)
    assert {site.client().recv(10) for _ in range(2)} == {stopped.name, other.name}
    os.kill(stopped.process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, stopped.process.pid, os.WSTOPPED)

    clients = [site.client() for _ in range(40)]
    while distributor.counts() != [21, 21]:
        os.sched_yield()
    stopped.kill()
    distributor.remove(stopped.handover.outlet)

    assert [client.recv(10) for client in clients] == [other.name] * 40
    stopped.handover.close()
    distributor.remove(other.handover.outlet)
    other.drain()


def test_connections_that_stay_open_are_spread_evenly_over_processes(site: Site) -> None:
    """64 over 4 are 16 each."""
    distributor: AcceptDistributor = site.distributor()
    distributor.start()
    workers = [GreetingProcess(keeps=True) for _ in range(4)]
    for worker in workers:
        distributor.add(worker.handover.outlet)

    answers = collections.Counter(site.client().recv(10) for _ in range(64))

    assert answers == {worker.name: 16 for worker in workers}
    assert distributor.counts() == [16] * 4
    for worker in workers:
        distributor.remove(worker.handover.outlet)
        worker.drain()


def test_a_full_server_of_processes_lets_the_next_one_in(site: Site) -> None:
    """A connection that is closed in a process makes room at once."""
    distributor = site.distributor(max_connections=1)
    distributor.start()
    worker = GreetingProcess()
    distributor.add(worker.handover.outlet)

    clients = [site.client() for _ in range(50)]

    assert [client.recv(10) for client in clients] == [worker.name] * 50
    distributor.remove(worker.handover.outlet)
    worker.drain()


def test_a_process_short_of_descriptors_leaves_connections_to_others(site: Site) -> None:
    """It takes what it has room for; nobody is lost."""
    distributor = site.distributor()
    distributor.start()
    limit = 60
    short, other = GreetingProcess(keeps=True, max_descriptors=limit), GreetingProcess(keeps=True)
    for worker in (short, other):
        distributor.add(worker.handover.outlet)

    answers = collections.Counter(site.client().recv(10) for _ in range(150))

    assert answers.total() == 150
    assert 0 < answers[short.name] < limit
    assert answers[other.name] == 150 - answers[short.name]
    for worker in (short, other):
        distributor.remove(worker.handover.outlet)
        worker.drain()
