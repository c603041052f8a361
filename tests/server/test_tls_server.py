"""A server that speaks TLS: where it listens, what it sends on, and what it says of itself."""

import asyncio
import contextlib
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server.address import Address, TCPAddress, UnixAddress
from serverkit_server.banner import describe_tls, print_banner
from serverkit_server.bind import open_listeners
from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError, TLSSetupError
from serverkit_server.process_worker import ProcessWorkerFactory
from serverkit_server.served_tls import Redirect, load_certificates
from serverkit_server.server import Server
from serverkit_server.testing import TestServer
from serverkit_server.worker_plan import WorkerPlan
from serverkit_worker.asgi import Receive, Scope, Send
from tests.server.key_pairs import BOUND_S, Issuer, Pair, get_over_tls, served
from tests.server.served import App, ask, config_of, in_loop, respond


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def pair(issuer: Issuer) -> Pair:
    """A certificate for loopback and its key."""
    return issuer.write("good")


async def tell_scheme(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with the scheme of the request."""
    if scope["type"] == "http":
        await respond(send, scope["scheme"].encode())
    else:
        raise NotImplementedError


def redirected(port: int, path: str = "/x?y=1", host: str = "shop.example") -> tuple[int, str]:
    """Ask a listener without TLS; give status and Location."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND_S)
    with contextlib.closing(client):
        client.request("GET", path, headers={"Host": host})
        response = client.getresponse()
        return response.status, str(response.getheader("location"))


@pytest.mark.parametrize("mode", ["async", "thread"])
def test_serves_over_tls(issuer: Issuer, pair: Pair, mode: str) -> None:
    """The URL says https, and the application is told the scheme."""
    with TestServer(tell_scheme, worker_mode=mode, **pair.traits) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        address = (server.host, server.port)
        assert get_over_tls(address, issuer.trusting()) == b"https"
        assert served(address) == pair.der


@pytest.mark.parametrize("mode", ["async", "thread"])
def test_a_listener_without_tls_sends_clients_on(pair: Pair, mode: str) -> None:
    """To the port of the first listener with TLS, with path and query."""
    config = config_of(worker_mode=mode, redirect_bind=("127.0.0.1:0",), **pair.settings)
    locations = []

    @in_loop
    async def check() -> None:
        async with Server(config, tell_scheme) as server:
            (_, port), (_, plain) = server.bound_addrs
            assert server.url == f"https://127.0.0.1:{port}"
            found = await asyncio.to_thread(redirected, plain)
            locations.append(found == (308, f"https://shop.example:{port}/x?y=1"))

    check()
    assert locations == [True]


@pytest.mark.parametrize(
    ("given", "bound", "expected"),
    [(None, 8443, 8443), (443, 8443, 443), (None, None, 443)],
)
def test_clients_are_sent_to_the_port_of_https(
    tmp_path: Path, given: int | None, bound: int | None, expected: int
) -> None:
    """The one that is named, else that of the first listener that has one, else 443."""
    config = ServerConfig(ssl_certfile="c", redirect_bind=("127.0.0.1:0",), redirect_port=given)
    own = TCPAddress("127.0.0.1", 0) if bound else UnixAddress(str(tmp_path / "s"))
    with open_listeners(
        [own], backlog=1, unix_mode=0o600, redirects=config.redirect_addresses(), scheme="https"
    ) as listeners:
        if bound:
            listeners.bound_addrs[0] = ("127.0.0.1", bound)
        assert Redirect.of(config, listeners) == Redirect(listeners=frozenset({1}), port=expected)


def test_listeners_that_redirect_come_last(tmp_path: Path) -> None:
    """They have URLs of their own, which are of http; a path has no scheme."""
    redirects: list[Address] = [TCPAddress("127.0.0.1", 0), UnixAddress(str(tmp_path / "plain"))]
    with open_listeners(
        [UnixAddress(str(tmp_path / "s")), TCPAddress("127.0.0.1", 0)],
        backlog=1,
        unix_mode=0o600,
        redirects=redirects,
        scheme="https",
    ) as listeners:
        port, plain = (listeners.bound_addrs[index][1] for index in (1, 2))
        assert listeners.redirecting == {2, 3}
        assert listeners.urls == [f"unix:{tmp_path / 's'}", f"https://127.0.0.1:{port}"]
        assert listeners.redirect_urls == [
            f"http://127.0.0.1:{plain}",
            f"unix:{tmp_path / 'plain'}",
        ]
        assert listeners.first_port == port


def test_a_unix_socket_can_speak_tls(issuer: Issuer, pair: Pair, tmp_path: Path) -> None:
    """As any other; certificates name hosts all the same."""
    path = str(tmp_path / "socket")
    with (
        TestServer(tell_scheme, uds=path, **pair.traits),
        socket.socket(socket.AF_UNIX) as plain,
    ):
        plain.settimeout(BOUND_S)
        plain.connect(path)
        with issuer.trusting().wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: secure.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"https")


@pytest.mark.parametrize("mode", ["async", "thread", "process"])
def test_does_not_start_with_files_that_are_wrong(pair: Pair, mode: str) -> None:
    """Whatever the workers are, it says so before anything is bound."""
    pair.keyfile.unlink()
    server = Server(config_of(worker_mode=mode, **pair.settings), "tests.server.served:App()")
    with pytest.raises(TLSSetupError, match="There is no file") as caught:
        server.run()
    assert caught.value.setting == "ssl_keyfile"
    assert server.bound_addr is None


def test_files_are_loaded_before_processes_are_started(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To find out what is wrong, and for processes that start later; code of others is not run."""
    config = ServerConfig.from_mapping(pair.settings)
    processes = WorkerPlan(place="process", count=2, is_free=True)
    monkeypatch.setenv("SSLKEYLOGFILE", str(pair.certfile.with_name("keys.log")))
    loaded = load_certificates(config, processes)
    assert loaded is not None
    assert set(loaded.kept_files()) == set(pair.settings.values())
    assert "SSLKEYLOGFILE is set" in caplog.text
    threads = load_certificates(config, WorkerPlan(place="thread", count=2, is_free=True))
    assert threads is not None
    assert threads.kept_files() == {}
    assert load_certificates(ServerConfig(), processes) is None
    foreign = ServerConfig(ssl_context_factory="no_such_module_here:make")
    assert load_certificates(foreign, processes) is None
    pair.keyfile.unlink()
    with pytest.raises(TLSSetupError):
        load_certificates(config, processes)


class Loads:
    """Makes the usual context, and notes how often. Owner: the test that asks for it."""

    def __init__(self) -> None:
        self.configs: list[ServerConfig] = []
        self.twice = threading.Event()

    def __call__(
        self, config: ServerConfig, default: Callable[[], ssl.SSLContext]
    ) -> ssl.SSLContext:
        """Make the context."""
        self.configs.append(config)
        if len(self.configs) == 2:
            self.twice.set()
        return default()


@pytest.mark.parametrize("mode", ["async", "thread"])
def test_a_reload_loads_certificates(pair: Pair, mode: str, tmp_path: Path) -> None:
    """Also what no file tells of; a single worker cannot be replaced, but does this much."""
    loads = Loads()
    # In a folder of its own: a reload in threads imports anew all that lies below it.
    (tmp_path / "reloaded_over_tls.py").write_text("from tests.server.served import App\n")
    config = config_of(
        worker_mode=mode, ssl_context_factory=loads, app_dir=str(tmp_path), **pair.settings
    )

    @in_loop
    async def check() -> None:
        async with Server(config, "reloaded_over_tls:App()") as server:
            assert len(loads.configs) == 1
            await asyncio.to_thread(server.graceful_reload)
            await asyncio.to_thread(loads.twice.wait, BOUND_S)

    check()
    assert loads.configs == [config, config]


def test_a_reload_of_what_cannot_be_loaded_says_nothing_else(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody reads that a certificate was loaded which was not."""
    caplog.set_level(logging.INFO)
    config = config_of(worker_mode="async", **pair.settings)

    @in_loop
    async def check() -> None:
        async with Server(config, "tests.server.served:App()") as server:
            pair.keyfile.write_text("no key")
            await asyncio.to_thread(server.graceful_reload)

    check()
    assert "the one before serves on" in caplog.text
    assert "have been loaded anew" not in caplog.text


def test_a_function_must_travel_to_processes(pair: Pair) -> None:
    """One that has no name of its own is refused, and how to give it."""
    config = ServerConfig.from_mapping(
        {**pair.settings, "ssl_context_factory": lambda _config, default: default()}
    )
    factory = ProcessWorkerFactory(config=config, app="a:b", lifecycle_collector=None)
    with pytest.raises(StartupError, match="cannot be passed to a process") as caught:
        factory.check_travels()
    assert caught.value.setting == "ssl_context_factory"
    assert "module:function" in caught.value.remedy


def test_a_process_loads_certificates_for_itself(pair: Pair) -> None:
    """And knows what only redirects."""
    config = ServerConfig.from_mapping(pair.settings)
    redirect = Redirect(listeners=frozenset({1}), port=8443)
    factory = ProcessWorkerFactory(
        config=config, app="a:b", lifecycle_collector=None, redirect=redirect
    )
    tls = factory.load_tls()
    assert tls is not None
    assert tls.redirect == redirect
    assert tls.certificates.certificate_of(tls.certificates.current()) == pair.pem
    plain = ProcessWorkerFactory(config=ServerConfig(), app="a:b", lifecycle_collector=None)
    assert plain.load_tls() is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ""),
        ({"ssl_certfile": "c"}, "1.2 and newer"),
        (
            {
                "ssl_certfile": "c",
                "ssl_minimum_version": "1.3",
                "ssl_cert_reqs": "required",
                "ssl_ca_certs": "a",
            },
            "1.3 and newer, certificates of clients are required",
        ),
        ({"ssl_context_factory": "a:b"}, "as ssl_context_factory makes it"),
    ],
)
def test_tls_is_described_in_a_few_words(settings: dict[str, object], expected: str) -> None:
    """For the banner and for `check`."""
    assert describe_tls(ServerConfig.from_mapping(settings)) == expected


def test_the_banner_tells_of_tls(capsys: pytest.CaptureFixture[str]) -> None:
    """The address that people open, the one that redirects there, and how it is encrypted."""
    print_banner(
        ServerConfig(ssl_certfile="c"),
        ["https://127.0.0.1:8443"],
        plan=WorkerPlan(place="single", count=1, is_free=True),
        worker_pids=[],
        version="1",
        app="a:b",
        loop="asyncio",
        log_format="text",
        redirect_urls=["http://127.0.0.1:8080"],
    )
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().err.splitlines()]
    assert ["serves", "at  https://127.0.0.1:8443"] in lines
    assert ["http://127.0.0.1:8080,", "which redirects there"] in lines
    assert ["tls", "1.2 and newer"] in lines


@in_loop
async def test_plain_servers_are_as_before() -> None:
    """Without a certificate nothing of this is there."""
    async with Server(config_of(), App()) as server:
        assert str(server.url).startswith("http://")
        assert await ask(server) == b"hello"


def test_addresses_are_logged_with_their_scheme(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads the log finds where to connect, and how."""
    with caplog.at_level(logging.INFO, "serverkit.server"), TestServer(App(), **pair.traits) as s:
        assert f"Serving at https://127.0.0.1:{s.port}" in caplog.text
