"""When a connection goes on after a response, and when it ends (RFC 9112 section 9)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_TLS
from tests.support.probe import Probe, request

pytestmark = ON_EVERY_ENGINE_AND_TLS


def test_http_1_1_goes_on(probe: Probe) -> None:
    """A connection serves one request after the other without being asked to."""
    with probe.connect() as client:
        for _ in range(3):
            client.send(request())
            answer = client.read_answer()
            assert (answer.status, answer.body) == (200, b"hello")
            assert answer.field("connection") is None


def test_close_is_answered_with_close(probe: Probe) -> None:
    """`Connection: close` is answered with the same, and the connection ends."""
    with probe.connect() as client:
        client.send(request("/", "Connection: close"))
        assert client.read_answer().closes
        assert client.read_to_end() == b""


@pytest.mark.parametrize("option", ["close", "Close", "x-other, close", "close, x-other"])
def test_close_is_found_in_a_list(probe: Probe, option: str) -> None:
    """`close` counts in any case and anywhere in the list of options."""
    with probe.connect() as client:
        client.send(request("/", f"Connection: {option}"))
        assert client.read_answer().closes
        assert client.read_to_end() == b""


def test_an_option_that_only_looks_like_close_does_not_close(probe: Probe) -> None:
    """Options are compared whole, not by what they contain."""
    with probe.connect() as client:
        for _ in range(2):
            client.send(request("/", "Connection: enclosed"))
            assert not client.read_answer().closes


def test_what_follows_a_close_is_never_parsed(probe: Probe) -> None:
    """Data after a request with `Connection: close` reaches no application."""
    before = probe.calls()
    with probe.connect() as client:
        client.send_what_is_taken(request("/", "Connection: close") + request("/smuggled"))
        assert client.read_answer().status == 200
        assert client.read_to_end() == b""
    assert probe.calls() == before + 1


def test_http_1_0_closes(probe: Probe) -> None:
    """A client of HTTP/1.0 that does not ask to go on gets one answer and the end."""
    with probe.connect() as client:
        client.send(request(version="1.0"))
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"hello")
        assert client.read_to_end() == b""


def test_http_1_0_goes_on_when_asked(probe: Probe) -> None:
    """`Connection: keep-alive` of an HTTP/1.0 client is granted and confirmed."""
    with probe.connect() as client:
        for _ in range(2):
            client.send(request("/", "Connection: keep-alive", version="1.0"))
            answer = client.read_answer()
            assert (answer.body, answer.field("connection")) == (b"hello", "keep-alive")


def test_http_1_0_gets_a_body_of_unknown_length_up_to_the_end(probe: Probe) -> None:
    """Without a declared length an HTTP/1.0 client reads up to the end of the connection."""
    with probe.connect() as client:
        client.send(request("/pieces", "Connection: keep-alive", version="1.0"))
        answer = client.read_answer()
        assert (answer.framing, answer.body) == ("close", b"one,two,three")
        assert answer.field("connection") in (None, "close")


def test_http_1_0_needs_no_host(probe: Probe) -> None:
    """Host is demanded of HTTP/1.1 alone."""
    assert probe.ask(b"GET / HTTP/1.0\r\n\r\n").body == b"hello"


def test_empty_lines_before_a_request(probe: Probe) -> None:
    """Empty lines before a request line are passed over, also between requests."""
    with probe.connect() as client:
        for _ in range(2):
            client.send(b"\r\n\r\n" + request())
            assert client.read_answer().body == b"hello"


@pytest.mark.parametrize(
    ("path", "length"), [("/", "5"), ("/pieces", None), ("/status?status=200&length&body=x", "1")]
)
def test_head_has_the_fields_and_no_body(probe: Probe, path: str, length: str | None) -> None:
    """HEAD gets what GET gets except the body, and the connection goes on."""
    with probe.connect() as client:
        client.send(request(path, method="HEAD") + request())
        answer = client.read_answer(method="HEAD")
        assert (answer.status, answer.field("content-length")) == (200, length)
        assert client.read_answer().body == b"hello"


@pytest.mark.parametrize("body", ["", "dropped"])
@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_none(probe: Probe, status: int, body: str) -> None:
    """204 and 304 carry no body, whatever the application sent, and the connection goes on."""
    with probe.connect() as client:
        client.send(request(f"/status?status={status}&body={body}") + request())
        answer = client.read_answer()
        assert (answer.status, answer.field("transfer-encoding")) == (status, None)
        assert client.read_answer().body == b"hello"


def test_204_declares_no_length_and_304_may(probe: Probe) -> None:
    """Content-Length is taken off a 204 and left on a 304 (RFC 9110 8.6)."""
    with probe.connect() as client:
        client.send(request("/status?status=204&length&body=dropped"))
        assert client.read_answer().field("content-length") is None
        client.send(request("/status?status=304&length&body=dropped"))
        assert client.read_answer().field("content-length") == "7"


def test_every_response_says_when_and_by_whom(probe: Probe) -> None:
    """Date and Server stand in a response that the application did not give them."""
    answer = probe.get("/")
    assert parsedate_to_datetime(answer.field("date") or "").tzinfo is UTC
    assert answer.field("server") == "serverkit"


def test_unknown_status_codes_pass(probe: Probe) -> None:
    """A status without a registered reason phrase is sent as it is."""
    assert probe.get("/status?status=299&length").status == 299


@pytest.mark.parametrize("path", ["/", "/pieces", "/early-hint", "/status?status=204"])
def test_the_application_is_called_once(probe: Probe, path: str) -> None:
    """One request is one call of the application, whatever the response turns out to be."""
    before = probe.calls()
    probe.get(path)
    assert probe.calls() == before + 1


def test_an_upgrade_that_is_not_served_is_ignored(probe: Probe) -> None:
    """A request to upgrade to what the server does not speak is answered as if it did not ask."""
    with probe.connect() as client:
        client.send(request("/", "Connection: Upgrade", "Upgrade: other/1.0") + request())
        assert [client.read_answer().status for _ in range(2)] == [200, 200]
