"""Clients of a worker that speaks TLS: old and new, slow, silent, gone, and those that do not."""

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.certificates import authority
from tests.worker.driving import GET, hello, post
from tests.worker.handing import Handing
from tests.worker.recorder import Recorder
from tests.worker.running import WAIT_S, Address, Client, RunningWorker, eventually
from tests.worker.tls_peer import TLSPeer
from tests.worker.wire_format import only

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
PATIENCE_S = 10 * WAIT_S
BIG = bytes(range(256)) * 20_000
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Served:
    """A worker that speaks TLS, and how its clients come to it.

    Attributes:
        running: the worker.
        address: of its listener.
    """

    def __init__(self, running: RunningWorker, address: Address) -> None:
        self.running = running
        self.address = address

    def client(self, context: ssl.SSLContext | None = None) -> Client:
        """Connect by TLS."""
        return Client(self.address, ssl_context=context or authority().client())

    def stranger(self) -> Client:
        """Connect, and say nothing yet."""
        return Client(self.address)


type App = object


@contextlib.contextmanager
def served(
    app: App, config: WorkerConfig, *, handed: bool, context: ssl.SSLContext | None = None
) -> Iterator[Served]:
    """Run a worker, which is handed its connections or accepts them."""
    assert callable(app)
    context = context or authority().server()
    if not handed:
        with RunningWorker(app, config=config, ssl_context=context) as running:
            yield Served(running, running.address)
        return
    with (
        Handing() as handing,
        RunningWorker(app, config=config, connections=handing, ssl_context=context) as running,
    ):
        address = handing.listener.getsockname()
        ending = threading.Event()

        def accept() -> None:
            while True:
                accepted, _ = handing.listener.accept()
                if ending.is_set():
                    accepted.close()
                    return
                handing.give(accepted)

        with ThreadPoolExecutor(1) as pool:
            accepting = pool.submit(accept)
            try:
                yield Served(running, address)
            finally:
                ending.set()
                socket.create_connection(address, WAIT_S).close()
                accepting.result(WAIT_S)


@pytest.fixture(params=[False, True], ids=["accepted", "handed"])
def handed(request: pytest.FixtureRequest) -> bool:
    """Whether somebody else has accepted the connections."""
    return bool(request.param)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """See that nobody's behaviour makes an error in the log, let alone a traceback."""
    yield
    assert [each.getMessage() for each in caplog.records if each.levelname != "DEBUG"] == []


class PeerClient:
    """A client whose TLS is not the socket's: it can half-close, and say things out of turn."""

    def __init__(self, served: Served) -> None:
        self.client = served.stranger()
        self.peer = TLSPeer()
        self.said = b""
        data = b""
        while not self.peer.is_secure:
            self.client.send(self.peer.shake(data))
            if not self.peer.is_secure:
                data = self.client.socket.recv(65_536)
                assert data

    def send(self, data: bytes) -> None:
        """Say something."""
        self.client.send(self.peer.encrypt(data))

    def read_to_end(self) -> bytes:
        """Return all that is said until the connection ends."""
        with contextlib.suppress(ConnectionError):
            while data := self.client.socket.recv(65_536):
                self.said += self.peer.decrypt(data)
        self.peer.end()
        return self.said


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_session_can_be_resumed(
    any_loop: WorkerConfig, version: ssl.TLSVersion, *, handed: bool
) -> None:
    """The second handshake is the shorter one, and the scope says the same."""
    app = Recorder()
    context = authority().client(version=version)
    with served(app, any_loop, handed=handed) as server:
        with server.client(context) as client:
            assert client.ask(GET).status == 200
            assert isinstance(client.socket, ssl.SSLSocket)
            assert not client.socket.session_reused
            session = client.socket.session
        assert session is not None
        with server.stranger() as client:
            client.socket = secured = context.wrap_socket(
                client.socket, server_hostname="localhost", session=session
            )
            assert client.ask(GET).status == 200
            assert secured.session_reused

    first, second = (scope["extensions"]["tls"] for scope in app.scopes if scope["type"] == "http")
    assert first == second


def test_a_resumed_session_still_has_its_client(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Who has shown a certificate need not show it again."""
    app = Recorder()
    context = authority().client(authority().ca.issue_cert("me@example.org"))
    asking = authority().server(asks=ssl.CERT_REQUIRED)
    with served(app, any_loop, handed=handed, context=asking) as server:
        with server.client(context) as client:
            assert client.ask(GET).status == 200
            assert isinstance(client.socket, ssl.SSLSocket)
            session = client.socket.session
        with server.stranger() as client:
            client.socket = secured = context.wrap_socket(
                client.socket, server_hostname="localhost", session=session
            )
            assert client.ask(GET).status == 200
            assert secured.session_reused

    first, second = (scope["extensions"]["tls"] for scope in app.scopes if scope["type"] == "http")
    assert first["client_cert_chain"][0] == second["client_cert_chain"][0]
    assert first["client_cert_name"] == second["client_cert_name"]


def test_silent_clients_are_in_nobody_s_way(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Two hundred of them, of which some have begun to shake hands."""
    config = replace(any_loop, ssl_handshake_timeout=PATIENCE_S)
    greeting = TLSPeer().shake()
    with served(hello, config, handed=handed) as server, contextlib.ExitStack() as crowd:
        for i in range(200):
            silent = crowd.enter_context(server.stranger())
            silent.send(greeting[: i % 3 * 40])
        with server.client() as client:
            assert client.ask(GET).body == b"hello"
        crowd.close()
        eventually(server.running.worker.is_idle)


def test_silent_clients_do_not_hold_up_a_shutdown(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Nor who has begun to shake hands."""
    config = replace(any_loop, ssl_handshake_timeout=PATIENCE_S, shutdown_timeout=PATIENCE_S)
    with served(hello, config, handed=handed) as server, contextlib.ExitStack() as crowd:
        silent = [crowd.enter_context(server.stranger()) for _ in range(20)]
        for each in silent[:10]:
            each.send(TLSPeer().shake())
        eventually(lambda: not server.running.worker.is_idle())
        with server.running.ended_within(WAIT_S):
            server.running.worker.shutdown()


def test_a_silent_client_is_closed(any_loop: WorkerConfig, *, handed: bool) -> None:
    """After `ssl_handshake_timeout`."""
    config = replace(any_loop, ssl_handshake_timeout=0.2)
    with served(hello, config, handed=handed) as server, server.stranger() as client:
        assert client.read_to_end() == b""


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("said", ["nothing", "half", "hello"])
def test_clients_may_vanish_within_the_handshake(
    any_loop: WorkerConfig, how: str, said: str, *, handed: bool
) -> None:
    """That is their business; others are served."""
    config = replace(any_loop, ssl_handshake_timeout=PATIENCE_S)
    greeting = TLSPeer().shake()
    with served(hello, config, handed=handed) as server:
        for _ in range(5):
            with server.stranger() as client:
                client.send({"nothing": b"", "half": greeting[:50], "hello": greeting}[said])
                if how == "RST":
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        with server.client() as client:
            assert client.ask(GET).status == 200
        eventually(server.running.worker.is_idle)


def test_a_plain_request_is_told_to_use_https(any_loop: WorkerConfig, *, handed: bool) -> None:
    """In plain text, also if it comes in pieces."""
    with served(hello, any_loop, handed=handed) as server:
        for pieces in ([GET], [b"GET", b" / HTTP/1.1\r\nHost: a\r\n\r\n"], [b"nonsense\r\n\r\n"]):
            with server.stranger() as client:
                for piece in pieces:
                    client.send(piece)
                assert (response := client.read()).status == 400
                assert response.code == "TLS_EXPECTED"
                assert client.read_to_end() == b""


def test_who_cannot_agree_is_told_why(any_loop: WorkerConfig, *, handed: bool) -> None:
    """By an alert."""
    context = authority().server(version=TLS13)
    with (
        served(hello, any_loop, handed=handed, context=context) as server,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
    ):
        server.client(authority().client(version=TLS12))


def test_who_has_no_certificate_reads_why(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Though its request was on the way already when it was refused."""
    context = authority().server(asks=ssl.CERT_REQUIRED)
    with (
        served(hello, any_loop, handed=handed, context=context) as server,
        server.client(authority().client(version=TLS13)) as client,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"),
    ):
        client.ask(GET)


def test_the_last_response_is_read_slowly(any_loop: WorkerConfig, *, handed: bool) -> None:
    """It is sent whole, however late the client begins to read it."""
    responded = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": BIG})
            responded.set()

    with served(app, any_loop, handed=handed) as server:
        peer = PeerClient(server)
        with peer.client:
            peer.send(CLOSING)
            assert responded.wait(WAIT_S)
            assert only(peer.read_to_end()).body == BIG
            assert peer.peer.has_goodbye


def test_big_bodies_go_both_ways_at_once(any_loop: WorkerConfig, *, handed: bool) -> None:
    """The application sends back what it gets, as fast as the client takes it."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    config = replace(any_loop, max_request_size=len(BIG))
    with served(echo, config, handed=handed) as server, ThreadPoolExecutor(1) as pool:
        peer = PeerClient(server)
        with peer.client:
            data = peer.peer.encrypt(post(BIG).replace(b"Host: a", b"Host: a\r\nConnection: close"))
            sending = pool.submit(peer.client.send, data)
            assert only(peer.read_to_end()).body == BIG
            sending.result(WAIT_S)


def test_a_client_may_half_close(any_loop: WorkerConfig, *, handed: bool) -> None:
    """By TLS, by TCP or by both: the response still comes."""
    with served(hello, any_loop, handed=handed) as server:
        for says, ends in ((True, False), (False, True), (True, True)):
            peer = PeerClient(server)
            with peer.client:
                peer.send(GET)
                if says:
                    peer.client.send(peer.peer.goodbye())
                if ends:
                    peer.client.socket.shutdown(socket.SHUT_WR)
                assert only(peer.read_to_end()).body == b"hello"
                assert peer.peer.has_goodbye


def test_the_end_is_announced(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Clients that mind are content."""
    with served(hello, any_loop, handed=handed) as server, server.stranger() as client:
        client.socket = (
            authority()
            .client()
            .wrap_socket(client.socket, server_hostname="localhost", suppress_ragged_eofs=False)
        )
        assert client.ask(CLOSING).body == b"hello"
        assert client.socket.recv(1) == b""


def test_garbage_in_a_secure_connection_ends_it(any_loop: WorkerConfig, *, handed: bool) -> None:
    """Nobody else is harmed."""
    with served(hello, any_loop, handed=handed) as server:
        peer = PeerClient(server)
        with peer.client, contextlib.suppress(ssl.SSLError):
            peer.client.send(b"garbage" * 1_000)
            peer.read_to_end()
        with server.client() as client:
            assert client.ask(GET).status == 200
        eventually(server.running.worker.is_idle)


def test_a_file_is_sent(any_loop: WorkerConfig, tmp_path: Path, *, handed: bool) -> None:
    """By the extension "Path Send"."""
    path = tmp_path / "file"
    path.write_bytes(BIG)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.pathsend", "path": str(path)})

    with served(app, any_loop, handed=handed) as server, server.client() as client:
        assert client.ask(GET).body == client.ask(GET).body == BIG


def test_a_client_cannot_renegotiate(any_loop: WorkerConfig) -> None:
    """Each time would cost the server more than the client."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("asks for it with openssl")
    with served(hello, any_loop, handed=False) as server:
        assert isinstance(server.address, tuple)
        host, port, *_ = server.address
        result = subprocess.run(
            [openssl, "s_client", "-tls1_2", "-connect", f"{host}:{port}"],
            input=b"R\n" + GET,
            capture_output=True,
            check=False,
            timeout=WAIT_S,
        )
        assert b"RENEGOTIATING" in result.stdout + result.stderr
        assert b"no renegotiation" in result.stdout + result.stderr
        assert b"HTTP/1.1 200" not in result.stdout
        eventually(server.running.worker.is_idle)
