"""A worker that is given a TLS context."""

import asyncio
import gc
import ssl
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.tls import FixedContext
from serverkit_worker.tls_handshake import TLSHandshake
from serverkit_worker.worker import Worker
from tests.worker.certificates import authority
from tests.worker.driving import CHUNKED, GET, chunk, hello, post
from tests.worker.running import WAIT_S, Client, RunningWorker, eventually, listening


class Secured(RunningWorker):
    """A worker that speaks TLS."""

    def __init__(self, app: object, config: WorkerConfig) -> None:
        assert callable(app)
        super().__init__(app, config=config, ssl_context=authority().server())

    def client(self) -> Client:
        """Connect by TLS."""
        return Client(self.address, ssl_context=authority().client())


def test_it_serves_https(any_loop: WorkerConfig) -> None:
    """The scope says so, and who talks to whom."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scopes.append(scope)
            await hello(scope, receive, send)

    with Secured(app, any_loop) as running, running.client() as client:
        ours = client.socket.getsockname()
        for _ in range(3):
            assert client.ask(GET).body == b"hello"

    assert {scope["scheme"] for scope in scopes} == {"https"}
    assert {scope["client"] for scope in scopes} == {ours}


def test_bodies_go_both_ways(any_loop: WorkerConfig) -> None:
    """Larger than any buffer in between."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    with Secured(echo, any_loop) as running, running.client() as client:
        body = bytes(range(256)) * 1_000
        assert client.ask(post(body)).body == body
        assert client.ask(CHUNKED + chunk(body) + chunk(b"")).body == body


def test_an_early_answer_is_read(any_loop: WorkerConfig) -> None:
    """Though the rest of the body is not."""
    with Secured(hello, any_loop) as running, running.client() as client:
        response = client.ask(post(b"x", length=100_000_000))
        assert (response.status, response.closes) == (413, True)


def test_it_serves_https_on_a_unix_socket(any_loop: WorkerConfig, tmp_path: Path) -> None:
    """What carries TLS does not matter."""
    context = authority().server()
    with (
        RunningWorker(hello, str(tmp_path / "s"), config=any_loop, ssl_context=context) as running,
        Client(running.address, ssl_context=authority().client()) as client,
    ):
        assert client.ask(GET).body == client.ask(GET).body == b"hello"


def test_a_context_for_clients_is_refused() -> None:
    """At once, not with each connection."""
    with listening() as sock, pytest.raises(ValueError, match="ssl_context must be one for"):
        Worker(WorkerConfig(), hello, sock, ssl_context=authority().client())


def test_each_connection_gets_the_context_of_its_time(any_loop: WorkerConfig) -> None:
    """So certificates change without a restart, and those who are connected see nothing of it."""
    asked: list[str] = []
    names = iter(["one.example", "two.example"])

    class Changing:
        def current(self) -> ssl.SSLContext:
            return authority().server(authority().ca.issue_cert(next(names)))

        def certificate_of(self, context: ssl.SSLContext) -> str | None:
            return FixedContext(context).certificate_of(context)

    def connect(running: RunningWorker, name: str) -> Client:
        client = Client(running.address)
        client.socket = authority().client().wrap_socket(client.socket, server_hostname=name)
        return client

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.append(scope["extensions"]["tls"]["server_cert"])
            await hello(scope, receive, send)

    with (
        RunningWorker(app, config=any_loop, ssl_context=Changing()) as running,
        connect(running, "one.example") as one,
        connect(running, "two.example") as two,
    ):
        for client in (one, two, one):
            assert client.ask(GET).status == 200
    assert asked[0] == asked[2] != asked[1]


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Let nothing be freed that is not let go of."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_connections_that_end_leave_nothing_behind(any_loop: WorkerConfig) -> None:
    """Neither those that were served nor those that came to nothing wait to be collected."""
    alive: weakref.WeakSet[ssl.SSLObject] = weakref.WeakSet()

    class Noted(ssl.SSLObject):
        def do_handshake(self) -> None:
            alive.add(self)
            super().do_handshake()

    context = authority().server()
    context.sslobject_class = Noted
    with RunningWorker(hello, config=any_loop, ssl_context=context) as running:
        for _ in range(3):
            with Client(running.address, ssl_context=authority().client()) as client:
                assert client.ask(GET).status == 200
            with Client(running.address) as client:
                client.send(b"\x16\x03\x01\x00\x05nope!")
            with Client(running.address) as client:
                client.send(b"\x16\x03\x01\x00\x05")
        eventually(running.worker.is_idle)
        eventually(lambda: not alive)


@pytest.mark.parametrize("first", [b"", GET, b"\x16\x03\x01\x00\x05nope!"])
def test_what_is_no_tls_harms_nobody_else(any_loop: WorkerConfig, first: bytes) -> None:
    """A client that speaks something else, or leaves at once."""
    with Secured(hello, any_loop) as running:
        with Client(running.address) as stranger:
            stranger.send(first)
        with running.client() as client:
            assert client.ask(GET).status == 200
        eventually(running.worker.is_idle)


def shaking_hands(running: RunningWorker) -> bool:
    """Return whether a connection is being made."""
    serving = running.worker._serving
    return serving is not None and any(
        isinstance(each, TLSHandshake) for each in serving.connections
    )


def test_a_reload_waits_for_handshakes(any_loop: WorkerConfig) -> None:
    """The connection was accepted, so it is served."""
    config = replace(any_loop, reload_timeout=10 * WAIT_S, ssl_handshake_timeout=10 * WAIT_S)
    with Secured(hello, config) as running, Client(running.address) as client:
        eventually(lambda: shaking_hands(running))
        assert not running.worker.is_idle()
        running.worker.start_draining()
        eventually(lambda: running.worker._serving and running.worker._serving.draining)
        client.socket = authority().client().wrap_socket(client.socket, server_hostname="localhost")
        with running.ended_within(WAIT_S):
            response = client.ask(GET)
        assert (response.status, response.closes) == (200, True)


def test_a_shutdown_does_not_wait_long_for_handshakes(any_loop: WorkerConfig) -> None:
    """Nobody is kept from ending by a client that says nothing."""
    config = replace(any_loop, shutdown_timeout=10 * WAIT_S, ssl_handshake_timeout=10 * WAIT_S)
    with Secured(hello, config) as running, Client(running.address) as client:
        eventually(lambda: shaking_hands(running))
        with running.ended_within(WAIT_S):
            running.worker.shutdown()
        assert client.read_to_end() == b""


def test_an_abort_leaves_nothing_behind() -> None:
    """No handshake goes on in the loop that goes on."""

    async def main() -> None:
        with listening() as sock, Client(sock.getsockname()):
            context = authority().server()
            worker = Worker(WorkerConfig(), hello, sock, ssl_context=context)
            task = asyncio.create_task(worker.serve())
            async with asyncio.timeout(WAIT_S):
                while worker.is_idle():  # noqa: ASYNC110  nobody announces it
                    await asyncio.sleep(0)
                worker.abort()
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_drain_ends_idle_connections(any_loop: WorkerConfig) -> None:
    """By an orderly close, though not all clients answer to it."""
    patient = replace(any_loop, shutdown_timeout=10 * WAIT_S)
    with Secured(hello, patient) as running, running.client() as client:
        assert client.ask(GET).status == 200
        with running.ended_within(WAIT_S):
            running.worker.shutdown()
        assert client.read_to_end() == b""
