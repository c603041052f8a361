"""Every phase of a connection ends in bounded time, however slow the client."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ON_ONE
from tests.support.probe import Probe, fresh_name, request
from tests.support.raw_client import RawClient
from tests.support.server_process import WAIT_S, ServerProcess

pytestmark = pytest.mark.slow

PHASE_S = 1.0
"""What each phase may take at most in these tests."""
PHASES = ("--header-timeout", "--request-timeout", "--keep-alive-timeout", "--write-timeout")


@pytest.fixture(scope="module")
def hasty(engine: tuple[str, ...]) -> Iterator[Probe]:
    """Return a server with short timeouts."""
    flags = [word for phase in PHASES for word in (phase, str(PHASE_S))]
    with ServerProcess("tests.support.apps.probe:app", *engine, *flags) as server:
        yield Probe(server)
    assert not server.complaints()


def drip(client: RawClient, data: bytes) -> float:
    """Send a byte at a time until the server says something; return the seconds it took."""
    begin = time.monotonic()
    for index in range(len(data)):
        client.send_what_is_taken(data[index : index + 1])
        if client.answers_within(0.05):
            return time.monotonic() - begin
        if time.monotonic() - begin > WAIT_S:
            break
    raise AssertionError("the server let the client drip on")


def test_silent(hasty: Probe) -> None:
    """A client that connects and says nothing is closed, not at once but in time."""
    begin = time.monotonic()
    with hasty.connect() as client:
        data = client.read_to_end()
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begin > PHASE_S / 2


def test_partial_head(hasty: Probe) -> None:
    """A head that does not go on, wherever it stops, is answered 408."""
    parts = [b"G", b"GET / HTTP/1.1\r\nHo", request()[:-1], b"\r\nP"]
    with ExitStack() as stack:
        clients = [stack.enter_context(hasty.connect()) for _ in parts]
        for client, part in zip(clients, parts, strict=True):
            client.send(part)
        for client in clients:
            answer = client.read_answer()
            assert (answer.status, answer.closes) == (408, True)
            assert client.read_to_end() == b""


def test_silent_but_for_an_empty_line(hasty: Probe) -> None:
    """An empty line, which may stand before a request, does not keep a connection open."""
    with hasty.connect() as client:
        client.send(b"\r\n")
        assert client.read_to_end()[:13] in (b"", b"HTTP/1.1 408 ")


def test_dripped_head(hasty: Probe) -> None:
    """A head that goes on for ever is answered 408: the bound is on the phase, not on a read."""
    with hasty.connect() as client:
        took = drip(client, request("/", "X-A: " + "x" * 10_000))
        assert took > PHASE_S / 2
        assert client.read_answer().status == 408


def test_dripped_head_after_a_request(hasty: Probe) -> None:
    """The next head on a connection is bounded just so."""
    with hasty.connect() as client:
        client.send(request())
        assert client.read_answer().status == 200
        drip(client, request("/", "X-A: " + "x" * 10_000))
        assert client.read_answer().status == 408


def test_body_that_does_not_go_on(hasty: Probe) -> None:
    """An awaited body that does not come is answered 408, and the application is told."""
    name = fresh_name()
    with hasty.connect() as client:
        path = f"/echo?name={name}"
        client.send(request(path, "Content-Length: 100", method="POST") + b"01")
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (408, True)
        assert client.read_to_end() == b""
    notes = hasty.notes(name)
    assert "complete" not in notes


def test_continue_that_is_not_followed(hasty: Probe) -> None:
    """A client that was told to continue and does not is answered 408 as well."""
    with hasty.connect() as client:
        fields = ("Content-Length: 100", "Expect: 100-continue")
        client.send(request("/echo", *fields, method="POST"))
        assert client.read_answer().status == 408


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_dripped_body(hasty: Probe, framing: str) -> None:
    """A body that comes a byte at a time, for ever, ends with 408."""
    with hasty.connect() as client:
        client.send(request("/echo", framing, method="POST"))
        drip(client, b"1\r\nx\r\n" * 10_000)
        assert client.read_answer().status == 408


def test_body_nobody_reads(hasty: Probe) -> None:
    """A body that does not come is bounded also behind a response that did not await it."""
    with hasty.connect() as client:
        client.send(request("/", "Content-Length: 100", method="POST"))
        assert client.read_answer().status == 200
        assert client.read_to_end()[:13] in (b"", b"HTTP/1.1 408 ")


def test_idle(hasty: Probe) -> None:
    """A connection without a further request is closed without a word, in time but not at once."""
    with hasty.connect() as client:
        client.send(request())
        assert client.read_answer().status == 200
        begin = time.monotonic()
        assert client.read_to_end() == b""
        assert time.monotonic() - begin > PHASE_S / 2


def test_slow_reader(hasty: Probe) -> None:
    """A client that does not read its response is cut, and the application is told by OSError."""
    name = fresh_name()
    with hasty.connect(receive_buffer=4096) as client:
        client.send(request(f"/outrun?megabytes=64&name={name}"))
        assert hasty.notes(name, until="refused")[-1] == "refused"
        assert len(client.read_to_end()) < 64 * 1_048_576


def test_slow_reader_of_a_response_given_at_once(hasty: Probe) -> None:
    """What the kernel does not take of a whole response is not held for ever either."""
    body = b"x" * 1_000_000
    with hasty.connect(receive_buffer=4096) as client:
        fields = f"Content-Length: {len(body)}"
        client.send_what_is_taken((request("/echo", fields, method="POST") + body) * 20)
        assert len(client.read_to_end()) < 20 * len(body)


def test_a_slow_application_is_no_slow_client(hasty: Probe) -> None:
    """While the application works the client is not to blame; no timeout of these counts."""
    name = fresh_name()
    with hasty.connect() as client:
        client.send(request(f"/gated?name={name}"))
        assert not client.answers_within(2 * PHASE_S)
        hasty.open_gate(name)
        assert client.read_answer().body == name.encode()


@ON_ONE
def test_a_slow_application_is_bounded_by_configuration(
    serve: Serve, engine: tuple[str, ...]
) -> None:
    """With --handler-timeout an application that takes longer is cancelled, and answered for."""
    probe = Probe(serve("tests.support.apps.probe:app", *engine, "--handler-timeout", "1"))
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={name}"))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (504, True)
    assert probe.notes(name, until="cancelled") == ["called", "cancelled"]


def test_a_stream_that_pauses_is_no_slow_reader(hasty: Probe) -> None:
    """A response whose application pauses between pieces goes on after longer than a timeout."""
    name = fresh_name()
    with hasty.connect() as client:
        client.send(request(f"/gated-stream?name={name}"))
        client.read_head()
        assert client.read_exactly(11) == b"6\r\nfirst,\r\n"
        assert not client.answers_within(2 * PHASE_S)
        hasty.open_gate(name)
        assert client.read_exactly(14) == b"4\r\nlast\r\n0\r\n\r\n"
