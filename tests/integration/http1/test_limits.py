"""Requests that are too large are refused, and the refusal can be read (413, 414, 431)."""

from collections.abc import Iterator

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_TLS
from tests.support.probe import Probe, fresh_name, request
from tests.support.server_process import ServerProcess

pytestmark = ON_EVERY_ENGINE_AND_TLS

LIMITS = {
    "--max-request-size": 1000,
    "--max-header-size": 4000,
    "--max-headers": 20,
    "--max-target-size": 500,
}


@pytest.fixture(scope="module")
def limited(engine: tuple[str, ...]) -> Iterator[Probe]:
    """Return a server with small limits."""
    flags = [str(word) for limit in LIMITS.items() for word in limit]
    with ServerProcess("tests.support.apps.probe:app", *engine, *flags) as server:
        yield Probe(server)


def test_a_body_of_the_largest_size_passes(limited: Probe) -> None:
    """The limit itself is allowed, in each framing."""
    body = b"x" * 1000
    fields = "Content-Length: 1000"
    assert limited.ask(request("/echo", fields, method="POST") + body).body == body
    fields = "Transfer-Encoding: chunked"
    chunks = b"3e8\r\n%b\r\n0\r\n\r\n" % body
    assert limited.ask(request("/echo", fields, method="POST") + chunks).body == body


def test_a_larger_declared_body_is_refused_unread(limited: Probe) -> None:
    """413 is sent before the application is called and before the body came."""
    before = limited.calls()
    with limited.connect() as client:
        client.send(request("/echo", "Content-Length: 1001", method="POST"))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (413, True)
        assert client.read_to_end() == b""
    assert limited.calls() == before


def test_a_larger_body_is_not_asked_for(limited: Probe) -> None:
    """A client that expects 100 is told 413 instead."""
    with limited.connect() as client:
        fields = ("Content-Length: 1001", "Expect: 100-continue")
        client.send(request("/echo", *fields, method="POST"))
        assert client.read_head().status == 413


def test_a_client_that_sends_the_larger_body_first_can_read_why_not(limited: Probe) -> None:
    """The refusal is not lost to a reset when the client reads only after all it had to send."""
    with limited.connect() as client:
        size = 2_000_000
        client.send_what_is_taken(
            request("/echo", f"Content-Length: {size}", method="POST") + bytes(size)
        )
        assert client.read_answer().status == 413


def test_a_chunked_body_is_refused_as_it_grows_too_large(limited: Probe) -> None:
    """413 is sent as soon as the limit is passed, and the application learns that it was cut."""
    name = fresh_name()
    with limited.connect() as client:
        path = f"/wait-for-disconnect?name={name}"
        client.send(request(path, "Transfer-Encoding: chunked", method="POST"))
        client.send(b"1f4\r\n%b\r\n" % bytes(500))
        limited.notes(name, until="received")
        client.send(b"1f5\r\n%b\r\n" % bytes(501))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (413, True)
        assert client.read_to_end() == b""
    assert limited.notes(name, until="disconnect") == ["waiting", "received", "disconnect"]


def test_a_target(limited: Probe) -> None:
    """A target of the largest size passes, a longer one is answered 414."""
    prefix = "/scope?x="
    fits = prefix + "x" * (500 - len(prefix))
    assert limited.get(fits).status == 200
    with limited.connect() as client:
        client.send_what_is_taken(request(fits + "x"))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (414, True)
        assert client.read_to_end() == b""


def test_a_target_without_end(limited: Probe) -> None:
    """A request line that does not end is refused while it comes."""
    with limited.connect() as client:
        client.send_what_is_taken(b"GET /" + b"x" * 100_000)
        assert client.read_answer().status in {414, 431}
        assert client.read_to_end() == b""


def test_a_head(limited: Probe) -> None:
    """A head that is larger than the limit is answered 431, one below passes."""
    assert limited.get("/", "X-A: " + "x" * 3800).status == 200
    with limited.connect() as client:
        client.send_what_is_taken(request("/", "X-A: " + "x" * 4000))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (431, True)
        assert client.read_to_end() == b""


def test_a_head_without_end(limited: Probe) -> None:
    """A head that does not end is refused while it comes."""
    with limited.connect() as client:
        client.send_what_is_taken(request()[:-2] + b"X-A: " + b"x" * 100_000)
        assert client.read_answer().status == 431
        assert client.read_to_end() == b""


def test_the_number_of_fields(limited: Probe) -> None:
    """As many fields as the limit pass, one more is answered 431."""
    fields = [f"X-{number}: 1" for number in range(18)]
    assert limited.get("/", *fields).status == 200  # with Host and Connection that makes 20
    with limited.connect() as client:
        client.send_what_is_taken(request("/", *fields, "X-A: 1", "X-B: 1"))
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (431, True)
        assert client.read_to_end() == b""


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (request("/" + "x" * 20_000), {414}),
        (request("/", "X-A: " + "x" * 70_000), {431}),
        (request("/", *["X-A: 1"] * 1000), {431}),
        (request("/", "Content-Length: 2000000", method="POST"), {413}),
    ],
    ids=["target", "head", "fields", "body"],
)
def test_there_are_limits_by_default(probe: Probe, data: bytes, statuses: set[int]) -> None:
    """Without any setting, too, no request is without limits."""
    with probe.connect() as client:
        client.send_what_is_taken(data)
        assert client.read_answer().status in statuses
        assert client.read_to_end() == b""
