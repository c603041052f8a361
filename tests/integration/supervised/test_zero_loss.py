"""What is done to a server on purpose costs no client an answer."""

import signal
import sys
from pathlib import Path

import pytest

from benchmarks import census
from benchmarks.tally import Loss
from tests.integration.supervised.conftest import Supervise
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import (
    PACED,
    load_on,
    meet,
    port_of,
    reload,
    slow_requests,
    until,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
]


def workers_seen(server: ServerProcess) -> int:
    """Return how many workers answer on many connections at once."""
    return len(census.ask_at_once(port_of(server)))


def until_workers(server: ServerProcess, count: int) -> None:
    """Wait until so many workers answer, no more and no less."""
    until(lambda: workers_seen(server) == count, f"{count} workers")


def test_reloads_lose_nothing(supervise: Supervise) -> None:
    """SIGHUP five times under clients at full speed: every request is answered, each time anew."""
    server = supervise()
    with load_on(server) as load:
        for _number in range(5):
            reload(server)
            load.wait_for_answers(3)
    assert load.lost == []
    generations = {
        census.parse(body).generation for tally in load.tallies.values() for body in tally.bodies
    }
    assert len(generations) >= 6


def test_reloads_in_quick_succession_lose_nothing(supervise: Supervise) -> None:
    """SIGHUP during a reload: new code serves in the end, and nothing is lost."""
    server = supervise()
    with load_on(server) as load:
        old = meet(server, 2)
        for _number in range(5):
            server.send_signal(signal.SIGHUP)
            load.wait_for_answers(2)
        census.until_replaced(port_of(server), old, within_s=WAIT_S)
        load.wait_for_answers(3)
    assert load.lost == []


def test_more_and_fewer_workers_lose_nothing(supervise: Supervise) -> None:
    """SIGTTIN adds a worker and SIGTTOU takes one away under load, and nobody notices."""
    server = supervise()
    with load_on(server, PACED) as load:
        for number in (signal.SIGTTIN, signal.SIGTTIN):
            before = workers_seen(server)
            server.send_signal(number)
            meet(server, before + 1)
        for number in (signal.SIGTTOU, signal.SIGTTOU):
            before = workers_seen(server)
            server.send_signal(number)
            until_workers(server, before - 1)
        load.wait_for_answers(3)
    assert load.lost == []
    assert workers_seen(server) == 2


def test_sigterm_answers_what_was_accepted(supervise: Supervise, calls: Path) -> None:
    """SIGTERM under load: what was sent is answered, no connection is reset, the exit is 0."""
    server = supervise("--shutdown-timeout", "60")
    with slow_requests(server, calls, 20, ms=1500) as clients, load_on(server) as load:
        load.wait_for_answers(3)
        server.send_signal(signal.SIGTERM)
        for client in clients:
            assert client.read_answer().status == 200
        assert server.wait() == 0
    # Who asks on after the server has gone is refused. Who asks on a connection just as the server
    # closes it can't know more than that it was not answered; all others were.
    others = [
        one
        for one in load.lost
        if one.kind is not Loss.REFUSED
        and not (one.kind is Loss.CUT and one.last_body is not None and not one.received)
    ]
    assert others == []


def test_requests_in_work_outlive_their_generation(
    supervise: Supervise, calls: Path, tmp_path: Path
) -> None:
    """A slow request that the old workers have is answered by them after the new ones serve."""
    server = supervise("--reload-timeout", "600")
    old = meet(server, 2)
    gate = tmp_path / "gate"
    with slow_requests(server, calls, 8, until_there=gate) as clients:
        reload(server)
        gate.touch()
        answered = set()
        for client in clients:
            answer = client.read_answer()
            assert answer.status == 200
            assert answer.closes, "the worker that is leaving tells its client so"
            answered.add(census.parse(answer.body))
    assert answered == set(old)
