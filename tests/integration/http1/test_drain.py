"""How a running server ends: what is in work is finished, everything is bounded."""

import signal
import time
from contextlib import ExitStack

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ON_EVERY_LOOP
from tests.support.probe import Probe, fresh_name, request
from tests.support.raw_client import ConnectionEnded, RawClient
from tests.support.server_process import WAIT_S

pytestmark = [ON_EVERY_LOOP, pytest.mark.slow]

APP = "tests.support.apps.probe:app"
LONG = ("--shutdown-timeout", "60", "--keep-alive-timeout", "60")


def idle(probe: Probe) -> RawClient:
    """Return a connection that has had one answer; its end shows that the drain has begun."""
    client = probe.connect()
    client.send(request())
    assert client.read_answer().body == b"hello"
    return client


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(
    serve: Serve, engine: tuple[str, ...], number: signal.Signals
) -> None:
    """Idle connections, also those that never spoke, are closed and the exit code is 0."""
    probe = Probe(serve(APP, *engine, *LONG))
    with idle(probe) as client, probe.connect() as silent:
        assert probe.get("/").body == b"hello"  # so the silent one has been accepted too
        probe.server.send_signal(number)
        assert client.read_to_end() == b""
        silent.read_to_end()
        assert probe.server.wait() == 0


def test_a_hundred_slow_requests_are_all_answered(serve: Serve, engine: tuple[str, ...]) -> None:
    """SIGTERM during 100 slow requests loses none; each answer says that it is the last."""
    probe = Probe(serve(APP, *engine, *LONG))
    name = fresh_name()
    with ExitStack() as stack:
        clients = []
        for _ in range(100):
            clients.append(stack.enter_context(probe.connect()))
            clients[-1].send(request(f"/gated?name={name}"))
        probe.notes(name, until="called", count=100)
        with idle(probe) as waiting:
            probe.server.send_signal(signal.SIGTERM)
            assert waiting.read_to_end() == b""
        probe.server.send_signal(signal.SIGUSR1)
        for client in clients:
            answer = client.read_answer()
            assert (answer.status, answer.body, answer.closes) == (200, name.encode(), True)
            assert client.read_to_end() == b""
        assert probe.server.wait() == 0


def test_a_request_that_is_arriving_is_served(serve: Serve, engine: tuple[str, ...]) -> None:
    """A body that was being sent when the drain began is read to its end and answered."""
    probe = Probe(serve(APP, *engine, *LONG))
    name = fresh_name()
    with probe.connect() as client:
        path = f"/wait-for-disconnect?name={name}"  # notes what it receives
        client.send(request(path, "Content-Length: 1", method="POST"))
        probe.notes(name, until="waiting")
        with probe.connect() as uploading, idle(probe) as waiting:
            head = request("/echo", "Content-Length: 10", "Expect: 100-continue", method="POST")
            uploading.send(head)
            assert uploading.read_head().status == 100
            uploading.send(b"01234")
            probe.server.send_signal(signal.SIGTERM)
            assert waiting.read_to_end() == b""
            uploading.send(b"56789")
            answer = uploading.read_answer()
            assert (answer.status, answer.body) == (200, b"0123456789")
            assert answer.closes


def test_open_streams_are_told_as_the_drain_begins(serve: Serve, engine: tuple[str, ...]) -> None:
    """An endless stream gets http.disconnect, can say good-bye, and holds up nothing."""
    probe = Probe(serve(APP, *engine, *LONG))
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/wait-for-disconnect?stream&name={name}"))
        probe.notes(name, until="waiting")
        probe.server.send_signal(signal.SIGTERM)
        answer = client.read_answer()
        assert (answer.framing, answer.body) == ("chunked", b"open,bye")
        assert client.read_to_end() == b""
        assert probe.server.wait() == 0


def test_new_connections_are_refused_in_a_drain(serve: Serve, engine: tuple[str, ...]) -> None:
    """Who comes during a drain is told 503 or refused, at once; who is served is not disturbed."""
    probe = Probe(serve(APP, *engine, *LONG))
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={name}"))
        probe.notes(name, until="called")
        with idle(probe) as waiting:
            probe.server.send_signal(signal.SIGTERM)
            assert waiting.read_to_end() == b""
        try:
            answer = probe.get("/")
        except (ConnectionError, ConnectionEnded):
            pass
        else:
            assert (answer.status, answer.closes) == (503, True)
            assert int(answer.field("retry-after") or "") > 0
        probe.server.send_signal(signal.SIGUSR1)
        assert client.read_answer().body == name.encode()
        assert probe.server.wait() == 0


def test_a_second_signal_ends_at_once(serve: Serve, engine: tuple[str, ...]) -> None:
    """The second SIGTERM does not wait for the drain, and the exit code tells."""
    probe = Probe(serve(APP, *engine, *LONG))
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={name}"))
        probe.notes(name, until="called")
        with idle(probe) as waiting:
            probe.server.send_signal(signal.SIGTERM)
            assert waiting.read_to_end() == b""
        probe.server.send_signal(signal.SIGTERM)
        assert probe.server.wait() != 0
        with pytest.raises(ConnectionEnded):
            client.read_answer()


@pytest.mark.parametrize("path", ["/gated", "/gated-stream", "/work-after", "/outrun?megabytes=64"])
def test_a_drain_is_bounded(serve: Serve, engine: tuple[str, ...], path: str) -> None:
    """What does not end within --shutdown-timeout is cut, and reported."""
    probe = Probe(serve(APP, *engine, "--shutdown-timeout", "0.5", "--write-timeout", "60"))
    name = fresh_name()
    with probe.connect(receive_buffer=4096) as client:
        client.send(request(f"{path}{'&' if '?' in path else '?'}name={name}"))
        state = {"/gated": "called", "/gated-stream": "first", "/work-after": "answered"}
        probe.notes(name, until=state.get(path, "waiting"))
        begin = time.monotonic()
        probe.server.send_signal(signal.SIGTERM)
        assert probe.server.wait() == 1
        assert 0.25 < time.monotonic() - begin < WAIT_S


def test_half_a_head_does_not_hold_up_a_drain(serve: Serve, engine: tuple[str, ...]) -> None:
    """A head that does not go on is waited for no longer than --shutdown-timeout."""
    probe = Probe(serve(APP, *engine, "--shutdown-timeout", "0.5", "--header-timeout", "60"))
    with probe.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        assert probe.get("/").body == b"hello"
        probe.server.send_signal(signal.SIGTERM)
        client.read_to_end()
        probe.server.wait()
