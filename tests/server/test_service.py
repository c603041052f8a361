"""The server as a service: what it claims, tells and leaves."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from serverkit_server.errors import BindError, StartupError
from serverkit_server.service import Service
from serverkit_supervisor import SupervisorEvent
from serverkit_supervisor.inheritance import UPGRADE_VARIABLE
from tests.server.served import config_of


class FakeServed:
    """A server that does nothing."""

    worker_pids: Sequence[int] = ()

    def __init__(self) -> None:
        self.answers: list[Callable[[], None]] = []

    def ask_alive(self, answer: Callable[[], None]) -> None:
        self.answers.append(answer)

    def hand_over(self) -> None:
        raise AssertionError("nobody succeeds")

    shutdown = kill_all = graceful_reload = add_worker = remove_worker = reopen_logs = hand_over


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Be started in the place of another process; give what that hears by."""
    reading, writing = os.pipe()
    message = {"sockets": [], "pid": os.getppid(), "notes": {}, "ready": writing}
    monkeypatch.setenv(UPGRADE_VARIABLE, json.dumps(message))
    yield reading
    os.close(reading)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def heard(manager: socket.socket) -> list[str]:
    """Return the first lines of all that was said so far."""
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode().partition("\n")[0])
        except BlockingIOError:
            return found


def test_the_one_before_hears_that_we_serve(before: int) -> None:
    """It hears that when it is so, and not before."""
    with Service(config_of(), FakeServed()) as service, service.open_listeners():
        os.set_blocking(before, False)
        with pytest.raises(BlockingIOError):
            os.read(before, 100)
        service.say_ready()
        assert os.read(before, 100) == b"ready"


def test_the_one_before_hears_that_we_never_will(before: int) -> None:
    """A start that fails is its end of the line."""
    with pytest.raises(RuntimeError), Service(config_of(), FakeServed()):
        raise RuntimeError
    assert os.read(before, 100) == b""


def test_the_pid_file_is_taken_over_at_the_last_moment(before: int, tmp_path: Path) -> None:
    """Until we serve it names the one before; it may be another's by then, and we serve still."""
    path = tmp_path / "pid"
    path.write_text(f"{os.getppid()}\n")
    config = config_of(pid_file=str(path))
    with Service(config, FakeServed()) as service, service.open_listeners():
        assert path.read_text() == f"{os.getppid()}\n"
        service.say_ready()
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_a_pid_file_that_cannot_be_taken_over(
    before: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To serve is more important; the log says what is wrong."""
    config = config_of(pid_file=str(tmp_path / "nowhere" / "pid"))
    with Service(config, FakeServed()) as service, service.open_listeners():
        service.say_ready()
        assert os.read(before, 100) == b"ready"
    assert "nowhere/pid cannot be written" in caplog.text


def test_a_pid_file_that_cannot_be_written(tmp_path: Path) -> None:
    """At an ordinary start it is an error that names the setting, and what to do."""
    path = tmp_path / "nowhere" / "pid"
    with pytest.raises(StartupError, match="cannot be written") as caught:
        Service(config_of(pid_file=str(path)), FakeServed()).__enter__()
    assert caught.value.setting == "pid_file"
    assert "a folder that is there" in caught.value.remedy


@pytest.mark.parametrize(
    ("settings", "at_fault"),
    [
        ({"uds": "nowhere/socket"}, "uds"),
        ({"fd": 9999}, "fd"),
        ({"bind": ("unix:nowhere/socket",)}, "bind"),
        ({"bind": ("fd://9999",)}, "bind"),
        ({"bind": ("host.invalid:0",)}, "bind"),
        ({"bind": ("127.0.0.1:0",), "fd": 9999}, "fd"),
        ({"ssl_certfile": "cert.pem", "redirect_bind": ("unix:nowhere/a",)}, "redirect_bind"),
    ],
)
def test_an_address_that_cannot_be_used_names_its_setting(
    settings: dict[str, object], at_fault: str
) -> None:
    """The one that it was given by."""
    with (
        Service(config_of(**settings), FakeServed()) as service,
        pytest.raises(BindError) as caught,
    ):
        service.open_listeners()
    assert caught.value.setting == at_fault


def test_systemd_hears_of_everything(manager: socket.socket) -> None:
    """Start, reloads, and the end, once."""
    with Service(config_of(), FakeServed()) as service, service.open_listeners():
        assert heard(manager) == []
        service.say_ready()
        service.hear(SupervisorEvent(kind="worker_started"))
        service.hear(SupervisorEvent(kind="reloading"))
        service.hear(SupervisorEvent(kind="reloaded"))
        service.hear(SupervisorEvent(kind="stopping"))
        service.expect_end()
    assert heard(manager) == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_the_watchdog_hears_only_who_answers(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign of life is given by the one who is asked, not by the one who asks."""
    monkeypatch.setenv("WATCHDOG_USEC", "1000000000")
    served = FakeServed()
    with Service(config_of(), served) as service, service.open_listeners():
        service.say_ready()
        while not served.answers:
            os.sched_yield()
        assert heard(manager) == ["READY=1"]
        served.answers[0]()
        assert heard(manager) == ["WATCHDOG=1"]


def test_a_successor_needs_somebody_to_succeed(caplog: pytest.LogCaptureFixture) -> None:
    """Before it serves, a server refuses to be upgraded."""
    with Service(config_of(), FakeServed()) as service:
        service._start_upgrade()
    assert "No upgrade: the server starts still." in caplog.text
