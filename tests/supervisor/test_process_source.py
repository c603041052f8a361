"""What can go wrong on the way to a process: no descriptors, no room, no other end."""

import errno
import logging
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from serverkit_supervisor import process_handover, process_source
from serverkit_supervisor.contract import HandedConnection
from serverkit_supervisor.descriptor_messages import PER_MESSAGE, send_connections
from serverkit_supervisor.free_descriptors import FreeDescriptors
from serverkit_supervisor.handover import UNTAKEN, Accepted
from serverkit_supervisor.process_handover import ProcessHandover, ProcessOutlet
from serverkit_supervisor.process_source import ProcessConnectionSource
from tests.supervisor.handed import (
    accepted,
    close_all,
    handed_over,
    is_readable,
    open_descriptors,
    source_of,
)


@pytest.fixture(autouse=True)
def no_leak() -> Iterator[None]:
    """No descriptor stays open."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture
def ends() -> Iterator[tuple[ProcessOutlet, ProcessConnectionSource]]:
    """Both ends."""
    with handed_over(ProcessHandover) as (handover, source):
        assert isinstance(handover, ProcessHandover)
        assert isinstance(source, ProcessConnectionSource)
        yield handover.outlet, source


@pytest.fixture
def hoard() -> Iterator[list[int]]:
    """All the descriptors that are left; closed in the end, if they have not been."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 200, hard))
    hoard: list[int] = []
    yield hoard
    while hoard:
        os.close(hoard.pop())
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def fill(hoard: list[int], *, free: int) -> None:
    """Leave so many descriptors to be opened."""
    try:
        while True:
            hoard.append(os.dup(0))
    except OSError:
        for _ in range(free):
            os.close(hoard.pop())


def sockets_of(connections: list[HandedConnection]) -> list[socket.socket]:
    """Their sockets."""
    return [each.socket for each in connections]


@pytest.mark.parametrize("free", [0, 1, PER_MESSAGE - 1])
def test_a_process_short_of_descriptors_loses_nothing(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    hoard: list[int],
    caplog: pytest.LogCaptureFixture,
    free: int,
) -> None:
    """It leaves what waits to the supervisor, which is told; it is logged once."""
    outlet, source = ends
    clients = [accepted() for _ in range(PER_MESSAGE)]
    outlet.give([connection for _, connection in clients])
    fill(hoard, free=free)

    received = [*source.receive(), *source.receive()]
    heard = outlet.heard()
    while hoard:
        os.close(hoard.pop())

    assert (received, heard) == ([], True)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "no descriptors are left" in caplog.text
    back = outlet.take_back()
    assert len(back) == PER_MESSAGE
    outlet.give(back)
    received = source.receive()
    assert len(received) == PER_MESSAGE
    close_all(sockets_of(received))
    close_all(client for client, _ in clients)


def test_a_connection_there_was_no_room_for_is_closed_and_logged(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    hoard: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where another thread took the last ones: the client sees it, and the count stays right."""
    outlet, source = ends
    monkeypatch.setattr(FreeDescriptors, "have_room_for", lambda self, count: True)
    clients = [*(accepted() for _ in range(6)), *(accepted(surplus=True) for _ in range(2))]
    outlet.give([connection for _, connection in clients])
    fill(hoard, free=3)

    received = source.receive()
    while hoard:
        os.close(hoard.pop())

    assert len(received) == 3
    assert outlet.open_count() == 3
    assert "Lost 3 connections" in caplog.text
    assert [client.recv(1) for client, _ in clients[3:]] == [b""] * 5
    close_all(sockets_of(received))
    assert outlet.open_count() == 0
    close_all(client for client, _ in clients)


def test_what_cannot_be_taken_back_stays_on_its_way(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    hoard: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where the supervisor itself has no room: the worker may have some by then."""
    outlet, source = ends
    clients = [accepted() for _ in range(6)]
    for some in (clients[:2], clients[2:]):
        outlet.give([connection for _, connection in some])
    fill(hoard, free=3)

    back = outlet.take_back()
    while hoard:
        os.close(hoard.pop())
    received = source.receive()

    assert [len(back), len(received), outlet.open_count()] == [2, 4, 4]
    assert not caplog.records
    for connection in back:
        os.close(connection.descriptor)
    close_all(sockets_of(received))
    close_all(client for client, _ in clients)


def test_what_could_not_be_taken_back_in_the_end_is_closed_and_logged(
    hoard: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """The process is gone, and there was no room for what was on its way to it."""
    with handed_over(ProcessHandover) as (handover, source):
        source.receive()
        clients = [accepted() for _ in range(6)]
        handover.outlet.give([connection for _, connection in clients])
        fill(hoard, free=5)
        back = handover.outlet.take_back()
        while hoard:
            os.close(hoard.pop())

    assert back == []
    assert [record.getMessage() for record in caplog.records] == [
        "Lost 6 connections: no descriptors are left to take them back"
    ]
    close_all(client for client, _ in clients)


def test_the_count_stays_right_where_others_took_the_room(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    hoard: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What there was room for a moment ago is closed, and logged."""
    outlet, _ = ends
    monkeypatch.setattr(process_handover, "free_descriptors", lambda: PER_MESSAGE)
    clients = [accepted() for _ in range(6)]
    outlet.give([connection for _, connection in clients])
    fill(hoard, free=2)

    back = outlet.take_back()
    while hoard:
        os.close(hoard.pop())

    assert len(back) == 2
    assert outlet.open_count() == 0
    assert "Lost 4 connections" in caplog.text
    assert [client.recv(1) for client, _ in clients[2:]] == [b""] * 4
    for connection in back:
        os.close(connection.descriptor)
    close_all(client for client, _ in clients)


def test_connections_do_not_pass_to_other_programs(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
) -> None:
    """A program that is started by a worker or by the supervisor does not inherit them."""
    outlet, source = ends
    clients = [accepted() for _ in range(2)]
    outlet.give([connection for _, connection in clients])

    back = outlet.take_back()
    outlet.give(back[:1])
    received = sockets_of(source.receive())

    assert not os.get_inheritable(back[1].descriptor)
    assert not received[0].get_inheritable()
    os.close(back[1].descriptor)
    close_all([*received, *(client for client, _ in clients)])


def test_a_way_that_cannot_be_opened_leaves_nothing_open(hoard: list[int]) -> None:
    """Descriptors for the sockets there are, but none for what they share."""
    fill(hoard, free=2)

    with pytest.raises(OSError, match="Too many open files"):
        ProcessHandover()


def test_a_process_that_has_not_begun_can_do_so_after_its_connections_were_taken_back() -> None:
    """What it needs to begin with is not taken away."""
    handover = ProcessHandover()
    client, connection = accepted()
    handover.outlet.give([connection])

    back = handover.outlet.take_back()
    source = source_of(handover)
    handover.outlet.give(back)

    (received,) = source.receive()
    assert isinstance(source, ProcessConnectionSource)
    close_all([client, received.socket])
    assert handover.outlet.open_count() == 0
    source.close()
    source.close()
    handover.close()


CODES = [errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS]


@pytest.mark.parametrize("code", CODES)
def test_what_the_system_does_not_take_now_is_not_given(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """It stays with the giver, and can be given later."""
    outlet, source = ends
    clients = [accepted() for _ in range(PER_MESSAGE + 1)]

    def fail(sock: socket.socket, connections: list[Accepted]) -> None:
        if len(connections) < PER_MESSAGE:
            raise OSError(code, os.strerror(code))
        send_connections(sock, connections)

    connections = [connection for _, connection in clients]
    with monkeypatch.context() as patch:
        patch.setattr(process_handover, "send_connections", fail)
        taken = outlet.give(connections)
        if code == errno.EAGAIN:
            assert outlet.give(connections[taken:]) == 0
        else:
            with pytest.raises(OSError, match=os.strerror(code)):
                outlet.give(connections[taken:])

    assert taken == PER_MESSAGE
    assert outlet.open_count() == PER_MESSAGE
    assert outlet.give(connections[taken:]) == 1
    received: list[HandedConnection] = []
    while some := source.receive():
        received += some
    assert len(received) == PER_MESSAGE + 1
    close_all(sockets_of(received))
    close_all(client for client, _ in clients)


def test_an_error_while_receiving_ends_nothing(
    ends: tuple[ProcessOutlet, ProcessConnectionSource],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and what waits is received when it is over."""
    outlet, source = ends
    client, connection = accepted()
    outlet.give([connection])

    def fail(_: socket.socket) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    with monkeypatch.context() as patch:
        patch.setattr(process_source, "receive", fail)
        assert source.receive() == []
    (received,) = source.receive()

    assert "Cannot receive connections" in caplog.text
    close_all([client, received.socket])


def test_many_waiting_messages_fit(ends: tuple[ProcessOutlet, ProcessConnectionSource]) -> None:
    """The socket holds as many messages of one connection as connections may wait."""
    outlet, source = ends
    clients = []
    while True:
        client, connection = accepted()
        clients.append(client)
        if not outlet.give([connection]):
            os.close(connection.descriptor)
            break

    received: list[HandedConnection] = []
    while some := source.receive():
        received += some

    assert len(received) == len(clients) - 1 == UNTAKEN
    close_all(sockets_of(received))
    close_all(clients)


def test_without_a_supervisor_nothing_comes() -> None:
    """A worker that outlives it receives nothing, and may close what it has."""
    handover = ProcessHandover()
    source = source_of(handover)
    assert isinstance(source, ProcessConnectionSource)
    client, connection = accepted()
    handover.outlet.give([connection])
    received = sockets_of(source.receive())

    handover.close()

    assert is_readable(source.fileno())
    assert source.receive() == []
    close_all([client, *received])
    source.close()


@pytest.mark.parametrize("text", [b"", b"xx"])
def test_only_the_end_of_a_handover_is_a_source(text: bytes) -> None:
    """Any other socket is refused."""
    ours, theirs = socket.socketpair()
    ours.sendall(text)
    ours.close()

    with pytest.raises(OSError, match="no socket over which connections are handed"):
        ProcessConnectionSource(theirs)
    theirs.close()


def test_connections_received_before_the_stop_are_accepted() -> None:
    """Several come at once: `accept` gives all of them, stopped or not, then None."""
    with handed_over(ProcessHandover) as (handover, source):
        clients = [accepted() for _ in range(3)]
        handover.outlet.give([connection for _, connection in clients])

        first = source.accept()
        source.stop()
        rest = [source.accept(), source.accept()]
        last = source.accept()

        assert first is not None
        assert None not in rest
        assert last is None
        close_all([first.socket, *(each.socket for each in rest if each)])
        close_all(client for client, _ in clients)
