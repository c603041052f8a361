"""Each kind of worker, under a supervisor, through all that may happen to it."""

import itertools
import os
import signal
import threading

import pytest

from serverkit_supervisor import RestartPolicy
from serverkit_supervisor.supervisor import Mode
from tests.contract.kinds import KINDS, Kind
from tests.supervisor.supervised import BOUND_S, Supervised

pytestmark = pytest.mark.slow
CASES = list(itertools.product(("thread", "process"), KINDS))
each_in_both_modes = pytest.mark.parametrize(("mode", "name"), CASES)
QUICK = RestartPolicy(backoff_s=0.05)


def is_served(served: Supervised, kind: Kind) -> bool:
    """Say whether a new client is served."""
    with served.client() as client:
        return kind.is_served(client)


@each_in_both_modes
def test_it_serves_and_stops(mode: Mode, name: str) -> None:
    """Several of them, and then none."""
    kind = KINDS[name]
    with Supervised(kind.factory, mode, worker_count=2) as served:
        assert all(is_served(served, kind) for _ in range(6))

    assert served.outcome is None


@each_in_both_modes
def test_clients_without_a_pause_are_served_through_changes(mode: Mode, name: str) -> None:
    """Reload, one more, one less, restart, recycling: no client is lost."""
    kind = KINDS[name]
    lost = []
    is_over = threading.Event()
    with Supervised(kind.factory, mode, worker_count=2, worker_lifetime=3) as served:

        def come() -> None:
            while not is_over.is_set():
                if not is_served(served, kind):
                    lost.append(1)

        client = threading.Thread(target=come)
        client.start()
        try:
            served.supervisor.graceful_reload()
            served.wait_for("reloaded")
            started = served.count("worker_started")
            served.supervisor.add_worker()
            served.wait_for("worker_started", started + 1)
            served.supervisor.remove_worker()
            served.supervisor.restart_workers()
            served.wait_for("reloaded", 2)
        finally:
            is_over.set()
            client.join(BOUND_S)

    assert lost == []
    assert served.outcome is None


@pytest.mark.parametrize("name", KINDS)
def test_one_that_is_killed_is_replaced(name: str) -> None:
    """And those that come meanwhile are served by the others."""
    kind = KINDS[name]
    with Supervised(kind.factory, "process", worker_count=2, restart=QUICK) as served:
        os.kill(served.supervisor.worker_pids[0], signal.SIGKILL)
        assert all(is_served(served, kind) for _ in range(4))
        served.wait_for("worker_started", 3)
        assert all(is_served(served, kind) for _ in range(4))

    assert served.outcome is None


@pytest.mark.parametrize("name", KINDS)
def test_a_process_that_is_told_to_end_is_replaced_first(name: str) -> None:
    """SIGTERM to a single worker asks for a fresh one in its place."""
    kind = KINDS[name]
    with Supervised(kind.factory, "process", worker_count=1) as served:
        os.kill(served.supervisor.worker_pids[0], signal.SIGTERM)
        exited = served.wait_for("worker_exited")
        assert is_served(served, kind)

    assert exited.reason == "it returned, as it was asked to"
    kinds = [event.kind for event in served.events]
    assert kinds.index("worker_exited") > kinds.index("worker_started", 1)
