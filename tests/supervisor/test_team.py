"""Which worker gets which sockets."""

import socket
from collections.abc import Iterator

import pytest

from serverkit_supervisor import SupervisorConfig, WorkerGroup
from serverkit_supervisor.orders import Order
from serverkit_supervisor.team import make_teams
from tests.supervisor.rig import Rig, no_worker

H3 = WorkerGroup(name="h3", factory=no_worker, worker_count=2, sockets="udp")


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Three sockets, which are told apart and nothing else."""
    found = [socket.socket() for _ in range(3)]
    yield found
    for each in found:
        each.close()


def config(count: int = 2, **settings: object) -> SupervisorConfig:
    """Settings with so many workers."""
    return SupervisorConfig(worker_count=count, **settings)  # type: ignore[arg-type]


def test_who_is_handed_connections_gets_no_listening_socket(sockets: list[socket.socket]) -> None:
    """The supervisor accepts from them."""
    (team,) = make_teams(config(), (), sockets, ())

    assert team.distribute
    assert [team.sockets_of(number) for number in range(2)] == [(), ()]


def test_who_accepts_by_itself_gets_them_all(sockets: list[socket.socket]) -> None:
    """Every worker."""
    (team,) = make_teams(config(accept="share"), (), sockets, ())

    assert not team.distribute
    assert [team.sockets_of(number) for number in range(2)] == [tuple(sockets)] * 2


def test_without_sockets_nothing_is_handed_out() -> None:
    """Workers may do without."""
    (team,) = make_teams(config(), (), (), ())

    assert not team.distribute
    assert team.sockets_of(0) == ()


def test_datagram_sockets_go_to_who_asks(sockets: list[socket.socket]) -> None:
    """One each where there are as many as workers."""
    first, h3 = make_teams(config(1), (H3,), sockets[:1], sockets[1:])

    assert first.sockets_of(0) == ()
    assert [h3.sockets_of(number) for number in range(2)] == [(sockets[1],), (sockets[2],)]


def test_a_single_datagram_socket_is_for_all(sockets: list[socket.socket]) -> None:
    """However many workers there are."""
    _, h3 = make_teams(config(1), (H3,), (), sockets[:1])

    assert [h3.sockets_of(number) for number in range(2)] == [(sockets[0],)] * 2


def test_datagram_sockets_that_nobody_asks_for_go_to_the_first_group(
    sockets: list[socket.socket],
) -> None:
    """Beside the listening ones that it shares."""
    (team,) = make_teams(config(2, accept="share"), (), sockets[:1], sockets[1:])

    assert team.sockets_of(1) == (sockets[0], sockets[2])


@pytest.mark.parametrize("count", [2, 3])
def test_neither_as_many_nor_one_is_refused(sockets: list[socket.socket], count: int) -> None:
    """The message says how many there are, and for how many workers."""
    group = WorkerGroup(name="h3", factory=no_worker, worker_count=4, sockets="udp")

    with pytest.raises(
        ValueError,
        match=f"SOCKET_COUNT_MISMATCH: {count} datagram sockets for 4 workers of the group 'h3'",
    ):
        make_teams(config(), (group,), (), sockets[:count])


def test_there_is_no_worker_more_than_sockets(
    sockets: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """An order for one more is refused, and the log says why."""
    rig = Rig(2).start()
    rig.fleet.teams[0].own = tuple(sockets[:2])

    rig.order(Order.ADD_WORKER)

    assert len(rig.runners) == 2
    assert "No worker more: there is no datagram socket for it" in caplog.text
