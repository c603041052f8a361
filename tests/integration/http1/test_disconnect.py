"""What an application learns of a client that leaves, and what not (ASGI HTTP 2.5)."""

from collections.abc import Callable

import pytest

from tests.integration.conftest import Serve
from tests.support.engines import ON_EVERY_ENGINE_AND_LOOP, ON_TLS_TOO
from tests.support.probe import Probe, fresh_name, request
from tests.support.raw_client import RawClient

pytestmark = ON_EVERY_ENGINE_AND_LOOP

LEAVING = pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset])
type Leave = Callable[[RawClient], None]


@LEAVING
@pytest.mark.parametrize("query", ["", "&stream"], ids=["unanswered", "streaming"])
def test_receive_tells_that_the_client_left(probe: Probe, leave: Leave, query: str) -> None:
    """A waiting receive gives http.disconnect when the client leaves before the response ends."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/wait-for-disconnect?name={name}{query}"))
        probe.notes(name, until="waiting")
        leave(client)
        probe.notes(name, until="disconnect")


@LEAVING
def test_receive_tells_that_the_client_left_inside_its_body(probe: Probe, leave: Leave) -> None:
    """What came of the body may be given first, then http.disconnect."""
    name = fresh_name()
    with probe.connect() as client:
        path = f"/wait-for-disconnect?name={name}"
        client.send(request(path, "Content-Length: 10", method="POST") + b"01234")
        probe.notes(name, until="received")
        leave(client)
        assert probe.notes(name, until="disconnect").count("disconnect") == 1


def test_receive_after_the_response(probe: Probe) -> None:
    """After the response receive gives http.disconnect at once, and the connection goes on."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/receive-after?name={name}"))
        assert client.read_answer().body == b"answered"
        assert probe.notes(name, until="http.disconnect", count=2) == ["http.disconnect"] * 2
        client.send(request())
        assert client.read_answer().body == b"hello"


@LEAVING
def test_send_after_the_client_left(probe: Probe, leave: Leave) -> None:
    """`send` raises OSError once the client is found to be gone (spec 2.4)."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/send-until-refused?name={name}"))
        probe.notes(name, until="first")
        leave(client)
        probe.open_gate(name)
        assert probe.notes(name, until="refused")[-1] == "refused"


def test_work_after_the_response(probe: Probe) -> None:
    """An application works on after its response, and the connection serves others meanwhile."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/work-after?name={name}") + request())
        assert client.read_answer().body == b"answered"
        assert client.read_answer().body == b"hello"
        probe.open_gate(name)
        assert probe.notes(name, until="worked") == ["answered", "worked"]


@LEAVING
def test_work_after_the_response_outlives_the_connection(probe: Probe, leave: Leave) -> None:
    """An application that works on after its response is not cancelled as the client leaves."""
    name, other = fresh_name(), fresh_name()
    with probe.connect() as client:
        client.send(request(f"/work-after?name={name}"))
        assert client.read_answer().body == b"answered"
        leave(client)
    with probe.connect() as witness:  # leaves after the first; both are seen when it is noted
        witness.send(request(f"/wait-for-disconnect?name={other}"))
        probe.notes(other, until="waiting")
    probe.notes(other, until="disconnect")
    probe.open_gate(name)
    assert probe.notes(name, until="worked") == ["answered", "worked"]


@LEAVING
def test_an_application_at_work_is_not_cancelled(probe: Probe, leave: Leave) -> None:
    """A client that leaves does not end the application's work; its response goes nowhere."""
    name, other = fresh_name(), fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={name}"))
        probe.notes(name, until="called")
        leave(client)
    with probe.connect() as witness:
        witness.send(request(f"/wait-for-disconnect?name={other}"))
        probe.notes(other, until="waiting")
    probe.notes(other, until="disconnect")
    assert probe.notes(name) == ["called"]
    probe.open_gate(name)
    assert probe.get("/").body == b"hello"


@ON_TLS_TOO
@LEAVING
def test_an_application_is_cancelled_by_configuration(
    serve: Serve, engine: tuple[str, ...], leave: Leave
) -> None:
    """With --cancel-on-disconnect a client that leaves ends the application's work."""
    probe = Probe(serve("tests.support.apps.probe:app", *engine, "--cancel-on-disconnect"))
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={name}"))
        probe.notes(name, until="called")
        leave(client)
    assert probe.notes(name, until="cancelled") == ["called", "cancelled"]


@pytest.mark.parametrize("cut", [1, 30, None])
def test_watching_for_a_disconnect_eats_no_byte(probe: Probe, cut: int | None) -> None:
    """What comes while the application watches is the next request, whole, and no disconnect."""
    name = fresh_name()
    later = request("/echo", "Content-Length: 5", method="POST") + b"later"
    with probe.connect() as client:
        client.send(request(f"/watch?name={name}"))
        probe.notes(name, until="watching")
        client.send(later[:cut])
        probe.notes(name)
        probe.open_gate(name)
        assert client.read_answer().body == name.encode()
        if cut:
            client.send(later[cut:])
        assert client.read_answer().body == b"later"
        assert probe.notes(name) == ["complete", "watching", "there"]


def test_watching_is_cancelled_and_taken_up_again(probe: Probe) -> None:
    """A receive that the application cancelled leaves the connection in order."""
    with probe.connect() as client:
        for _ in range(3):
            name = fresh_name()
            probe.open_gate(name)
            client.send(request(f"/watch?name={name}", "Content-Length: 3", method="POST"))
            client.send(b"abc")
            assert client.read_answer().body == name.encode()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/gated", "/gated-stream"])
def test_a_half_closed_client_gets_its_answer(probe: Probe, path: str, version: str) -> None:
    """A client that has said all it had to say, and waits, is answered; then comes the end."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"{path}?name={name}", version=version))
        client.half_close()
        probe.notes(name, until="called" if path == "/gated" else "first")
        probe.open_gate(name)
        expected = name.encode() if path == "/gated" else b"first,last"
        assert client.read_answer().body == expected
        assert client.read_to_end() == b""


def test_all_that_was_sent_before_a_half_close_is_answered(probe: Probe) -> None:
    """Pipelined requests before the half-close are all answered."""
    with probe.connect() as client:
        client.send(request("/pieces") * 3)
        client.half_close()
        assert [client.read_answer().body for _ in range(3)] == [b"one,two,three"] * 3
        assert client.read_to_end() == b""
