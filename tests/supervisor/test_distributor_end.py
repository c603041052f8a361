"""How accepting for all workers begins, fails and ends."""

import errno
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from serverkit_supervisor.distributor import AcceptDistributor
from serverkit_supervisor.handover import LISTENERS, UNTAKEN, Accepted
from serverkit_supervisor.listening import Listener
from serverkit_supervisor.spread import Spread
from tests.supervisor.accepting import Site, open_site
from tests.supervisor.handed import BOUND_S, close_all, open_descriptors


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


def test_a_failure_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends and says why; started again it goes on where it ended."""
    distributor = site.distributor()
    handover = site.handover()
    site.worker(handover, b"x")
    distributor.add(handover.outlet)

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(Spread, "_give", fail)
        distributor.start()
        client = site.client()
        site.ended.wait()
        failure, was_running = distributor.failure, distributor.is_running

    distributor.start()

    assert isinstance(failure, RuntimeError)
    assert not was_running
    assert client.recv(10) == b"x"
    assert site.client().recv(10) == b"x"
    assert distributor.is_running
    assert distributor.failure is None


def test_a_listening_socket_that_fails_ends_it(site: Site) -> None:
    """What is wrong with more than one connection, and no shortage, is a failure."""
    distributor = site.distributor()
    handover = site.handover()
    distributor.add(handover.outlet)
    distributor.start()

    site.listener.shutdown(socket.SHUT_RDWR)
    site.ended.wait()

    assert isinstance(distributor.failure, OSError)
    with pytest.raises(OSError, match="Invalid argument"):
        distributor.stop(within_s=0)


def test_without_a_thread_it_does_not_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give none; then it can be started later."""
    distributor = site.distributor()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="new thread"):
            distributor.start()
        was_running = distributor.is_running
    distributor.start()

    assert not was_running
    assert distributor.is_running


def test_the_kernels_queue_is_handed_out_at_the_stop(site: Site) -> None:
    """Also what is too much: it is handed over as surplus, for the worker to refuse it."""
    distributor = site.distributor(max_connections=2)
    handover = site.handover()
    distributor.add(handover.outlet)
    distributor.start()
    clients = [site.client() for _ in range(100)]

    distributor.stop(within_s=BOUND_S)
    distributor.stop(within_s=BOUND_S)

    received = handover.source.receive()
    assert [connection.surplus for connection in received] == [False] * 2 + [True] * 98
    assert not distributor.is_running
    assert distributor.failure is None
    site.ended.wait()
    assert site.ended.count() == 0
    close_all([*clients, *(connection.socket for connection in received)])


def test_the_stop_waits_for_workers_that_have_no_room(site: Site) -> None:
    """What does not fit at once is given as soon as it does."""
    distributor = site.distributor()
    handover = site.handover()
    distributor.add(handover.outlet)
    distributor.start()
    clients = [site.client() for _ in range(UNTAKEN + 50)]

    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(distributor.stop, within_s=BOUND_S)
        while handover.outlet.untaken_count() < UNTAKEN:
            assert not stopped.done()
        site.worker(handover, b"x")
        stopped.result(BOUND_S)

    assert [client.recv(10) for client in clients] == [b"x"] * len(clients)


def test_the_stop_is_bounded(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What no worker takes in time is closed, and said."""
    distributor = site.distributor()
    handover = site.handover()
    distributor.add(handover.outlet)
    distributor.start()
    clients = [site.client() for _ in range(UNTAKEN + 3)]

    distributor.stop(within_s=0.01)

    # The others wait in the kernel's queue still: they are not accepted to be closed.
    assert re.search("Closed [123] connections that no worker could take", caplog.text)
    assert handover.outlet.open_count() == UNTAKEN
    close_all(clients)


def test_the_stop_waits_out_a_shortage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors may come free while there is time."""
    distributor = site.distributor()
    handover = site.handover()
    distributor.add(handover.outlet)
    (listener,) = distributor._intake._listeners
    failures = [OSError(errno.EMFILE, "Too many open files")] * 2
    accept = listener.accept_into

    def accept_into(_: Listener, accepted: list[Accepted], count: int, room: float) -> bool:
        if failures:
            raise failures.pop()
        return accept(accepted, count, room)

    monkeypatch.setattr(Listener, "accept_into", accept_into)
    site.client()

    distributor.stop(within_s=BOUND_S)

    (connection,) = handover.source.receive()
    connection.socket.close()


def test_a_stop_without_workers_accepts_nothing(site: Site) -> None:
    """Who waits in the kernel's queue is left to the owner of the socket."""
    distributor = site.distributor()
    distributor.start()
    client = site.client()

    distributor.stop(within_s=BOUND_S)

    site.listener.settimeout(BOUND_S)
    connection, _ = site.listener.accept()
    assert connection.getpeername() == client.getsockname()
    connection.close()


@pytest.mark.parametrize("fails", [True, False])
def test_a_stop_sweeps_though_the_thread_does_not_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """Never started, or ended by a failure."""
    distributor = site.distributor()
    handover = site.handover()
    distributor.add(handover.outlet)
    if fails:
        with monkeypatch.context() as patch:
            patch.setattr(distributor, "_take_turn", lambda: 1 / 0)
            distributor.start()
            site.ended.wait()
    site.client()

    distributor.stop(within_s=BOUND_S)

    (connection,) = handover.source.receive()
    connection.socket.close()
    with pytest.raises(RuntimeError, match="not after its stop"):
        distributor.start()


def test_workers_removed_after_the_stop_leave_theirs_to_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """And the last one's are closed, as nobody is left."""
    distributor = site.distributor()
    first, second = site.handover(), site.handover()
    for handover in (first, second):
        distributor.add(handover.outlet)
    distributor.start()
    client = site.client()
    distributor.stop(within_s=BOUND_S)

    distributor.remove(first.outlet)
    counts = distributor.counts()
    distributor.remove(second.outlet)

    assert counts == [1]
    assert client.recv(1) == b""
    assert "Closed 1 connections" in caplog.text


def test_it_runs_once_at_a_time(site: Site) -> None:
    """A second start is an error of the caller."""
    distributor = site.distributor()
    distributor.start()

    with pytest.raises(RuntimeError, match="once at a time"):
        distributor.start()

    assert distributor.is_running


def test_what_cannot_be_distributed_is_refused(site: Site) -> None:
    """At the construction, and nothing stays open."""
    with socket.socket() as silent, pytest.raises(ValueError, match="does not listen"):
        AcceptDistributor([site.listener, silent])
    with pytest.raises(ValueError, match="256"):
        AcceptDistributor([site.listener] * (LISTENERS + 1))
    with pytest.raises(ValueError, match="max_connections"):
        AcceptDistributor([site.listener], max_connections=-1)


def test_the_listening_sockets_stay_open(site: Site) -> None:
    """They belong to somebody else."""
    distributor = site.distributor()
    distributor.start()
    distributor.stop(within_s=0)

    site.client()
    site.listener.settimeout(BOUND_S)
    site.listener.accept()[0].close()


def test_a_connection_that_failed_before_it_was_accepted_is_passed_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is accepted at once."""
    errors = [ConnectionAbortedError(103, "aborted"), OSError(71, "protocol")]

    class Fake:
        """Accepts what it is told."""

        def __call__(self) -> tuple[int, None]:
            raise errors.pop() if errors else BlockingIOError

    distributor = site.distributor()
    (each,) = distributor._intake._listeners
    monkeypatch.setattr(type(each), "_accept", Fake(), raising=False)
    accepted: list[Accepted] = []

    assert each.accept_into(accepted, 10, 10) is True
    assert (accepted, errors) == ([], [])
