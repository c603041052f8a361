"""Connections on their way to a worker: the same promises in threads and in processes."""

import socket
import threading
from collections.abc import Iterator

import pytest

from serverkit_supervisor.contract import ConnectionSource
from serverkit_supervisor.handover import UNTAKEN, Accepted, Outlet, counted
from serverkit_supervisor.process_handover import ProcessHandover
from serverkit_supervisor.process_source import ProcessConnectionSource
from serverkit_supervisor.thread_handover import ThreadHandover
from tests.supervisor.handed import (
    BOUND_S,
    Changes,
    EchoWorker,
    Handover,
    accepted,
    close_all,
    handed_over,
    is_readable,
    open_descriptors,
)


@pytest.fixture(autouse=True)
def no_leak() -> Iterator[None]:
    """No descriptor stays open."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture(params=[ThreadHandover, ProcessHandover])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Handover, ConnectionSource]]:
    """Both ends of each kind of way."""
    with handed_over(request.param) as both:
        yield both


@pytest.fixture
def outlet(ends: tuple[Handover, ConnectionSource]) -> Outlet:
    """The distributor's end."""
    return ends[0].outlet


@pytest.fixture
def source(ends: tuple[Handover, ConnectionSource]) -> ConnectionSource:
    """The worker's end."""
    return ends[1]


def give(outlet: Outlet, count: int, **fields: bool) -> list[socket.socket]:
    """Give connections; return the clients of those that were taken, and close the others."""
    clients = [accepted(**fields) for _ in range(count)]
    taken = outlet.give([connection for _, connection in clients])
    for client, connection in clients[taken:]:
        socket.close(connection.descriptor)
        client.close()
    return [client for client, _ in clients[:taken]]


def receive_all(source: ConnectionSource) -> list[socket.socket]:
    """Receive as often as the source says that there is something."""
    received: list[socket.socket] = []
    while is_readable(source.fileno()) and (some := source.receive()):
        received += [each.socket for each in some]
    return received


def test_what_is_given_is_received(outlet: Outlet, source: ConnectionSource) -> None:
    """Connections arrive in order, with all that is said of them."""
    clients = [accepted(listener=7), accepted(surplus=True), accepted(listener=255)]

    taken = outlet.give([connection for _, connection in clients])
    received = source.receive()

    assert taken == 3
    assert [(each.listener, each.surplus) for each in received] == [
        (7, False),
        (0, True),
        (255, False),
    ]
    for number, ((client, _), each) in enumerate(zip(clients, received, strict=True)):
        each.socket.send(b"%d" % number)
        assert client.recv(10) == b"%d" % number
        assert each.socket.gettimeout() == 0
        each.socket.close()
        assert client.recv(10) == b""
        client.close()


def test_the_source_is_readable_while_connections_wait(
    outlet: Outlet, source: ConnectionSource
) -> None:
    """A loop that watches it is woken, and not longer than needed."""
    before = is_readable(source.fileno())
    clients = give(outlet, 2)
    between = is_readable(source.fileno())
    received = receive_all(source)

    assert (before, between, is_readable(source.fileno())) == (False, True, False)
    assert source.receive() == []
    close_all([*received, *clients])


def test_those_that_are_closed_are_not_open(outlet: Outlet, source: ConnectionSource) -> None:
    """The count is exact: from the giving to the closing, surplus ones apart."""
    counts = [outlet.open_count()]
    clients = give(outlet, 3)
    clients += give(outlet, 2, surplus=True)
    counts.append(outlet.open_count())
    received = receive_all(source)
    counts.append(outlet.open_count())
    for each in received:
        each.close()
        counts.append(outlet.open_count())

    assert counts == [0, 3, 3, 2, 1, 0, 0, 0]
    close_all(clients)


def test_what_was_not_taken_can_be_taken_back(outlet: Outlet, source: ConnectionSource) -> None:
    """The worker never sees it, it does not count, and it can be given again."""
    clients = give(outlet, 1)
    taken = receive_all(source)
    clients += give(outlet, 40)
    clients += give(outlet, 2, surplus=True)

    back = outlet.take_back()

    assert len(back) == 42
    assert counted(back) == 40
    assert receive_all(source) == []
    assert outlet.open_count() == 1
    assert outlet.take_back() == []
    assert outlet.give(back) == 42
    taken += receive_all(source)
    assert len(taken) == 43
    assert outlet.open_count() == 41
    close_all([*clients, *taken])


def test_no_more_wait_than_the_bound(outlet: Outlet, source: ConnectionSource) -> None:
    """A worker that takes nothing gets no more; one that takes gets the next ones."""
    clients = give(outlet, UNTAKEN + 5)
    full = len(clients)
    more = give(outlet, 1)
    taken = receive_all(source)
    again = give(outlet, 1)

    assert (full, len(more), len(again)) == (UNTAKEN, 0, 1)
    close_all([*clients, *again, *taken, *receive_all(source)])


@pytest.mark.parametrize(
    ("act", "or_closed"),
    [("take", True), ("take", False), ("close", True), ("end", True), ("end", False)],
)
def test_a_change_is_told_once_when_it_is_wanted(
    ends: tuple[Handover, ConnectionSource],
    act: str,
    or_closed: bool,  # noqa: FBT001  one of two cases
) -> None:
    """Who waits for room hears of a connection that was taken or closed, and of the end."""
    handover, source = ends
    outlet, changes = handover.outlet, Changes()
    clients = give(outlet, 2)
    received = receive_all(source)
    clients += give(outlet, 1)
    hears = outlet.fileno() >= 0 and act != "end"
    quiet = not changes.count() and not (hears and is_readable(outlet.fileno()))

    outlet.call_when_changed(changes, or_closed=or_closed)
    if act == "take":
        received += receive_all(source)
    elif act == "close":
        received.pop().close()
    else:
        handover.close()
    if hears:
        told = is_readable(outlet.fileno(), BOUND_S)
        assert outlet.heard() is False
    else:
        told = changes.count() == 1
    close_all(received)

    assert quiet
    assert told
    assert changes.count() == (0 if hears else 1)
    assert not (hears and is_readable(outlet.fileno()))
    close_all(clients)


def test_who_waits_for_a_taking_hears_of_nothing_else(
    outlet: Outlet, source: ConnectionSource
) -> None:
    """Connections are closed far more often; what is taken later is told all the same."""
    changes = Changes()
    clients = give(outlet, 2)
    received = receive_all(source)
    outlet.call_when_changed(changes, or_closed=False)
    hears = outlet.fileno() >= 0

    close_all(received)
    told_of_closing = changes.count() or (hears and is_readable(outlet.fileno()))
    clients += give(outlet, 1)
    assert outlet.untaken_count() == 1
    close_all(receive_all(source))
    told_of_taking = is_readable(outlet.fileno(), BOUND_S) if hears else changes.count() == 1

    assert outlet.untaken_count() == 0
    assert not told_of_closing
    assert told_of_taking
    assert outlet.heard() is False
    close_all(clients)


def test_after_close_nothing_is_taken(ends: tuple[Handover, ConnectionSource]) -> None:
    """What waits is closed, nothing counts, and what is given stays with the giver."""
    handover, source = ends
    clients = give(handover.outlet, 2)
    if isinstance(source, ProcessConnectionSource):
        source.close()  # The worker is gone.

    handover.close()
    handover.close()

    assert [client.recv(1) for client in clients] == [b"", b""]
    assert handover.outlet.open_count() == 0
    assert handover.outlet.take_back() == []
    assert handover.outlet.heard() is False
    assert handover.outlet.fileno() == -1
    assert give(handover.outlet, 1) == []
    close_all(clients)


def test_connections_that_outlive_the_handover_are_closed_quietly(
    ends: tuple[Handover, ConnectionSource],
) -> None:
    """A worker that could not be stopped may close its connections at any time."""
    handover, source = ends
    clients = give(handover.outlet, 1)
    received = receive_all(source)
    handover.outlet.call_when_changed(Changes(), or_closed=True)

    handover.close()
    close_all(received)

    assert clients[0].recv(1) == b""
    close_all(clients)


def test_a_worker_of_threads_accepts(outlet: Outlet, source: ConnectionSource) -> None:
    """`accept` waits for a connection, in several threads at once; each gets its own."""
    workers = [EchoWorker(source, b"%d" % number) for number in range(3)]

    clients = [client for _ in range(10) for client in give(outlet, 4)]

    answers = [client.recv(10) for client in clients]
    assert set(answers) <= {b"0", b"1", b"2"}
    assert len(answers) == 40
    assert outlet.open_count() == 40
    for worker in workers:
        worker.close()
    assert outlet.open_count() == 0
    close_all(clients)


def test_a_worker_that_waits_is_stopped(source: ConnectionSource) -> None:
    """`accept` returns None in all threads, those that wait and those that come later."""
    workers = [EchoWorker(source) for _ in range(3)]

    source.stop()
    for worker in workers:
        worker.close()

    assert source.accept() is None


def test_what_waits_at_the_stop_is_accepted_first(outlet: Outlet, source: ConnectionSource) -> None:
    """Nobody else would serve it."""
    clients = give(outlet, 3)

    source.stop()
    found = [source.accept() for _ in range(4)]

    assert [each is None for each in found] == [False, False, False, True]
    close_all([*clients, *(each.socket for each in found if each)])


def test_giving_and_closing_from_many_threads_keeps_the_count(
    outlet: Outlet, source: ConnectionSource
) -> None:
    """Nothing is lost between threads that take and close and the one that gives."""

    def serve(connection: object) -> None:
        connection.socket.send(b"x")  # type: ignore[attr-defined]
        connection.socket.close()  # type: ignore[attr-defined]

    workers = [EchoWorker(source, serve=serve) for _ in range(4)]
    rounds = 50

    answers = []
    for _ in range(rounds):
        clients = give(outlet, 10)
        answers += [client.recv(10) for client in clients]
        answers += [client.recv(10) for client in clients]
        close_all(clients)

    assert answers.count(b"x") == answers.count(b"") == rounds * 10
    for worker in workers:
        worker.close()
    assert outlet.open_count() == 0


def test_taking_back_is_exact_while_the_worker_takes(
    outlet: Outlet, source: ConnectionSource
) -> None:
    """Each connection is with one of the two: the worker has it, or it came back."""
    ended = threading.Event()
    received: list[socket.socket] = []

    def take() -> None:
        while not ended.is_set():
            received.extend(receive_all(source))

    taker = threading.Thread(target=take)
    taker.start()
    clients: list[socket.socket] = []
    back: list[Accepted] = []
    for _ in range(300):
        clients += give(outlet, 7)
        back += outlet.take_back()
    ended.set()
    taker.join(BOUND_S)
    received += receive_all(source)

    assert len(received) + len(back) == len(clients)
    assert outlet.open_count() == len(received)
    for number, each in enumerate([*received, *[socket.socket(fileno=b.descriptor) for b in back]]):
        each.send(b"%d" % number)
        each.close()
    answers = {client.recv(10) for client in clients}
    assert len(answers) == len(clients)
    close_all(clients)


def test_who_waits_when_it_is_closed_does_not_wait_for_a_stranger() -> None:
    """A thread in `accept` is let go before its descriptor is closed, and used by somebody else."""
    for _ in range(100):
        handover = ThreadHandover()
        waiting = threading.Thread(target=handover.source.accept, daemon=True)
        waiting.start()
        handover.close()
        stranger = socket.socketpair()  # has the number of the descriptor now
        waiting.join(BOUND_S)
        for end in stranger:
            end.close()
        assert not waiting.is_alive()
