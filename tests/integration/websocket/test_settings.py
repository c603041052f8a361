"""What the settings of WebSockets do to a server that was started from the command line."""

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ENGINES
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.websocket import Dialer

pytestmark = pytest.mark.slow

APP = "tests.integration.websocket.talk_app:app"
HANDSHAKE = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
PING = b"\x89\x00"


@pytest.fixture(params=ENGINES)
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return the flags for each way to serve HTTP/1."""
    found: tuple[str, ...] = request.param
    if "uvloop" in found:
        pytest.importorskip("uvloop")
    return found


def raw(server: ServerProcess, path: str = "/echo") -> RawClient:
    """Return a client that has shaken hands, and answers to nothing."""
    client = RawClient(server.address)
    client.send(request(path, *HANDSHAKE))
    assert client.read_head().status == 101
    return client


def test_every_engine_talks(serve: Serve, dial: Dialer, flags: tuple[str, ...]) -> None:
    """WebSockets do not depend on what reads HTTP, nor on the event loop."""
    server = serve(APP, *flags)
    with dial(server, "/echo") as socket:
        socket.send("hello")
        assert socket.hear() == "hello"
        socket.close(4000, "bye")


def test_websockets_can_be_off(serve: Serve) -> None:
    """A request for one is a plain request then."""
    server = serve(APP, "--no-websocket")
    with RawClient(server.address) as client:
        client.send(request("/echo", *HANDSHAKE))
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"hello")


def test_compression_can_be_off(serve: Serve, dial: Dialer) -> None:
    """On by default, where the client offers it."""
    for flags, count in (((), 1), (("--no-websocket-compression",), 0)):
        with dial(serve(APP, *flags), "/echo") as socket:
            assert len(socket.extensions) == count
            socket.send("x" * 1000)
            assert socket.hear() == "x" * 1000


def test_large_messages_are_refused(serve: Serve, dial: Dialer) -> None:
    """Beyond the settings, in bytes and in frames: 1009."""
    flags = ("--websocket-max-message-size", "1000", "--websocket-max-fragments", "3")
    server = serve(APP, *flags)
    for wrong in (["x" * 1001], ["a", "b", "c", "d"]):
        with dial(server, "/echo") as socket:
            socket.send("x" * 1000)
            assert socket.hear() == "x" * 1000
            socket.send(wrong if len(wrong) > 1 else wrong[0])
            assert socket.end()[0] == 1009


def test_silent_clients_are_given_up(serve: Serve) -> None:
    """Pings come at the interval, and the end after the timeout."""
    flags = ("--websocket-ping-interval", "0.2", "--websocket-ping-timeout", "0.5")
    server = serve(APP, *flags)
    with raw(server) as client:
        found = client.read_to_end()
    assert found.startswith(PING)
    assert found.lstrip(PING).endswith(b"keepalive ping timeout")


def test_idle_websockets_are_closed(serve: Serve, dial: Dialer) -> None:
    """1001, also where the client answers to pings."""
    flags = ("--websocket-idle-timeout", "0.5", "--websocket-ping-interval", "0.1")
    with dial(serve(APP, *flags), "/echo") as socket:
        assert socket.end() == (1001, "idle")


def test_applications_that_do_not_answer_are_cancelled(serve: Serve) -> None:
    """504, with a code."""
    server = serve(APP, "--websocket-handshake-timeout", "0.3")
    with RawClient(server.address) as client:
        client.send(request("/mute", *HANDSHAKE))
        answer = client.read_answer()
    assert answer.status == 504
    assert answer.field("x-serverkit-error-code") == "SERVERKIT_TIMEOUT_WEBSOCKET_HANDSHAKE"


def test_handshakes_are_in_the_access_log(serve: Serve, dial: Dialer) -> None:
    """With the status that they were answered."""
    server = serve(APP, "--log-format", "text")
    with dial(server, "/echo?a=b"):
        server.wait_for_output(r'"GET /echo\?a=b HTTP/1.1" 101 0 ')
    with RawClient(server.address) as client:
        client.send(request("/old", *HANDSHAKE[:2]))
        assert client.read_answer().status == 426
    server.wait_for_output(r'"GET /old HTTP/1.1" 426 ')
