"""What a server has open does not grow with what is done to it."""

import os
import signal
import sys

import pytest

from tests.integration.supervised.conftest import Supervise
from tests.support.supervised import (
    PACED,
    descriptors_of,
    load_on,
    meet,
    reload,
    threads_of,
    until,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it watches processes by /proc"),
]


def test_reloads_and_crashes_leave_nothing_behind(supervise: Supervise, mode: str) -> None:
    """After each round of load, a reload and a crash the parent has no more files and threads."""
    server = supervise()

    def round_of_trouble() -> None:
        with load_on(server, PACED) as load:
            reload(server)
            load.wait_for_answers(3)
            if mode == "process":
                victim = min(worker.pid for worker in meet(server, 2))
                os.kill(victim, signal.SIGKILL)
                meet(server, 2, but_not=victim)

    round_of_trouble()
    lowest = {"files": descriptors_of(server.pid), "threads": threads_of(server.pid)}

    def settled() -> bool:
        files, threads = descriptors_of(server.pid), threads_of(server.pid)
        return files <= lowest["files"] and threads <= lowest["threads"]

    for _number in range(2):
        round_of_trouble()
        until(settled, f"no more than {lowest} after a round")
    assert server.stop(signal.SIGTERM) == 0
