"""Finding who holds a port."""

import os
import socket
from pathlib import Path

import pytest

from serverkit_server.port_holder import find_port_holder

needs_proc = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="this system does not show its sockets in /proc"
)


@needs_proc
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_names_the_process(host: str) -> None:
    """Who listens on a port, of either family, is found and named with its process id."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"{host} is no address of this machine")
        port = listener.getsockname()[1]
        assert find_port_holder(port) == ""  # bound, but not listening yet
        listener.listen()
        assert find_port_holder(port).startswith(f"process {os.getpid()} (")
    assert find_port_holder(port) == ""


def test_finds_nothing_where_there_is_nothing_to_see(tmp_path: Path) -> None:
    """Without /proc there is no answer, and no error either."""
    assert find_port_holder(80, proc=tmp_path) == ""
