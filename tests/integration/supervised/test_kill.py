"""What SIGKILL costs: what the killed worker had in work, and nothing else."""

import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import census
from benchmarks.tally import Loss
from tests.integration.supervised.conftest import Supervise
from tests.support.probe import request
from tests.support.raw_client import ConnectionEnded, RawClient
from tests.support.server_process import WAIT_S, ServerProcess
from tests.support.supervised import (
    CLIENTS,
    Family,
    calls_noted,
    load_on,
    meet,
    port_of,
    slow_requests,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
]
LAST_WORDS = {"process": "SIGKILL", "thread": "Event loop stopped"}
processes = pytest.mark.parametrize("mode", ["process"])


def die(server: ServerProcess, mode: str) -> None:
    """Have a worker end itself, as soon as there is one."""
    with RawClient(server.address) as client:
        client.send_what_is_taken(request("/die" if mode == "process" else "/die?thread"))
        client.read_to_end()


@processes
def test_a_killed_worker_takes_only_its_own_with_it(supervise: Supervise) -> None:
    """SIGKILL under load: requests in work in that process are lost, all others answered."""
    server = supervise(workers=3)
    with load_on(server) as load:
        victims, met = [], set()
        for _number in range(2):
            victim = min(worker.pid for worker in meet(server, 3))
            victims.append(victim)
            os.kill(victim, signal.SIGKILL)
            met |= {worker.pid for worker in meet(server, 3, but_not=victim)}
            load.wait_for_answers(5)
    assert {one.kind for one in load.lost} <= {Loss.CUT}
    assert len(load.lost) <= len(victims) * sum(CLIENTS.values())
    elsewhere = [
        one
        for one in load.lost
        if one.last_body is not None and census.parse(one.last_body).pid not in victims
    ]
    assert elsewhere == []
    assert len(met | set(victims)) == 5, "both replacements serve"


@processes
def test_slow_requests_elsewhere_outlive_a_killed_worker(supervise: Supervise, calls: Path) -> None:
    """Of slow requests over all workers exactly those of the killed one are lost."""
    server = supervise(workers=3)
    with slow_requests(server, calls, 12, ms=2000) as clients:
        victim = min(calls_noted(calls))
        os.kill(victim, signal.SIGKILL)
        answered: Counter[int] = Counter()
        for client in clients:
            try:
                answered[census.parse(client.read_answer().body).pid] += 1
            except ConnectionEnded:
                answered[victim] += 1
    assert answered == Counter(calls_noted(calls))
    assert len(answered) == 3
    assert victim not in {worker.pid for worker in meet(server, 3, but_not=victim)}


@processes
def test_workers_leave_when_the_parent_is_killed(supervise: Supervise, calls: Path) -> None:
    """No worker outlives its parent, though a request would hold it up, and the port is free."""
    server = supervise("--shutdown-timeout", "600")
    with Family(server) as family, slow_requests(server, calls, 1, ms=600_000):
        assert len(family.pids) >= 3
        server.send_signal(signal.SIGKILL)
        assert family.living(within_s=WAIT_S) == []
        with socket.create_server(("127.0.0.1", port_of(server))):
            pass


def test_a_second_sigterm_ends_at_once(supervise: Supervise, calls: Path) -> None:
    """The second SIGTERM waits for no request, takes all workers along, and the exit code tells."""
    server = supervise("--shutdown-timeout", "600")
    with Family(server) as family, slow_requests(server, calls, 1, ms=600_000):
        server.send_signal(signal.SIGTERM)
        server.wait_for_output("(?i)stopping")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 1
        assert family.living(within_s=WAIT_S) == []


def test_a_worker_that_crashes_is_replaced(supervise: Supervise, mode: str) -> None:
    """After a crash the replacement serves, and the log says what the end was."""
    server = supervise()
    die(server, mode)
    server.wait_for_output(LAST_WORDS[mode])
    meet(server, 2)
    assert server.stop(signal.SIGTERM) == 0


def test_a_crash_loop_ends_with_the_reason(supervise: Supervise, mode: str) -> None:
    """Workers that crash again and again end the server with exit code 1 and the last reason."""
    server = supervise("--restart-budget", "1", workers=1)
    for _number in range(2):
        die(server, mode)
    assert server.wait() == 1
    assert any(LAST_WORDS[mode] in line for line in server.output.splitlines()[-5:])
