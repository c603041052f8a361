"""Accepting for all workers: who is given what, and when nothing is accepted."""

import collections
import contextlib
import logging
import os
import resource
import socket
from collections.abc import Iterator, Sequence

import pytest

from serverkit_supervisor.handover import Accepted
from serverkit_supervisor.thread_handover import ThreadHandover
from tests.supervisor.accepting import Site, is_answered, open_site
from tests.supervisor.handed import BOUND_S, close_all, is_readable, open_descriptors


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


def noted_gives(handover: ThreadHandover, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the size of each batch that is handed over."""
    give, gives = handover.outlet.give, []

    def note(connections: Sequence[Accepted]) -> int:
        gives.append(len(connections))
        return give(connections)

    monkeypatch.setattr(handover.outlet, "give", note)
    return gives


def test_connections_are_spread_evenly(site: Site) -> None:
    """64 that stay open over 4 workers are 16 each."""
    distributor = site.distributor()
    distributor.start()
    for number in range(4):
        handover = site.handover()
        site.worker(handover, b"%d" % number)
        distributor.add(handover.outlet)

    answers = collections.Counter(site.client().recv(10) for _ in range(64))

    assert answers == {b"0": 16, b"1": 16, b"2": 16, b"3": 16}
    assert distributor.counts() == [16] * 4


def test_those_who_wait_together_are_handed_over_together(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message and one wake for all of them: each costs more than a connection."""
    clients = [site.client() for _ in range(20)]
    handover = site.handover()
    gives = noted_gives(handover, monkeypatch)
    distributor = site.distributor()
    distributor.add(handover.outlet)
    distributor.start()

    for _ in clients:
        connection = handover.source.accept()
        assert connection is not None
        connection.socket.close()
    assert gives == [20]


def test_a_worker_that_loses_its_connections_gets_the_next(site: Site) -> None:
    """Those with the fewest open ones come first, until all have as many."""
    distributor = site.distributor()
    distributor.start()
    workers = {}
    for name in (b"a", b"b"):
        handover = site.handover()
        workers[name] = site.worker(handover, name)
        distributor.add(handover.outlet)
    for _ in range(10):
        site.client().recv(10)

    close_all(each.socket for each in workers[b"a"].taken)
    answers = [site.client().recv(10) for _ in range(5)]

    assert answers == [b"a"] * 5
    assert distributor.counts() == [5, 5]


@pytest.mark.parametrize("kind", ["inet6", "unix"])
def test_other_families_are_accepted(site: Site, tmp_path: object, kind: str) -> None:
    """What arrives is what was accepted."""
    if kind == "unix":
        other = socket.socket(socket.AF_UNIX)
        other.bind(f"{tmp_path}/s")
        other.listen()
    else:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    with other:
        site.listeners = [*site.listeners, other]
        distributor = site.distributor()
        handover = site.handover()
        distributor.add(handover.outlet)
        distributor.start()

        client = site.client(listener=1)
        connection = handover.source.accept()

        assert connection is not None
        assert (connection.listener, connection.surplus) == (1, False)
        assert connection.socket.family == other.family
        assert connection.socket.getpeername() == client.getsockname()
        connection.socket.close()


def test_without_workers_nothing_is_accepted(site: Site) -> None:
    """Clients wait in the kernel's queue, and are served by the first worker that comes."""
    distributor = site.distributor()
    distributor.start()
    first = site.handover()
    distributor.add(first.outlet)
    distributor.remove(first.outlet)
    client = site.client()
    waits = is_readable(site.listener.fileno(), BOUND_S)
    second = site.handover()
    site.worker(second, b"second")

    distributor.add(second.outlet)

    assert waits
    assert client.recv(10) == b"second"


def test_what_a_removed_worker_has_not_taken_goes_to_others(site: Site) -> None:
    """When `remove` returns, nothing waits for it and nothing will."""
    distributor = site.distributor()
    slow, other = site.handover(), site.handover()
    distributor.add(slow.outlet)
    distributor.start()
    clients = [site.client() for _ in range(10)]
    is_readable(slow.source.fileno(), BOUND_S)
    site.worker(other, b"other")

    distributor.add(other.outlet)
    distributor.remove(slow.outlet)
    distributor.remove(slow.outlet)

    assert slow.source.receive() == []
    assert slow.outlet.open_count() == 0
    clients += [site.client() for _ in range(3)]
    assert [client.recv(10) for client in clients] == [b"other"] * 13
    assert slow.source.receive() == []


def test_what_the_last_worker_has_not_taken_waits_for_the_next(site: Site) -> None:
    """Nothing that was accepted is lost while there is no worker."""
    distributor = site.distributor()
    distributor.start()
    first, second = site.handover(), site.handover()
    distributor.add(first.outlet)
    clients = [site.client() for _ in range(5)]
    is_readable(first.source.fileno(), BOUND_S)

    distributor.remove(first.outlet)
    site.worker(second, b"second")
    distributor.add(second.outlet)

    assert [client.recv(10) for client in clients] == [b"second"] * 5


def test_those_that_are_too_many_are_held(site: Site) -> None:
    """They wait in the kernel's queue, and each comes in as soon as another one leaves."""
    distributor = site.distributor(max_connections=2)
    handover = site.handover()
    worker = site.worker(handover, b"x")
    distributor.add(handover.outlet)
    distributor.start()

    clients = [site.client() for _ in range(5)]
    answers = [client.recv(10) for client in clients[:2]]
    held = is_readable(site.listener.fileno(), BOUND_S) and not any(map(is_answered, clients[2:]))
    for index in range(2, 5):
        worker.taken[index - 2].socket.close()
        answers.append(clients[index].recv(10))
        assert distributor.counts() == [2]

    assert held
    assert answers == [b"x"] * 5
    assert not any(connection.surplus for connection in worker.taken)


def test_those_that_are_too_many_can_be_refused(site: Site) -> None:
    """They are handed over as surplus, and do not count."""
    distributor = site.distributor(max_connections=2, when_full="refuse")
    handover = site.handover()
    worker = site.worker(handover, b"x")
    distributor.add(handover.outlet)
    distributor.start()

    for _ in range(4):
        site.client().recv(10)
    surplus = [connection.surplus for connection in worker.taken]
    worker.taken[0].socket.close()
    site.client().recv(10)

    assert surplus == [False, False, True, True]
    assert worker.taken[4].surplus is False
    assert distributor.counts() == [2]


@pytest.mark.parametrize("by", ["its connections", "its end"])
def test_connections_of_workers_that_leave_count_towards_the_bound(site: Site, by: str) -> None:
    """Until they are closed, or the worker is gone with them."""
    distributor = site.distributor(max_connections=1)
    old, new = site.handover(), site.handover()
    worker = site.worker(old, b"old")
    distributor.add(old.outlet)
    distributor.start()
    site.client().recv(10)

    distributor.remove(old.outlet)
    site.worker(new, b"new")
    distributor.add(new.outlet)
    client = site.client()
    held = is_readable(site.listener.fileno(), BOUND_S) and not is_answered(client)
    worker.close() if by == "its connections" else old.close()

    assert held
    assert client.recv(10) == b"new"


def test_a_worker_that_takes_nothing_holds_up_nobody(site: Site) -> None:
    """It is given one, then nothing is accepted for it alone; the others go to other workers."""
    distributor = site.distributor()
    stuck, other = site.handover(), site.handover()
    distributor.add(stuck.outlet)
    distributor.start()
    first = site.client()
    assert is_readable(stuck.source.fileno(), BOUND_S)
    clients = [site.client() for _ in range(20)]
    assert not any(is_answered(client) for client in clients)
    assert stuck.outlet.untaken_count() == 1

    site.worker(other, b"other")
    distributor.add(other.outlet)
    answered: set[int] = set()
    while len(answered) < 10:  # Its share: nobody knows yet that the first worker is stuck.
        answered |= {client.fileno() for client in clients if is_answered(client)}
    distributor.remove(stuck.outlet)

    assert [client.recv(10) for client in (first, *clients)] == [b"other"] * 21


def test_what_comes_while_all_are_busy_is_handed_over_together(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a busy worker waits in the kernel, until one has taken what it was given."""
    handover = site.handover()
    gives = noted_gives(handover, monkeypatch)
    distributor = site.distributor()
    distributor.add(handover.outlet)
    distributor.start()
    for _ in range(3):
        site.client()
        assert is_readable(handover.source.fileno(), BOUND_S)
        for _ in range(20):
            site.client()
        for _ in range(2):
            assert is_readable(handover.source.fileno(), BOUND_S)
            close_all(each.socket for each in handover.source.receive())

    assert gives == [1, 20] * 3


def test_without_descriptors_clients_wait(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Accepting pauses, says so once, and goes on when there are some again."""
    distributor = site.distributor()
    handover = site.handover()
    site.worker(handover, b"x")
    distributor.add(handover.outlet)
    distributor.start()
    site.client().recv(10)
    clients = [socket.socket() for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (clients[-1].fileno() + 1, hard))
    try:
        hoard = []
        with contextlib.suppress(OSError):
            while True:
                hoard.append(os.dup(0))
        for client in clients:
            client.settimeout(BOUND_S)
            client.connect(site.listeners[0].getsockname())
        while len(caplog.records) < 1:
            assert not is_answered(clients[0])
        rest_until = distributor._intake.rests_until
        while distributor._intake.rests_until == rest_until:
            assert not is_answered(clients[0])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in hoard:
            os.close(descriptor)

    assert [client.recv(10) for client in clients] == [b"x"] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "Cannot accept connections (Too many open files)" in caplog.text
    close_all(clients)


def test_closing_wakes_nobody_who_does_not_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle distributor does nothing at all, whatever its workers do."""
    distributor = site.distributor(max_connections=100)
    handover = site.handover()
    worker = site.worker(handover, b"x")
    distributor.add(handover.outlet)
    distributor.start()
    for _ in range(50):
        site.client().recv(10)
    timeouts: list[float | None] = []
    select = distributor._selector.select

    def record(timeout: float | None = None) -> object:
        timeouts.append(timeout)
        return select(timeout)

    monkeypatch.setattr(distributor._selector, "select", record)
    close_all(each.socket for each in worker.taken)
    site.client().recv(10)

    # One look whether another waits, one wait for the next; the wait before began earlier.
    assert len(timeouts) <= 4
    assert {each for each in timeouts if each} == set()
