"""The socket that is counted when it is closed."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from serverkit_supervisor.handed_socket import ClosedCount, HandedSocket, connection_of
from tests.supervisor.handed import BOUND_S, close_all


@pytest.fixture
def count() -> ClosedCount:
    """A count that nobody listens to."""
    return ClosedCount(threading.RLock(), lambda: None)


@pytest.fixture
def pair(count: ClosedCount) -> Iterator[tuple[socket.socket, HandedSocket]]:
    """A client, and its counted socket."""
    client, server = socket.socketpair()
    with client:
        connection = connection_of(socket.AF_UNIX, server.detach(), count)
        yield client, connection
        connection.close()


def leave_the_context(connection: HandedSocket) -> None:
    """Close it as a context manager."""
    with connection:
        pass


def close_after_its_file(connection: HandedSocket) -> None:
    """Close it when the file made from it is closed."""
    with connection.makefile("rb"):
        pass
    connection.close()


def close_before_its_file(connection: HandedSocket) -> None:
    """Close it while the file made from it is open."""
    file = connection.makefile("rb")
    connection.close()
    file.close()


@pytest.mark.parametrize(
    "close",
    [HandedSocket.close, leave_the_context, close_after_its_file, close_before_its_file],
)
def test_closing_counts_once(
    count: ClosedCount,
    pair: tuple[socket.socket, HandedSocket],
    close: Callable[[HandedSocket], None],
) -> None:
    """Whichever way it is closed, and however often."""
    client, connection = pair
    before = count.total

    close(connection)
    connection.close()

    assert (before, count.total) == (0, 1)
    assert client.recv(1) == b""


def test_detaching_counts_once(
    count: ClosedCount, pair: tuple[socket.socket, HandedSocket]
) -> None:
    """Loops that close the descriptor by themselves detach the socket."""
    _, connection = pair

    descriptor = connection.detach()
    connection.close()
    connection.detach()

    assert count.total == 1
    socket.close(descriptor)


def test_it_is_open_while_a_file_of_it_is(
    count: ClosedCount, pair: tuple[socket.socket, HandedSocket]
) -> None:
    """A file made from it keeps the descriptor open after `close`."""
    client, connection = pair
    file = connection.makefile("rb")

    connection.close()
    client.send(b"x")

    assert count.total == 0
    assert file.read(1) == b"x"
    file.close()
    assert count.total == 1


def test_one_that_is_forgotten_counts(count: ClosedCount) -> None:
    """It is closed with the warning that any socket gives, and counted."""
    client, server = socket.socketpair()
    connections = [connection_of(socket.AF_UNIX, server.detach(), count)]

    with client, pytest.warns(ResourceWarning, match="unclosed"):
        connections.clear()

    assert count.total == 1


def test_threads_count_a_connection_once(count: ClosedCount) -> None:
    """The count is exact whichever of them comes first."""
    rounds, threads = 200, 4
    pairs = [socket.socketpair() for _ in range(rounds)]
    connections = [connection_of(socket.AF_UNIX, b.detach(), count) for _, b in pairs]
    barrier = threading.Barrier(threads)

    def count_all() -> None:
        barrier.wait(BOUND_S)
        for connection in connections:
            count.add_once(connection)

    workers = [threading.Thread(target=count_all) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(BOUND_S)
    for connection in connections:
        connection.close()

    assert count.total == rounds
    close_all(client for client, _ in pairs)


def test_a_finaliser_that_comes_while_counting_is_counted() -> None:
    """The collector may close another socket just then, in the same thread."""
    forgotten: list[HandedSocket] = []
    totals: list[int] = []

    def changed() -> None:
        totals.append(counts[0].total)
        if forgotten:
            forgotten.pop().close()

    counts = [ClosedCount(threading.RLock(), changed)]
    pairs = [socket.socketpair() for _ in range(2)]
    first, second = (connection_of(socket.AF_UNIX, b.detach(), counts[0]) for _, b in pairs)
    forgotten.append(second)

    first.close()

    assert totals == [1, 2]
    for client, _ in pairs:
        client.close()


def test_a_duplicate_does_not_count(
    count: ClosedCount, pair: tuple[socket.socket, HandedSocket]
) -> None:
    """Two descriptors of one connection are one connection."""
    _, connection = pair

    connection.dup().close()

    assert count.total == 0


def test_one_that_does_not_count_is_not_counted(count: ClosedCount) -> None:
    """Surplus connections are made without a count."""
    client, server = socket.socketpair()
    connection = connection_of(socket.AF_UNIX, server.detach())

    connection.close()

    assert count.total == 0
    client.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_it_looks_like_an_accepted_socket(family: socket.AddressFamily) -> None:
    """Family, type and protocol are right though nobody asked the system, and it does not block."""
    host = "127.0.0.1" if family is socket.AF_INET else "::1"
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]),
    ):
        descriptor = listener.accept()[0].detach()
        with (
            connection_of(int(family), descriptor) as made,
            socket.socket(fileno=made.dup().detach()) as asked,
        ):
            assert (made.family, made.type, made.proto) == (asked.family, asked.type, asked.proto)
            assert made.gettimeout() == 0


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    """Runs with each kind of loop."""
    if request.param == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        return asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return asyncio.Runner()


class Once(asyncio.Protocol):
    """Answers the first bytes."""

    nodelay = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # One of uvloop is none by its type.
        sock = transport.get_extra_info("socket")
        self.nodelay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)
        self._transport.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The two sides of TLS with a certificate of their own."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    )
    files = ["-days", "1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *command.split(), *files], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return server, client


def ask(address: tuple[str, int], context: ssl.SSLContext | None) -> bytes:
    """Send some bytes, and receive what comes back."""
    with socket.create_connection(address, BOUND_S) as plain:
        if context is None:
            plain.sendall(b"echo")
            return plain.recv(100)
        with context.wrap_socket(plain) as secure:
            secure.sendall(b"echo")
            return secure.recv(100)


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_transport_counts_when_it_closes(
    runner: asyncio.Runner, tmp_path: Path, *, is_secure: bool
) -> None:
    """With both loops, plain and TLS; and they set TCP_NODELAY as on any other connection."""
    server, client = certificate(tmp_path) if is_secure else (None, None)

    async def serve(descriptor: int) -> tuple[int, int]:
        changed = asyncio.Event()
        count = ClosedCount(threading.RLock(), changed.set)
        connection = connection_of(socket.AF_INET, descriptor, count)
        protocol = Once()
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: protocol, connection, ssl=server
        )
        assert count.total == 0
        await asyncio.wait_for(changed.wait(), BOUND_S)
        return protocol.nodelay, count.total

    with socket.create_server(("127.0.0.1", 0)) as listener, runner:
        answers: list[bytes] = []
        asking = threading.Thread(
            target=lambda: answers.append(ask(listener.getsockname(), client))
        )
        asking.start()
        nodelay, total = runner.run(serve(listener.accept()[0].detach()))
        asking.join(BOUND_S)

    assert answers == [b"echo"]
    assert nodelay != 0
    assert total == 1
