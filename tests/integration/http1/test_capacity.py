"""How many connections and requests are served at a time, and what the others are told."""

import signal

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ON_ONE
from tests.support.probe import Probe, request

pytestmark = pytest.mark.slow

APP = "tests.support.apps.probe:app"
PATIENT = ("--keep-alive-timeout", "60")


@ON_ONE
def test_connections_beyond_the_limit_are_told_to_come_again(
    serve: Serve, engine: tuple[str, ...]
) -> None:
    """With max_connections open the next gets 503 and Retry-After; the others don't notice."""
    probe = Probe(serve(APP, *engine, *PATIENT, "--max-connections", "2"))
    with probe.connect() as first, probe.connect() as second:
        for client in (first, second):
            client.send(request())
            assert client.read_answer().status == 200
        for data in (b"", request()):
            with probe.connect() as third:
                third.send_what_is_taken(data)
                answer = third.read_answer()
                assert (answer.status, answer.closes) == (503, True)
                assert int(answer.field("retry-after") or "") > 0
                assert third.read_to_end() == b""
        first.send(request())
        assert first.read_answer().status == 200
    assert probe.until_served().status == 200


@ON_ONE
def test_requests_beyond_the_limit_are_told_to_come_again(
    serve: Serve, engine: tuple[str, ...]
) -> None:
    """With limit_concurrency requests in work the next gets 503, and is served when one ended."""
    probe = Probe(serve(APP, *engine, *PATIENT, "--limit-concurrency", "2"))
    with probe.connect() as first, probe.connect() as second:
        for client in (first, second):
            client.send(request("/gated-stream?name=x"))
            client.read_head()
            assert client.read_exactly(11) == b"6\r\nfirst,\r\n"
        answer = probe.get("/")
        assert answer.status == 503
        assert int(answer.field("retry-after") or "") > 0
        probe.server.send_signal(signal.SIGUSR1)
        for client in (first, second):
            assert client.read_exactly(14) == b"4\r\nlast\r\n0\r\n\r\n"
        assert probe.until_served().status == 200


@ON_ONE
def test_idle_connections_are_no_requests_in_work(serve: Serve, engine: tuple[str, ...]) -> None:
    """Connections that wait between requests do not count for limit_concurrency."""
    probe = Probe(serve(APP, *engine, *PATIENT, "--limit-concurrency", "1"))
    with probe.connect() as first, probe.connect() as second:
        for client in (first, second, first, second):
            client.send(request())
            assert client.read_answer().status == 200


def test_a_connection_ends_after_its_last_request(serve: Serve, engine: tuple[str, ...]) -> None:
    """The last of max_requests_per_connection says close, and nothing behind it is served."""
    probe = Probe(serve(APP, *engine, *PATIENT, "--max-requests-per-connection", "3"))
    with probe.connect() as client:
        client.send(request() * 2)
        assert [client.read_answer().closes for _ in range(2)] == [False, False]
        client.send(request() * 2)
        assert client.read_answer().closes
        assert client.read_to_end() == b""
