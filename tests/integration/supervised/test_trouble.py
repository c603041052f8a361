"""Two things at once: what goes wrong, or comes, while something else is under way."""

import os
import signal
import sys
from pathlib import Path

import pytest

from benchmarks import census
from benchmarks.tally import Loss
from tests.integration.conftest import Serve
from tests.integration.supervised.conftest import Supervise
from tests.integration.supervised.editable import NAME, EditableApp
from tests.support.server_process import WAIT_S
from tests.support.supervised import (
    CLIENTS,
    PACED,
    Family,
    load_on,
    meet,
    port_of,
    reload,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
]
processes = pytest.mark.parametrize("mode", ["process"])


@pytest.mark.parametrize(
    "failure",
    [
        {"on_import": "raise ValueError('no database')"},
        {"on_start": "raise ValueError('no luck')"},
        {"on_import": "import time; time.sleep(600)"},
    ],
    ids=["import", "lifespan", "hang"],
)
def test_a_reload_that_fails_loses_nothing(
    serve: Serve, tmp_path: Path, mode: str, failure: dict[str, str]
) -> None:
    """New code that does not come up costs no client an answer, be it that it fails or hangs."""
    app = EditableApp(tmp_path)
    flags = (*app.flags, "--workers", "2", "--worker-mode", mode, "--startup-timeout", "10")
    server = serve(f"{NAME}:app", "--no-access-log", *flags)
    with load_on(server, PACED) as load:
        app.write("broken", **failure)
        server.send_signal(signal.SIGHUP)
        server.wait_for_output("Reload failed")
        load.wait_for_answers(3)
    assert load.lost == []
    bodies = b"".join(body for tally in load.tallies.values() for body in tally.bodies)
    assert b'"first"' in bodies
    assert b'"broken"' not in bodies


@processes
def test_workers_killed_during_a_reload(supervise: Supervise) -> None:
    """A reload during which an old worker is killed is carried through; others lose nothing."""
    server = supervise()
    with load_on(server) as load:
        old = meet(server, 2)
        victim = min(worker.pid for worker in old)
        server.send_signal(signal.SIGHUP)
        os.kill(victim, signal.SIGKILL)
        census.until_replaced(port_of(server), old, within_s=WAIT_S)
        load.wait_for_answers(5)
        meet(server, 2)
        reload(server)
        load.wait_for_answers(3)
    assert {one.kind for one in load.lost} <= {Loss.CUT}
    assert len(load.lost) <= sum(CLIENTS.values())
    victims = {census.parse(one.last_body).pid for one in load.lost if one.last_body is not None}
    assert victims <= {victim}


def test_sigterm_during_a_reload(supervise: Supervise) -> None:
    """A server that is told to end as it reloads ends well, and so do both generations."""
    server = supervise()
    with load_on(server, PACED) as load:
        server.send_signal(signal.SIGHUP)
        load.wait_for_answers(3)
        with Family(server) as family:
            server.send_signal(signal.SIGTERM)
            assert server.wait() == 0
            assert family.living(within_s=WAIT_S) == []
    others = [
        one
        for one in load.lost
        if one.kind is not Loss.REFUSED
        and not (one.kind is Loss.CUT and one.last_body is not None and not one.received)
    ]
    assert others == []


@processes
def test_a_worker_that_is_told_to_end_is_replaced(supervise: Supervise) -> None:
    """SIGTERM to a worker, as an operator would send it, loses nothing; another takes its place."""
    server = supervise()
    with load_on(server, PACED) as load:
        told = min(worker.pid for worker in meet(server, 2))
        os.kill(told, signal.SIGTERM)
        census.until_replaced(
            port_of(server), {one for one in meet(server, 2) if one.pid == told}, within_s=WAIT_S
        )
        assert told not in {worker.pid for worker in meet(server, 2, but_not=told)}
        load.wait_for_answers(3)
    assert load.lost == []


@processes
def test_an_interrupt_of_the_terminal_ends_all_once(supervise: Supervise) -> None:
    """Ctrl-C reaches all processes of a terminal: the workers leave the end to their parent."""
    server = supervise()
    with load_on(server, PACED), Family(server) as family:
        for pid in family.pids[1:]:
            os.kill(pid, signal.SIGINT)
        meet(server, 2)
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
        assert family.living(within_s=WAIT_S) == []
    assert "Traceback" not in server.output
