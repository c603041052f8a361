"""The server as a service of systemd: sockets it is given, and what it says."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.supervised.editable import NAME, EditableApp, ask
from tests.support.raw_client import RawClient
from tests.support.server_process import ROOT, WAIT_S, ServerProcess
from tests.support.supervised import lives, until

pytestmark = pytest.mark.slow
APP = "tests.integration.server.stubborn_app:app"
MODES = {
    "single": (),
    "thread": ("--worker-mode", "thread", "--workers", "2"),
    "process": ("--worker-mode", "process", "--workers", "2"),
}


class Manager:
    """Hears what a service says, as systemd does. Owner: one test."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(path))
        self._listener.settimeout(WAIT_S)

    def close(self) -> None:
        """Hear nothing more."""
        self._listener.close()

    def hear(self, beginning: str) -> str:
        """Return the next message that begins in this way, once it has come."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            message = self._listener.recv(4096).decode()
            self.said.append(message)
            if message.startswith(beginning):
                return message
        raise AssertionError(f"{beginning} was not said, but {self.said}")

    def falls_silent(self, message: str) -> bool:
        """Say whether a message that comes five times a second comes no more."""
        self._listener.settimeout(2.0)
        try:
            while self._listener.recv(4096).decode() == message:
                pass
        except TimeoutError:
            return True
        return False


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """Listen where servers are told to speak to."""
    path = tmp_path / "notify"
    found = Manager(path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    yield found
    found.close()


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Return a kind of worker."""
    name: str = request.param
    return name


def test_the_life_of_a_service(serve: Serve, manager: Manager, tmp_path: Path, mode: str) -> None:
    """It says when it is ready, reloads, is ready again, and stops; and how it goes."""
    app = EditableApp(tmp_path)
    server = serve(f"{NAME}:app", *app.flags, *MODES[mode])
    url = re.escape(server.url)
    assert re.fullmatch(f"READY=1\nSTATUS=Serving at {url}", manager.hear("READY"))
    server.send_signal(signal.SIGHUP)
    assert re.fullmatch("RELOADING=1\nMONOTONIC_USEC=[0-9]+", manager.hear("RELOADING"))
    failed = "; the last reload failed" if mode == "single" else ""
    assert re.fullmatch(f"READY=1\nSTATUS=Serving at {url}{failed}", manager.hear("READY"))
    server.send_signal(signal.SIGTERM)
    assert manager.hear("STOPPING") == "STOPPING=1"
    assert server.wait() == 0
    assert not [each for each in manager.said if each.startswith(("WATCHDOG", "MAINPID"))]


def test_a_reload_that_fails(serve: Serve, manager: Manager, tmp_path: Path) -> None:
    """The service is ready again all the same, and its status says what happened."""
    app = EditableApp(tmp_path)
    server = serve(f"{NAME}:app", *app.flags, *MODES["process"])
    manager.hear("READY")
    app.write("second", on_import="raise RuntimeError('no such luck')")
    server.send_signal(signal.SIGHUP)
    manager.hear("RELOADING")
    assert manager.hear("READY").endswith("; the last reload failed")
    assert ask(server).version == "first"


def test_the_watchdog_hears_who_works(
    serve: Serve, manager: Manager, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Signs of life come again and again while the server works."""
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    serve(APP, *MODES[mode])
    manager.hear("READY")
    for _ in range(3):
        assert manager.hear("WATCHDOG") == "WATCHDOG=1"


def test_the_watchdog_misses_who_hangs(
    serve: Serve, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the application blocks its event loop the signs of life end."""
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    server = serve(APP)
    manager.hear("WATCHDOG")
    with RawClient(server.address) as client:
        client.send_what_is_taken(b"GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_output("got /block")
        assert manager.falls_silent("WATCHDOG=1")
        for number in (signal.SIGINT, signal.SIGTERM):
            server.send_signal(number)
        assert server.wait() == 1


def test_a_successor_is_the_service(
    serve: Serve, manager: Manager, tmp_path: Path, mode: str
) -> None:
    """After an upgrade the old process names the new one, and says nothing of its own end."""
    app = EditableApp(tmp_path)
    server = serve(f"{NAME}:app", *app.flags, *MODES[mode])
    manager.hear("READY")
    server.send_signal(signal.SIGUSR2)
    successor = int(manager.hear("MAINPID").partition("=")[2])
    try:
        assert server._running().wait(WAIT_S) == 0
        server.wait_for_output(f"Upgrade: process {successor} serves")
        assert ask(server).version == "first"
        assert "STOPPING=1" not in manager.said
    finally:
        os.kill(successor, signal.SIGTERM)
        manager.hear("STOPPING")
        until(lambda: not lives(successor), "the end of the successor")


# Becomes a server with sockets as systemd passes them: listening, from descriptor 3 on.
LAUNCH = """
import os, socket, sys
names = sys.argv[1].split(":")
sockets = [
    socket.socket(type=socket.SOCK_DGRAM) if name == "datagrams"
    else socket.create_server(("127.0.0.1", 0))
    for name in names
]
for number, each in enumerate(sockets):
    os.dup2(each.fileno(), 100 + number)
for number in range(len(sockets)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(sockets))
os.environ["LISTEN_FDNAMES"] = sys.argv[1]
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(ServerProcess):
    """A server that is given sockets of these names by whoever starts it."""

    def __init__(self, names: str, *flags: str) -> None:
        super().__init__(APP, *flags)
        serve = [sys.executable, "-W", "error", "-m", "serverkit", "serve", APP, *flags]
        self.command = [sys.executable, "-c", LAUNCH, names, *serve]


def ports(server: ServerProcess) -> list[int]:
    """Return the ports that a server says it listens on."""
    (urls,) = re.findall(r'"urls": \[([^\]]*)\]', server.output)
    return [int(port) for port in re.findall(r":([0-9]+)\"", urls)]


def get(port: int) -> None:
    """Ask, and see that there is an answer."""
    with RawClient(("127.0.0.1", port)) as client:
        client.send_what_is_taken(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.read_answer().status == 200


def test_sockets_of_systemd_are_the_default(mode: str) -> None:
    """Without any address a server serves on all that systemd passes, and nothing leaks."""
    with Activated("web:admin", *MODES[mode]) as server:
        found = ports(server)
        assert len(found) == 2
        for port in found:
            get(port)
        assert "is not used" not in server.output
        workers = re.findall(r'"worker_pids": \[([^\]]*)\]', server.output)[0]
        for pid in filter(None, workers.split(", ")):
            assert b"LISTEN_" not in Path(f"/proc/{pid}/environ").read_bytes()
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert not server.complaints()


def test_sockets_of_systemd_by_name() -> None:
    """An address may name some of them, beside others; what nobody names is closed."""
    with Activated("web:admin:web", "--bind", "systemd:web", "--bind", "127.0.0.1:0") as server:
        found = ports(server)
        assert len(found) == 3
        for port in found:
            get(port)
        server.wait_for_output("The socket 'admin' of systemd is not used")


def test_an_address_of_the_user_wins() -> None:
    """Who says where to listen gets that alone."""
    with Activated("web", "--port", "0") as server:
        assert len(ports(server)) == 1
        get(ports(server)[0])
        server.wait_for_output("The socket 'web' of systemd is not used")


@pytest.mark.parametrize(
    ("names", "flags", "problem"),
    [
        ("web", ("--bind", "systemd:wen"), "systemd has passed no socket 'wen' on, only web."),
        ("datagrams", (), "The socket 'datagrams' of systemd is no stream socket."),
    ],
)
def test_sockets_that_do_not_fit(names: str, flags: tuple[str, ...], problem: str) -> None:
    """The server does not start, and says what is wrong."""
    with pytest.raises(AssertionError, match=re.escape(problem)):
        Activated(names, *flags).__enter__()


def test_a_successor_has_the_sockets_of_systemd() -> None:
    """After an upgrade the same sockets are served, by the names that systemd gave them."""
    with Activated("web:admin", "--bind", "systemd:admin") as server:
        (port,) = ports(server)
        server.send_signal(signal.SIGUSR2)
        successor = int(server.wait_for_output(r"Upgrade: process (\d+) serves")[1])
        try:
            assert server._running().wait(WAIT_S) == 0
            get(port)
        finally:
            os.kill(successor, signal.SIGTERM)
            until(lambda: not lives(successor), "the end of the successor")


def first_client(path: Path, clients: list[RawClient]) -> bool:
    """Connect as soon as that is possible: a socket has its path before somebody listens."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        clients.append(RawClient(str(path)))
    return bool(clients)


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="no systemd here")
def test_what_systemd_itself_passes(tmp_path: Path) -> None:
    """The tool of systemd itself starts the server when the first client comes, who is answered."""
    path = tmp_path / "a.sock"
    clients: list[RawClient] = []
    serve = [sys.executable, "-W", "error", "-m", "serverkit", "serve", APP]
    passed = {k: v for k, v in os.environ.items() if not k.startswith("SERVERKIT_")}
    with subprocess.Popen(
        ["systemd-socket-activate", "-l", str(path), *(f"-E{name}" for name in passed), *serve],
        cwd=ROOT,
        env=passed,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: first_client(path, clients), "somebody who listens")
            with clients.pop() as client:
                client.send_what_is_taken(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert client.read_answer().status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
