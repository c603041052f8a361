"""Listeners that speak plain text and send everybody to https."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from serverkit_worker.config import WorkerConfig
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.redirecting import HTTPSRedirect
from tests.worker.certificates import authority
from tests.worker.driving import (
    CHUNKED,
    GET,
    Held,
    Wire,
    chunk,
    connect,
    hello,
    make_serving,
    post,
    stepped,
    turns,
)
from tests.worker.handing import Handing
from tests.worker.recorder import Recorder
from tests.worker.running import Client, RunningWorker, listening
from tests.worker.wire_format import only, responses

HANDSHAKE = (
    b"GET /ws?a=1 HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def redirected(*, port: int = 443, config: WorkerConfig | None = None) -> tuple[Wire, Held]:
    """Return a client of a listener that redirects, and the application that must not be called."""
    app = Held()
    serving = make_serving(app, config)
    connection = HTTP1Connection(serving, app=HTTPSRedirect(port))
    return connect(serving, connection=connection), app


def request(target: str = "/", host: str | None = "a.example", version: str = "1.1") -> bytes:
    """Return a request."""
    field = "" if host is None else f"Host: {host}\r\n"
    return f"GET {target} HTTP/{version}\r\n{field}\r\n".encode()


@pytest.mark.parametrize(
    ("host", "port", "there"),
    [
        ("a.example", 443, "https://a.example"),
        ("a.example:80", 443, "https://a.example"),
        ("a.example:", 443, "https://a.example"),
        ("a.example", 8443, "https://a.example:8443"),
        ("a.example:8080", 8443, "https://a.example:8443"),
        ("127.0.0.1:8080", 8443, "https://127.0.0.1:8443"),
        ("[::1]", 443, "https://[::1]"),
        ("[::1]:8080", 443, "https://[::1]"),
        ("[2001:db8::1]:8080", 8443, "https://[2001:db8::1]:8443"),
    ],
)
@stepped
async def test_the_host_stays_and_the_port_changes(host: str, port: int, there: str) -> None:
    """443 is left out, as it is understood."""
    line, app = redirected(port=port)

    response = only(await line.exchange(request(host=host)))

    assert (response.status, response["location"]) == (308, f"{there}/")
    assert response.body == b""
    assert app.calls == []


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("/", "https://a.example/"),
        ("/a/b%20c?x=1&y=%2F?", "https://a.example/a/b%20c?x=1&y=%2F?"),
        ("//b.example/", "https://a.example//b.example/"),
        ("/?", "https://a.example/"),
        ("http://b.example:80/c?d", "https://b.example/c?d"),
        ("http://b.example", "https://b.example/"),
        ("https://b.example/", "https://b.example/"),
    ],
)
@stepped
async def test_the_target_stays(target: str, there: str) -> None:
    """Byte by byte; one in absolute form says for itself which host is meant."""
    line, _ = redirected()

    assert only(await line.exchange(request(target)))["location"] == there


@stepped
async def test_the_server_as_a_whole_has_no_path() -> None:
    """`OPTIONS *` asks for nothing in particular."""
    line, _ = redirected()
    response = only(await line.exchange(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n"))
    assert response["location"] == "https://a.example"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (request(host=None, version="1.0"), "PARSE_MISSING_HOST"),
        (request(host=None), "PARSE_MISSING_HOST"),
        (request(host=":80"), "PARSE_MISSING_HOST"),
        (request(host=""), "PARSE_BAD_HOST"),
        (request(host="a b"), "PARSE_BAD_HOST"),
        (request(host="a/b"), "PARSE_BAD_HOST"),
        (request(host="a@b"), "PARSE_BAD_HOST"),
        (request(host="a\r\nHost: b"), "PARSE_DUPLICATE_HOST"),
    ],
)
@stepped
async def test_without_a_host_there_is_nowhere_to_go(said: bytes, code: str) -> None:
    """Nor with one that is none."""
    line, app = redirected()
    response = only(await line.exchange(said))
    assert (response.status, response.code, response["location"]) == (400, code, None)
    assert app.calls == []


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
@stepped
async def test_every_method_is_redirected(method: str) -> None:
    """By a status that keeps it."""
    line, _ = redirected()
    data = await line.exchange(f"{method} /p HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
    response = only(data, method=method)
    assert (response.status, response["location"]) == (308, "https://a.example/p")


@stepped
async def test_a_websocket_is_redirected() -> None:
    """Its handshake is a request like others here."""
    line, app = redirected()
    response = only(await line.exchange(HANDSHAKE))
    assert (response.status, response["location"]) == (308, "https://a.example/ws?a=1")
    assert only(await line.exchange(request())).status == 308
    assert app.calls == []


@pytest.mark.parametrize("said", [post(b"body"), CHUNKED + chunk(b"body") + chunk(b"")])
@stepped
async def test_a_body_is_read_and_the_connection_goes_on(said: bytes) -> None:
    """The client sends it again to the right place."""
    line, _ = redirected()
    assert only(await line.exchange(said)).status == 308
    assert only(await line.exchange(GET)).status == 308
    assert line.ended == ""


@stepped
async def test_a_client_need_not_send_its_body() -> None:
    """Who asks whether to send it learns that it is wanted elsewhere."""
    line, _ = redirected()
    response = only(await line.exchange(post(length=1_000, fields=b"Expect: 100-continue\r\n")))
    assert (response.status, response.closes) == (308, True)


@stepped
async def test_pipelined_requests_are_answered_in_order() -> None:
    """On one connection, which stays open."""
    line, _ = redirected()
    line.send(b"".join(request(f"/{i}") for i in range(5)))
    await turns()
    assert [each["location"] for each in responses(line.take())] == [
        f"https://a.example/{i}" for i in range(5)
    ]
    assert line.ended == ""


@stepped
async def test_a_drain_closes_it_as_others() -> None:
    """The last response says so."""
    line, _ = redirected()
    line.serving.start_draining("reload")
    assert only(await line.exchange(request())).closes


# On sockets


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """One for https, one that redirects."""
    both = [listening(), listening()]
    yield both
    for each in both:
        each.close()


def test_only_some_listeners_redirect(any_loop: WorkerConfig, sockets: list[socket.socket]) -> None:
    """The others speak TLS."""
    app = Recorder()
    port = sockets[0].getsockname()[1]
    with (
        RunningWorker(
            app,
            config=any_loop,
            sockets=sockets,
            ssl_context=authority().server(),
            redirect_listeners=frozenset({1}),
            redirect_port=port,
        ) as running,
        Client(sockets[1].getsockname()) as plain,
    ):
        response = plain.ask(request("/there?x", host="localhost:1"))
        assert (response.status, response["location"]) == (308, f"https://localhost:{port}/there?x")
        with Client(running.address, ssl_context=authority().client()) as secure:
            assert secure.ask(GET).body == b"hello"
    assert [scope["scheme"] for scope in app.scopes if scope["type"] == "http"] == ["https"]


def test_handed_connections_are_redirected(any_loop: WorkerConfig) -> None:
    """By the listener that they came to."""
    with (
        Handing() as handing,
        RunningWorker(
            hello,
            config=any_loop,
            connections=handing,
            ssl_context=authority().server(),
            redirect_listeners=frozenset({0}),
        ),
        handing.client() as client,
    ):
        assert client.ask(request())["location"] == "https://a.example/"


def test_redirects_count_as_connections(
    any_loop: WorkerConfig, sockets: list[socket.socket]
) -> None:
    """There is one limit for all."""
    config = replace(any_loop, max_connections=1)
    with (
        RunningWorker(
            hello,
            config=config,
            sockets=sockets,
            ssl_context=authority().server(),
            redirect_listeners=frozenset({1}),
        ),
        Client(sockets[1].getsockname()) as first,
        Client(sockets[1].getsockname()) as second,
    ):
        assert first.ask(request()).status == 308
        assert second.ask(request()).status == 503
