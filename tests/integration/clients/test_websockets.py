"""The `websockets` client: what it offers beside what the tests of the frameworks use."""

import tempfile
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests.integration.clients.conftest import APP
from tests.integration.conftest import Serve
from tests.support.probe import fresh_name
from tests.support.server_process import ServerProcess
from tests.support.websocket import Dialer

OFFERS: dict[str, dict[str, Any]] = {
    "no-context": {"client_no_context_takeover": True, "server_no_context_takeover": True},
    "small-windows": {"client_max_window_bits": 9, "server_max_window_bits": 9},
    "one-side": {"server_no_context_takeover": True, "client_max_window_bits": True},
}


@pytest.mark.parametrize("offer", OFFERS)
def test_offers_of_deflate(server: ServerProcess, dial: Dialer, offer: str) -> None:
    """What is negotiated is kept by both sides, message after message."""
    factory = ClientPerMessageDeflateFactory(**OFFERS[offer])
    path = f"/ws/echo?name={fresh_name()}"
    with dial(server, path, compression=None, extensions=[factory]) as socket:
        assert [each.name for each in socket.extensions] == ["permessage-deflate"]
        for size in (0, 10, 1000, 100_000, 1_000_000):
            message = "0123456789" * (size // 10)
            for _ in range(2):
                socket.send(message)
                assert socket.hear() == message


def test_pings(server: ServerProcess, dial: Dialer) -> None:
    """A client that pings all the time finds the server alive."""
    path = f"/ws/echo?name={fresh_name()}"
    with dial(server, path, ping_interval=0.05, ping_timeout=15) as socket:
        for number in range(20):
            assert socket.ping() >= 0
            socket.send(f"{number}")
            assert socket.hear() == f"{number}"


def test_a_unix_socket(serve: Serve, dial: Dialer) -> None:
    """A WebSocket over a unix socket is one."""
    with tempfile.TemporaryDirectory() as folder:  # its path is short enough for a socket
        server = serve(APP, "--uds", f"{folder}/socket")
        with dial(server, f"/ws/echo?name={fresh_name()}") as socket:
            socket.send("hello")
            assert socket.hear() == "hello"


def test_many_sockets_one_after_the_other(server: ServerProcess, dial: Dialer) -> None:
    """Opening and closing leaves the server in order."""
    for _ in range(50):
        with dial(server, f"/ws/echo?name={fresh_name()}") as socket:
            socket.send("hello")
            assert socket.hear() == "hello"
