"""What open WebSockets are told when their workers leave, on purpose or not."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.conftest import Serve
from tests.support.probe import fresh_name, request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.websocket import Dialer, Socket

pytestmark = pytest.mark.slow

APP = "tests.support.apps.sockets:app"
RESTART = (1012, "service restart")
LONG = ("--shutdown-timeout", "60", "--websocket-close-timeout", "60")
HANDSHAKE = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
CLOSE_FRAME = b"\x88\x11" + (1012).to_bytes(2) + b"service restart"

type Start = Callable[..., ServerProcess]


@pytest.fixture(params=["plain", "tls"])
def start(
    serve: Serve, mode: str, request: pytest.FixtureRequest, tls_flags: tuple[str, ...]
) -> Start:
    """Start servers with some workers of that kind, with or without TLS."""

    def start(*flags: str, workers: int = 2) -> ServerProcess:
        many = ("--workers", str(workers), "--worker-mode", mode)
        tls = tls_flags if request.param == "tls" else ()
        return serve(APP, "--no-access-log", *many, *tls, *flags)

    return start


only_tls = pytest.mark.parametrize("start", ["tls"], indirect=True)
only_plain = pytest.mark.parametrize("start", ["plain"], indirect=True)
only_processes = pytest.mark.parametrize("mode", ["process"])


class Greeted:
    """An open WebSocket, and who greeted it."""

    def __init__(self, socket: Socket, name: str) -> None:
        self.socket, self.name = socket, name
        self.generation, self.pid = socket.hear_json()

    def echoes(self) -> bool:
        """Say whether the application still answers."""
        self.socket.send("still there?")
        return self.socket.hear() == "still there?"


@contextmanager
def opened(dial: Dialer, server: ServerProcess, count: int) -> Iterator[list[Greeted]]:
    """Open so many WebSockets, all greeted."""
    with ExitStack() as stack:
        names = [fresh_name() for _ in range(count)]
        yield [
            Greeted(stack.enter_context(dial(server, f"/echo?name={name}")), name) for name in names
        ]


def told(server: ServerProcess, name: str) -> tuple[int, str]:
    """Return code and reason that the application was told."""
    found = server.wait_for_output(rf"(?m)^ending {name} (.*) end$")
    code, reason = json.loads(found[1])
    return code, reason


def test_sigterm_tells_every_socket(start: Start, dial: Dialer) -> None:
    """Every client and every application is told 1012, once, and the server ends well."""
    server = start(*LONG)
    with opened(dial, server, 10) as sockets:
        server.send_signal(signal.SIGTERM)
        assert [each.socket.end() for each in sockets] == [RESTART] * 10
        assert server.wait() == 0
    assert [told(server, each.name) for each in sockets] == [RESTART] * 10
    assert len(re.findall("(?m)^ending ", server.output)) == 10


@only_tls
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_lifespan_ends_last(
    start: Start, dial: Dialer, mode: str, number: signal.Signals
) -> None:
    """The application is shut down when all its WebSockets have come to their end."""
    server = start(*LONG)
    with opened(dial, server, 10) as sockets:
        server.send_signal(number)
        assert [each.socket.end() for each in sockets] == [RESTART] * 10
        lives = 1 if mode == "thread" else 2
        output = server.wait_for_output(rf"(?s)(.*lifespan over){{{lives}}}")[0]
    assert len(re.findall("(?m)^ending ", output)) == 10
    assert mode == "process" or output.rindex("ending ") < output.index("lifespan over")


def test_reload_tells_every_socket(start: Start, dial: Dialer) -> None:
    """Every client of the old code is told 1012, and who comes back meets the new one."""
    server = start(*LONG)
    with opened(dial, server, 10) as sockets:
        server.send_signal(signal.SIGHUP)
        assert [each.socket.end() for each in sockets] == [RESTART] * 10
        assert [told(server, each.name) for each in sockets] == [RESTART] * 10
        with opened(dial, server, 10) as again:
            old, new = ({each.generation for each in some} for some in (sockets, again))
            assert not old & new
            assert all(each.echoes() for each in again)


@only_plain
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_does_not_answer(start: Start, number: signal.Signals) -> None:
    """It gets the close frame, and after --websocket-close-timeout the end; the app is told."""
    server = start("--shutdown-timeout", "60", "--websocket-close-timeout", "0.5")
    with RawClient(server.address) as client:
        client.send(request("/echo?name=silent", *HANDSHAKE))
        assert client.read_head().status == 101
        frame = client.read_exactly(2)
        client.read_exactly(frame[1])
        server.send_signal(number)
        assert client.read_to_end() == CLOSE_FRAME
        assert told(server, "silent") == RESTART
        if number == signal.SIGTERM:
            assert server.wait() == 0


@only_plain
def test_a_client_that_does_not_read(start: Start) -> None:
    """An application that sends to it all the time holds up nothing."""
    server = start(*LONG, "--write-timeout", "1")
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(request("/flood", *HANDSHAKE))
        assert client.read_head().status == 101
        server.wait_for_output("the flood stands")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0


@only_plain
def test_an_application_that_does_not_return(start: Start, dial: Dialer) -> None:
    """What goes on after its WebSocket has ended is cut at --shutdown-timeout, and reported."""
    server = start("--shutdown-timeout", "2")
    with dial(server, "/stubborn?name=stubborn") as socket:
        socket.hear()
        server.send_signal(signal.SIGTERM)
        assert socket.end() == RESTART
        assert server.wait() == 1
    assert told(server, "stubborn") == RESTART


@only_plain
@only_processes
def test_a_killed_worker(start: Start, dial: Dialer) -> None:
    """Its clients see 1006; those of others notice nothing; who comes back is served."""
    server = start(workers=3)
    with opened(dial, server, 12) as sockets:
        victim = min(each.pid for each in sockets)
        theirs = [each for each in sockets if each.pid == victim]
        assert 0 < len(theirs) < 12
        os.kill(victim, signal.SIGKILL)
        assert {each.socket.end() for each in theirs} == {(1006, "")}
        assert all(each.echoes() for each in sockets if each.pid != victim)
        with opened(dial, server, len(theirs)) as again:
            assert all(each.echoes() for each in again)
            assert victim not in {each.pid for each in again}


@only_tls
def test_nobody_is_left_behind(start: Start, dial: Dialer) -> None:
    """A client that was cut off is noticed, and a drain afterwards has nobody to wait for."""
    server = start(*LONG)
    with opened(dial, server, 4) as sockets:
        for each in sockets:
            each.socket.cut()
        assert [told(server, each.name)[0] for each in sockets] == [1006] * 4
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
