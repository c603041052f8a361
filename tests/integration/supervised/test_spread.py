"""Connections are spread evenly over the workers."""

import sys
from collections import defaultdict
from contextlib import ExitStack

import pytest

from benchmarks import census
from tests.integration.supervised.conftest import Supervise
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.supervised import descriptors_of, reload, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
]

CONNECTIONS, WORKERS = 64, 4
type Held = dict[census.Worker, list[RawClient]]


def open_connections(
    server: ServerProcess, stack: ExitStack, count: int, *, at_once: bool = False
) -> Held:
    """Open keep-alive connections, ask once on each, and return them by who answered."""
    held: Held = defaultdict(list)
    waiting: list[RawClient] = []

    def ask(client: RawClient) -> None:
        client.send(request())
        held[census.parse(client.read_answer().body)].append(client)

    for _number in range(count):
        client = stack.enter_context(RawClient(server.address))
        if at_once:
            waiting.append(client)
        else:
            ask(client)
    for client in waiting:
        ask(client)
    return held


def unevenness(held: Held) -> float:
    """Return the most connections of a worker over the least."""
    counts = [len(clients) for clients in held.values()]
    return max(counts) / min(counts)


@pytest.mark.parametrize("at_once", [False, True], ids=["one-by-one", "at-once"])
def test_connections_are_spread_evenly(supervise: Supervise, *, at_once: bool) -> None:
    """64 keep-alive connections over 4 workers: the most is at most 1.25 times the least."""
    server = supervise(workers=WORKERS, meets_all=False)
    with ExitStack() as stack:
        held = open_connections(server, stack, CONNECTIONS, at_once=at_once)
        assert len(held) == WORKERS
        assert unevenness(held) <= 1.25


def test_the_worker_with_the_fewest_gets_the_next(supervise: Supervise) -> None:
    """Connections that end make room: who lost its connections gets those that come."""
    server = supervise(workers=WORKERS, meets_all=False)
    with ExitStack() as stack:
        held = open_connections(server, stack, CONNECTIONS)
        emptied = max(held, key=lambda worker: len(held[worker]))
        gone = held.pop(emptied)
        left = descriptors_of(emptied.pid) - len(gone)
        for client in gone:
            client.close()
        until(lambda: descriptors_of(emptied.pid) <= left, "the ends of connections to be seen")
        again = open_connections(server, stack, len(gone))
        together = {one: [*held.get(one, []), *again.get(one, [])] for one in {*held, *again}}
        assert unevenness(together) <= 1.25


def test_new_workers_share_what_comes_after_a_reload(supervise: Supervise) -> None:
    """A new generation is spread as evenly as the one before it."""
    server = supervise(workers=WORKERS)
    with ExitStack() as stack:
        open_connections(server, stack, CONNECTIONS)
        reload(server)
        held = open_connections(server, stack, CONNECTIONS)
        assert len(held) == WORKERS
        assert unevenness(held) <= 1.25
