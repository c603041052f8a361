"""Sockets that are passed on by systemd, or by the process before."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.address import (
    Address,
    InheritedSocket,
    SystemdSocket,
    TCPAddress,
    UnixAddress,
)
from serverkit_server.bind import open_listeners
from serverkit_server.errors import BindError
from serverkit_server.inherited_sockets import InheritedSockets
from serverkit_server.listeners import Listeners
from serverkit_supervisor.inheritance import Inheritance
from serverkit_supervisor.systemd import ListenFd

BOUND_S = 30.0
TCP = TCPAddress("127.0.0.1", 0)


def open_them(inherited: InheritedSockets, *addresses: Address) -> Listeners:
    """Open sockets with settings that do not matter."""
    return open_listeners(addresses, backlog=16, unix_mode=0o660, inherited=inherited)


def is_open(fd: int) -> bool:
    """Say whether a descriptor is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


class Passed:
    """Makes sockets to pass on, as systemd does."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []

    def __call__(self, name: str) -> ListenFd:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addresses.append(listener.getsockname())
        return ListenFd(listener.detach(), name)


@pytest.fixture
def passed() -> Passed:
    """Give a maker of sockets."""
    return Passed()


def succeed(before: Listeners) -> InheritedSockets:
    """Pass on duplicates of what one process listens on, as an upgrade does."""
    ready, other = os.pipe()
    os.close(other)
    os.close(ready)
    sockets = tuple((address, os.dup(fd)) for address, fd in before.by_address)
    notes = dict(before.files)
    return InheritedSockets(
        (), Inheritance(sockets=sockets, predecessor=1, notes=notes, ready_fd=ready)
    )


@pytest.fixture
def unix_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a short path for a unix socket."""
    monkeypatch.chdir(tmp_path)
    yield "app.sock"
    assert not list(tmp_path.iterdir())


def test_all_sockets_of_systemd(passed: Passed) -> None:
    """Without a name every socket of systemd is listened on, each known by its own name."""
    inherited = InheritedSockets([passed("web"), passed("admin")])
    assert inherited.has_systemd_sockets
    with open_them(inherited, SystemdSocket("")) as listeners:
        assert listeners.bound_addrs == passed.addresses
        assert [name for name, _ in listeners.by_address] == ["systemd:web", "systemd:admin"]
        for address in listeners.bound_addrs:
            socket.create_connection(address, BOUND_S).close()


def test_sockets_of_systemd_by_name(passed: Passed, caplog: pytest.LogCaptureFixture) -> None:
    """A name stands for all sockets that have it; the others are closed, and that is said."""
    given = [passed("web"), passed("admin"), passed("web")]
    with open_them(InheritedSockets(given), SystemdSocket("web"), TCP) as listeners:
        assert listeners.bound_addrs[:2] == [passed.addresses[0], passed.addresses[2]]
        assert len(listeners.sockets) == 3
        assert not is_open(given[1].fd)
    assert "The socket 'admin' of systemd is not used" in caplog.text


def test_systemd_passes_nothing() -> None:
    """To ask for what systemd has not passed on is an error, which tells how it is done."""
    with pytest.raises(BindError, match="passed no sockets on") as caught:
        open_them(InheritedSockets(), SystemdSocket(""))
    assert caught.value.setting == "bind"
    assert "socket unit" in caught.value.remedy


def test_a_name_that_systemd_does_not_know(passed: Passed) -> None:
    """The error names those that there are; nothing stays open."""
    given = passed("web")
    with pytest.raises(BindError, match="no socket 'wen' on, only web") as caught:
        open_them(InheritedSockets([given]), SystemdSocket("wen"))
    assert "FileDescriptorName=" in caught.value.remedy
    assert not is_open(given.fd)


def test_wrong_kinds_of_sockets(passed: Passed, tmp_path: Path) -> None:
    """A socket that cannot be accepted from is told as such, and all are closed."""
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    connection, other = socket.socketpair()
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDONLY)
    wrong = {
        "is no stream socket": datagrams.detach(),
        "is a connection": connection.detach(),
        "is no socket": file,
    }
    for problem, fd in wrong.items():
        given = [passed("web"), ListenFd(fd, "odd")]
        with pytest.raises(BindError, match=f"'odd' of systemd {problem}") as caught:
            open_them(InheritedSockets(given), SystemdSocket(""))
        assert "ListenStream=" in caught.value.remedy
        assert not any(is_open(each.fd) for each in given)
    other.close()


def test_a_successor_finds_the_same_addresses(unix_path: str, passed: Passed) -> None:
    """Whatever was listened on is taken over, free ports and all; queues are kept."""
    addresses: list[Address] = [TCP, UnixAddress(unix_path), SystemdSocket("web")]
    with (
        open_them(InheritedSockets([passed("web")]), *addresses) as before,
        socket.create_connection(before.bound_addrs[0], BOUND_S) as client,
    ):
        client.sendall(b"hello")
        with open_them(succeed(before), *addresses) as after:
            assert after.bound_addrs == before.bound_addrs
            assert after.by_address != before.by_address
            before.leave_paths()
            before.close()
            accepted, _ = after.sockets[0].accept()
            with accepted:
                assert accepted.recv(5) == b"hello"
            with socket.socket(socket.AF_UNIX) as unix_client:
                unix_client.connect(unix_path)


def test_a_successor_of_a_successor(unix_path: str) -> None:
    """What was taken over can be handed on again, and the last one removes the file."""
    with open_them(InheritedSockets(), UnixAddress(unix_path)) as first:
        with open_them(succeed(first), UnixAddress(unix_path)) as second:
            first.leave_paths()
            with open_them(succeed(second), UnixAddress(os.path.abspath(unix_path))) as third:  # noqa: PTH100
                second.leave_paths()
                assert third.files == first.files or third.files
                first.close()
                second.close()
                assert Path(unix_path).exists()
        assert not Path(unix_path).exists()


def test_every_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that has got another address is listened on there too, on the same port."""
    found = ["127.0.0.1"]

    def resolve(_host: str | None, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    name = TCPAddress("shop.example", 0)
    with open_them(InheritedSockets(), name) as before:
        found.append("127.0.0.2")
        with open_them(succeed(before), name) as after:
            port = before.bound_addrs[0][1]
            assert after.bound_addrs == [("127.0.0.1", port), ("127.0.0.2", port)]
    monkeypatch.undo()


def test_what_is_not_asked_for_any_more(caplog: pytest.LogCaptureFixture) -> None:
    """An address that the new settings lack is closed; a new one is opened."""
    caplog.set_level("INFO", "serverkit.server")
    with open_them(InheritedSockets(), TCP) as before:
        inherited = succeed(before)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        other = TCPAddress("127.0.0.1", port)
        with open_them(inherited, other) as after:
            assert after.bound_addrs == [("127.0.0.1", port)]
    assert "127.0.0.1:0 is not listened on any more." in caplog.text


def test_a_descriptor_is_known_by_its_number() -> None:
    """A socket that was given by number is found again, though it has another number now."""
    with (
        socket.create_server(("127.0.0.1", 0)) as given,
        open_them(InheritedSockets(), InheritedSocket(given.fileno())) as before,
    ):
        inherited = succeed(before)
        address = InheritedSocket(given.fileno())
        given.close()
        with open_them(inherited, address) as after:
            assert after.bound_addrs == before.bound_addrs


def test_a_file_that_was_replaced(unix_path: str) -> None:
    """A path that has got another file meanwhile is looked at anew, as at any start."""
    with open_them(InheritedSockets(), UnixAddress(unix_path)) as before:
        Path(unix_path).unlink()
        with open_them(succeed(before), UnixAddress(unix_path)) as after:
            assert after.files != before.files
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(unix_path)
            after.sockets[0].accept()[0].close()


def test_the_permissions_follow_the_settings(unix_path: str) -> None:
    """A file that is taken over gets the permissions of the new settings."""
    with open_them(InheritedSockets(), UnixAddress(unix_path)) as before:
        with open_listeners(
            [UnixAddress(unix_path)], backlog=16, unix_mode=0o600, inherited=succeed(before)
        ):
            assert Path(unix_path).stat().st_mode & 0o777 == 0o600
        before.leave_paths()


def test_what_was_handed_over_may_be_useless(caplog: pytest.LogCaptureFixture) -> None:
    """A descriptor that is no listening socket is left aside, and the address opened anew."""
    reading, writing = os.pipe()
    inheritance = Inheritance(sockets=(("127.0.0.1:0", reading),), predecessor=1, ready_fd=writing)
    with open_them(InheritedSockets((), inheritance), TCP) as listeners:
        assert len(listeners.sockets) == 1
    assert "127.0.0.1:0 is opened anew: what was handed over is no socket." in caplog.text
    os.close(writing)
