"""Bytes that are no HTTP/1 are refused, once, and the connection ends (RFC 9112)."""

import pytest

from tests.support.malformed import BODIES, HEADS
from tests.support.probe import Probe, fresh_name, request


@pytest.mark.parametrize("vector", HEADS)
def test_a_malformed_head_reaches_no_application(probe: Probe, vector: str) -> None:
    """One refusal that says close, no call of the application, nothing behind it is served."""
    data, statuses = HEADS[vector]
    before = probe.calls()
    with probe.connect() as client:
        client.send_what_is_taken(data + request("/smuggled"))
        answer = client.read_answer()
        assert answer.status in statuses
        assert answer.closes
        assert (answer.field("x-serverkit-error-code") or "").startswith("SERVERKIT_")
        assert client.read_to_end() == b""
    assert probe.calls() == before


@pytest.mark.parametrize("vector", BODIES)
def test_a_malformed_body_is_never_complete(probe: Probe, vector: str) -> None:
    """One 400 that says close; the application never takes the body for complete."""
    name = fresh_name()
    with probe.connect() as client:
        client.send_what_is_taken(BODIES[vector].replace(b"NAME", name.encode()))
        answer = client.read_answer()
        assert answer.status in ({400, 431} if vector.startswith("trailer") else {400})
        assert answer.closes
        assert client.read_to_end() == b""
    assert "complete" not in probe.notes(name)


def test_a_refusal_names_its_reason_by_a_stable_code(probe: Probe) -> None:
    """Clients and logs can tell refusals apart by X-Serverkit-Error-Code."""
    codes = {probe.ask(HEADS[name][0]).field("x-serverkit-error-code") for name in HEADS}
    assert len(codes) >= 6


def test_absolute_form(probe: Probe) -> None:
    """The authority of an absolute target replaces Host, and its path is the path."""
    answer = probe.ask(request("http://other.example:81/scope?x=1", "Connection: close"))
    assert answer.status == 200
    assert b'"/scope"' in answer.body
    assert b"other.example:81" in answer.body
    assert b"testing" not in answer.body


def test_absolute_form_without_path(probe: Probe) -> None:
    """An absolute target that ends with its authority asks for the root."""
    assert probe.ask(request("http://other.example", "Connection: close")).body == b"hello"


def test_asterisk_form(probe: Probe) -> None:
    """`OPTIONS *` asks about the server itself."""
    answer = probe.ask(request("*", "Connection: close", method="OPTIONS"))
    assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "QUERY", "PROPFIND", "x-own"])
def test_any_method_that_is_a_token_passes(probe: Probe, method: str) -> None:
    """The application decides which methods there are; ASGI gives it them in upper case."""
    answer = probe.ask(request("/scope", "Connection: close", method=method), method=method)
    assert f'["str", "{method.upper()}"]'.encode() in answer.body


@pytest.mark.parametrize(
    "line", ["X-A:", "X-A:no space", "X-A: \t spaced \t ", "X-A: caf\xe9", 'X-A: a,b;c="d\\"e"']
)
def test_what_a_value_may_be(probe: Probe, line: str) -> None:
    """Empty values, spaces around them and bytes beyond ASCII are all right."""
    assert probe.get("/", line).status == 200
