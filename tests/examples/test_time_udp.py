"""The time server, examples/time_udp.py: answering, reloading, ending."""

import signal
import socket
import time

import pytest

from examples.time_udp import SECONDS_1900_TO_1970
from tests.examples.example_process import BOUND_S, example

pytestmark = pytest.mark.slow


def ask(port: int) -> int:
    """Ask for the time; give it in seconds since 1900."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(BOUND_S)
        client.sendto(b"", ("127.0.0.1", port))
        return int.from_bytes(client.recv(100))


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_it_tells_the_time_over_a_reload(mode: str) -> None:
    """Old workers and new ones answer from the same socket; the exit code is 0."""
    with example("examples.time_udp", "--mode", mode) as running:
        before = ask(running.port)
        running.tell(signal.SIGHUP)
        running.wait_for("generation 1 serves")
        after = [ask(running.port) for _ in range(10)]
        running.tell(signal.SIGTERM)
        assert running.end() == 0, "".join(running.lines)

    assert abs(before - SECONDS_1900_TO_1970 - time.time()) < BOUND_S
    assert all(0 <= each - before < 2 * BOUND_S for each in after)
