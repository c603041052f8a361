"""Opening and closing the listening sockets."""

import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from serverkit_server import bind
from serverkit_server.address import Address, InheritedSocket, TCPAddress, UnixAddress
from serverkit_server.bind import open_listeners
from serverkit_server.errors import BindError
from serverkit_server.listeners import Listeners


def has_ipv6() -> bool:
    """Say whether this machine has an IPv6 loopback."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")


def open_them(*addresses: Address) -> Listeners:
    """Open sockets with settings that do not matter."""
    return open_listeners(addresses, backlog=16, unix_mode=0o660)


def refusal_of(*addresses: Address) -> BindError:
    """Open what cannot be opened, and give the error."""
    with pytest.raises(BindError) as caught:
        open_them(*addresses)
    return caught.value


def resolve_to(monkeypatch: pytest.MonkeyPatch, hosts: Iterable[str]) -> None:
    """Let every name stand for these addresses."""

    def resolve(_host: str | None, port: int, **_: object) -> list[tuple[object, ...]]:
        stream = socket.SOCK_STREAM
        return [
            (socket.AF_INET6, stream, 6, "", (host, port, 0, 0))
            if ":" in host
            else (socket.AF_INET, stream, 6, "", (host, port))
            for host in hosts
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def fail_to_bind(
    monkeypatch: pytest.MonkeyPatch, hosts: Iterable[str], number: int, *, times: int
) -> None:
    """Let binding to these hosts fail so many times, with this error."""
    bind_one, left = bind._bind, times

    def fail(family: socket.AddressFamily, name: tuple[object, ...], backlog: int) -> socket.socket:
        nonlocal left
        if str(name[0]) in hosts and left:
            left -= 1
            raise OSError(number, os.strerror(number))
        return bind_one(family, name, backlog)

    monkeypatch.setattr(bind, "_bind", fail)


def test_any_free_port() -> None:
    """Port 0 becomes a real port, which clients reach."""
    with open_them(TCPAddress("127.0.0.1", 0)) as listeners:
        ((host, port),) = listeners.bound_addrs
        assert host == "127.0.0.1"
        assert listeners.urls == [f"http://127.0.0.1:{port}"]
        socket.create_connection((host, port), 10).close()


@needs_ipv6
def test_ipv6_is_for_ipv6_alone() -> None:
    """A socket for every IPv6 address leaves the same port of IPv4 to others, and says its URL."""
    with open_them(TCPAddress("::", 0)) as listeners:
        ((_, port),) = listeners.bound_addrs
        assert listeners.urls == [f"http://[::]:{port}"]
        assert listeners.sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        with open_them(TCPAddress("0.0.0.0", port)):
            pass


@needs_ipv6
@pytest.mark.parametrize("port", [0, "free"])
def test_a_name_stands_for_all_its_addresses(
    monkeypatch: pytest.MonkeyPatch, port: int | str
) -> None:
    """A name that resolves to both families is listened on by both, on one port."""
    resolve_to(monkeypatch, ["::1", "127.0.0.1", "127.0.0.1"])
    if port == "free":
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
    with open_them(TCPAddress("localhost", int(port))) as listeners:
        hosts, ports = zip(*listeners.bound_addrs, strict=True)
        assert hosts == ("::1", "127.0.0.1")
        assert len(set(ports)) == 1
    monkeypatch.undo()


@needs_ipv6
def test_every_address_of_the_machine() -> None:
    """An empty host means every address, of both families."""
    with open_them(TCPAddress("", 0)) as listeners:
        assert {host for host, _ in listeners.bound_addrs} == {"0.0.0.0", "::"}
        assert len({port for _, port in listeners.bound_addrs}) == 1


@needs_ipv6
def test_tries_again_when_the_free_port_is_free_in_one_family_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Port 0 with two families is tried again when the second finds the port taken."""
    resolve_to(monkeypatch, ["127.0.0.1", "::1"])
    fail_to_bind(monkeypatch, ["::1"], errno.EADDRINUSE, times=1)
    with open_them(TCPAddress("localhost", 0)) as listeners:
        assert len(listeners.sockets) == 2


def test_leaves_out_a_family_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of the name that this machine does not have is left out if another works."""
    resolve_to(monkeypatch, ["2001:db8::1", "127.0.0.1"])
    fail_to_bind(monkeypatch, ["2001:db8::1"], errno.EADDRNOTAVAIL, times=1)
    with open_them(TCPAddress("somewhere", 0)) as listeners:
        assert [host for host, _ in listeners.bound_addrs] == ["127.0.0.1"]


def test_says_when_no_address_is_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is another machine's is told as such."""
    hosts = ["2001:db8::1", "198.51.100.1"]
    resolve_to(monkeypatch, hosts)
    fail_to_bind(monkeypatch, hosts, errno.EADDRNOTAVAIL, times=2)
    error = refusal_of(TCPAddress("elsewhere", 0))
    assert "elsewhere:0 is no address of this machine" in error.message
    assert error.setting == "host"


def test_says_when_a_name_is_unknown() -> None:
    """A host name that means nothing is named."""
    error = refusal_of(TCPAddress("no such host", 0))
    assert "'no such host' cannot be resolved" in error.message
    assert error.setting == "host"


def test_what_stands_twice_is_bound_once() -> None:
    """The same address twice, in whatever form, gives one socket."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    twice = [TCPAddress("127.0.0.1", port), TCPAddress("127.0.0.1", port)]
    with open_them(*twice, TCPAddress("127.1", port)) as listeners:
        assert len(listeners.sockets) == 1


def test_names_who_holds_the_port() -> None:
    """A port in use is refused with the process that holds it, where the system shows that."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        error = refusal_of(TCPAddress("127.0.0.1", port))
    assert error.message.startswith(f"127.0.0.1:{port} is in use")
    assert error.setting == "port"
    if Path("/proc/net/tcp").exists():
        assert f"by process {os.getpid()} (" in error.message


def test_a_port_is_shared_with_nobody() -> None:
    """A second server does not get in, even if it asks to share."""
    with (
        open_them(TCPAddress("127.0.0.1", 0)) as listeners,
        socket.socket() as second,
    ):
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            second.bind(listeners.bound_addrs[0])


def test_starts_again_at_once() -> None:
    """A port can be listened on again though connections of the last server linger."""
    with open_them(TCPAddress("127.0.0.1", 0)) as listeners:
        ((host, port),) = listeners.bound_addrs
        with socket.create_connection((host, port), 10) as client:
            accepted, _ = listeners.sockets[0].accept()
            accepted.close()  # first, so that this side keeps the port in TIME_WAIT
            assert client.recv(1) == b""
    with open_them(TCPAddress(host, port)) as again:
        assert again.bound_addrs == [(host, port)]


def test_one_that_fails_closes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one address cannot be bound, the others are closed and their files removed."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = TCPAddress(*holder.getsockname())
        refusal_of(UnixAddress("app.sock"), TCPAddress("127.0.0.1", 0), taken)
    assert not list(tmp_path.iterdir())


def test_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unix socket is known by its path, and its file goes with it; closing twice is harmless."""
    monkeypatch.chdir(tmp_path)
    listeners = open_them(UnixAddress("app.sock"))
    assert listeners.bound_addrs == [("app.sock", 0)]
    assert listeners.urls == ["unix:app.sock"]
    listeners.close()
    listeners.close()
    assert not list(tmp_path.iterdir())
    assert listeners.sockets[0].fileno() == -1


@pytest.mark.parametrize("listens", [True, False])
def test_takes_an_inherited_socket_over(*, listens: bool) -> None:
    """A descriptor is used and stays open with whoever gave it; listening is seen to."""
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        if listens:
            given.listen()
        with open_them(InheritedSocket(given.fileno())) as listeners:
            assert listeners.bound_addrs == [given.getsockname()]
            socket.create_connection(given.getsockname(), 10).close()
        assert given.getsockname()[1] > 0


def test_says_what_is_wrong_with_a_descriptor(tmp_path: Path) -> None:
    """A descriptor that is closed, no socket, of the wrong kind or not bound is told as such."""
    with (tmp_path / "file").open("w") as file:
        assert "is no socket" in refusal_of(InheritedSocket(file.fileno())).message
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        assert "no stream socket" in refusal_of(InheritedSocket(datagrams.fileno())).message
    with socket.socket() as unbound:
        number = unbound.fileno()
        assert "is not bound" in refusal_of(InheritedSocket(number)).message
    assert "cannot be used: Bad file descriptor" in refusal_of(InheritedSocket(number)).message
