"""A server that runs out of descriptors waits for some, says so once, and goes on to serve."""

import socket

import pytest

from tests.support.server_process import WAIT_S, ServerProcess

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLIENTS = 100


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_running_out_of_descriptors_is_survived(loop: str) -> None:
    """Clients beyond the limit wait; they are served when others leave; the log has one line."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    with ServerProcess("tests.support.apps.few_descriptors:app", "--loop", loop) as server:
        address = server.address
        assert isinstance(address, tuple)
        clients = [socket.create_connection(address, WAIT_S) for _ in range(CLIENTS)]
        server.wait_for_output("Cannot accept connections")
        clients[0].sendall(REQUEST)
        assert clients[0].recv(1000).startswith(b"HTTP/1.1 204 "), "who is connected is served"
        last = clients.pop()
        for client in clients:
            client.close()
        last.sendall(REQUEST)
        assert last.recv(1000).startswith(b"HTTP/1.1 204 "), "who had to wait is served at last"
        last.close()
        assert server.stop() == 0
        assert server.output.count("Cannot accept connections") == 1
        assert "Traceback" not in server.output
