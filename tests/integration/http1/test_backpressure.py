"""Who outruns the other side is made to wait; who waits gets everything in the end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_LOOP, ON_EVERY_LOOP
from tests.support.probe import Probe, fresh_name, request

pytestmark = [ON_EVERY_LOOP, pytest.mark.slow]

SIZE = 64 * 1_048_576


def test_an_application_that_outruns_its_reader_waits(probe: Probe) -> None:
    """`send` waits while the client does not read, and the response is whole when it does."""
    name = fresh_name()
    with probe.connect(receive_buffer=65_536) as client:
        client.send(request(f"/outrun?megabytes=64&name={name}"))
        notes = probe.notes(name, until="waiting")
        assert probe.notes(name) == notes
        assert "complete" not in notes
        assert len(client.read_answer().body) == SIZE
        assert probe.notes(name, until="complete")


def test_a_waiting_application_is_woken_when_the_client_leaves(probe: Probe) -> None:
    """`send` raises OSError in an application that waits for a reader who left."""
    name = fresh_name()
    with probe.connect(receive_buffer=4096) as client:
        client.send(request(f"/outrun?megabytes=64&name={name}"))
        probe.notes(name, until="waiting")
        client.reset()
        assert probe.notes(name, until="refused")[-1] == "refused"


def test_others_are_served_meanwhile(probe: Probe) -> None:
    """A reader who does not read delays nobody else."""
    name = fresh_name()
    with probe.connect(receive_buffer=4096) as client:
        client.send(request(f"/outrun?megabytes=64&name={name}"))
        probe.notes(name, until="waiting")
        assert probe.get("/").body == b"hello"


@ON_EVERY_ENGINE_AND_LOOP
def test_requests_are_not_read_while_answers_are_not(probe: Probe) -> None:
    """A client that pipelines and never reads is stopped long before all it has is taken."""
    with probe.connect(receive_buffer=4096) as client:
        client.socket.settimeout(1)
        body = b"x" * 1_000_000
        sent, data = 0, request("/echo", f"Content-Length: {len(body)}", method="POST") + body
        try:
            while sent < SIZE:
                sent += client.socket.send(data[sent % len(data) :])
        except TimeoutError:
            pass
        assert sent < SIZE
    assert probe.get("/").body == b"hello"


@ON_EVERY_ENGINE_AND_LOOP
def test_a_body_nobody_receives_is_not_taken(probe: Probe) -> None:
    """A client cannot send more of a body than the application is ready to receive."""
    name = fresh_name()
    with probe.connect() as client:
        client.socket.settimeout(1)
        path = f"/gated?name={name}"
        client.socket.sendall(request(path, "Transfer-Encoding: chunked", method="POST"))
        probe.notes(name, until="called")
        sent, data = 0, b"10000\r\n" + bytes(65_536) + b"\r\n"
        try:
            while sent < SIZE:
                sent += client.socket.send(data[sent % len(data) :])
        except (TimeoutError, ConnectionError):
            pass
        assert sent < SIZE
        probe.open_gate(name)


def test_an_application_that_only_sends_learns_that_the_client_left(probe: Probe) -> None:
    """`send` raises OSError also where the application awaits nothing else, and others go on."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/torrent?name={name}"))
        received = 0
        while received < SIZE:
            data = client.read_some()
            assert data, f"it ended after {received} bytes"
            received += len(data)
        client.reset()
        assert probe.notes(name, until="refused") == ["refused"]


def test_an_application_that_only_sends_leaves_room_for_others(probe: Probe) -> None:
    """While one application sends all the time, and its client reads all, others are served."""
    stop = threading.Event()
    with probe.connect() as client, ThreadPoolExecutor(1) as pool:
        client.send(request(f"/torrent?name={fresh_name()}"))
        assert client.read_some()

        def read_on() -> None:
            while not stop.is_set():
                client.read_some()

        reading = pool.submit(read_on)
        try:
            for _ in range(5):
                assert probe.get("/").body == b"hello"
                assert not reading.done()
        finally:
            stop.set()
            reading.result()
            client.reset()
