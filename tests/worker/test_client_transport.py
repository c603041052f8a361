"""Flow control in both directions, and resets."""

import asyncio
import contextlib
import gc
import socket
import struct
import weakref
from collections.abc import AsyncIterator

import pytest

from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.errors import ClientDisconnected
from tests.worker.driving import stepped, turns
from tests.worker.fake_transport import FakeTransport

WAIT_S = 20


def client() -> tuple[ClientTransport, FakeTransport]:
    """Return one on a transport that does what it is told."""
    transport = FakeTransport()
    transport.set_protocol(asyncio.Protocol())
    return ClientTransport(transport), transport


@stepped
async def test_buffers_are_written_in_order() -> None:
    """Each at once, none not at all."""
    target, transport = client()

    target.write([])
    assert transport.write_count == 0
    target.write([b"a"])
    target.write([b"b", b"c"])

    assert transport.sent == b"abc"


@stepped
async def test_everyone_waits_while_the_client_does_not_read() -> None:
    """And goes on when it has."""
    target, _ = client()
    await target.drained()
    target.write_paused = True
    waiting = [asyncio.create_task(target.drained()) for _ in range(2)]
    await turns()
    assert not any(task.done() for task in waiting)

    target.resume_writing()
    await turns()

    assert all(task.done() for task in waiting)
    await target.drained()


@stepped
async def test_everyone_who_waits_learns_that_the_client_is_gone() -> None:
    """By the error that the specification has for it."""
    target, _ = client()
    target.write_paused = True
    waiting = asyncio.create_task(target.drained())
    given_up = asyncio.create_task(target.drained())
    await turns()
    given_up.cancel()
    await turns()

    target.break_down()

    with pytest.raises(ClientDisconnected):
        await waiting


@stepped
async def test_who_learns_that_the_client_is_gone_is_not_kept_by_that() -> None:
    """The error goes with its last user; with it what the application was about to send."""
    target, _ = client()
    target.write_paused = True
    waiting = asyncio.create_task(target.drained())
    await turns()
    target.break_down()
    await turns()
    error = weakref.ref(waiting.exception() or target)

    gc.disable()
    try:
        assert isinstance(error(), ClientDisconnected)
        del waiting
        assert error() is None
    finally:
        gc.enable()


@stepped
async def test_reading_is_paused_and_resumed_once() -> None:
    """However often it is asked for."""
    target, transport = client()

    target.resume_reading()
    target.pause_reading()
    target.pause_reading()
    assert target.read_paused
    assert not transport.reading
    target.resume_reading()
    target.resume_reading()

    assert (target.read_paused, transport.reading) == (False, True)


@stepped
async def test_a_closing_transport_is_not_paused() -> None:
    """There is nothing to read from it."""
    target, transport = client()
    transport.close()

    target.pause_reading()

    assert not target.read_paused


@stepped
async def test_it_is_known_how_much_the_client_has_read() -> None:
    """Since it was noted."""
    target, transport = client()
    transport.room = 0
    target.write([b"x" * 1_000])
    assert target.unsent_bytes == 1_000

    target.note_unread()
    transport.client_reads(400)

    assert target.has_read(400)
    assert not target.has_read(401)


class Pausable(asyncio.Protocol):
    """Notes whether it is to write no more."""

    paused = False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False


@contextlib.asynccontextmanager
async def connected(
    family: socket.AddressFamily,
) -> AsyncIterator[tuple[ClientTransport, socket.socket]]:
    """Yield one on a real connection, and the other end of that."""
    if family == socket.AF_UNIX:
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname(), timeout=WAIT_S)
            ours, _ = listener.accept()
    with theirs:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(Pausable, ours)
        theirs.settimeout(WAIT_S)
        try:
            yield ClientTransport(transport), theirs
        finally:
            transport.abort()
            await asyncio.sleep(0)


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    """A runner of each kind of loop."""
    if request.param == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        return asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return asyncio.Runner()


def read_to_end(sock: socket.socket) -> None:
    """Read until there is nothing more to come."""
    while sock.recv(100):
        pass


def test_a_reset_is_seen_as_one(runner: asyncio.Runner) -> None:
    """So that nobody takes what came for complete."""

    async def reset() -> None:
        async with connected(socket.AF_INET) as (target, theirs):
            target.write([b"half"])
            target.reset()
            await turns()
            with pytest.raises(ConnectionResetError):
                read_to_end(theirs)

    with runner:
        runner.run(reset())


def test_a_connection_can_be_reset_again(runner: asyncio.Runner) -> None:
    """Whoever ends a worker may come twice, before it is known that the socket is closed."""

    async def reset() -> None:
        async with connected(socket.AF_INET) as (target, theirs):
            for _ in range(2):
                target.reset()
                await turns()
            target.note_unread()
            assert not target.has_more()
            with pytest.raises(ConnectionResetError):
                read_to_end(theirs)

    with runner:
        runner.run(reset())


def test_a_unix_socket_cannot_be_reset(runner: asyncio.Runner) -> None:
    """It is closed."""

    async def reset() -> None:
        async with connected(socket.AF_UNIX) as (target, theirs):
            target.reset()
            await turns()
            assert theirs.recv(100) == b""

    with runner:
        runner.run(reset())


@pytest.mark.parametrize("pieces", [1, 2])
def test_writing_pauses_when_the_client_does_not_read(runner: asyncio.Runner, pieces: int) -> None:
    """Also when several buffers are written together."""

    async def write() -> None:
        async with connected(socket.AF_INET) as (target, _):
            protocol = target.transport.get_protocol()
            assert isinstance(protocol, Pausable)
            async with asyncio.timeout(WAIT_S):
                for _ in range(200):
                    target.write([b"x" * 100_000] * pieces)
                    await asyncio.sleep(0)
                    if protocol.paused:
                        break
            assert protocol.paused
            assert target.unsent_bytes < 500_000

    with runner:
        runner.run(write())


@pytest.mark.parametrize("proto", [0, socket.IPPROTO_TCP])
def test_small_writes_do_not_wait_for_each_other(runner: asyncio.Runner, proto: int) -> None:
    """However the listening socket was made: the pieces of a stream leave as they come."""

    async def look() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            with socket.create_connection(listener.getsockname(), timeout=WAIT_S):
                ours, _ = listener.accept()
                loop = asyncio.get_running_loop()
                transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
                sock = ClientTransport(transport).transport.get_extra_info("socket")
                option = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                transport.abort()
                await turns()
        return int(option)

    with runner:
        assert runner.run(look()) != 0


def test_what_the_kernel_holds_counts_as_unread(runner: asyncio.Runner) -> None:
    """A slow client reads for long before it takes the next from us."""

    async def read() -> None:
        async with connected(socket.AF_INET) as (target, theirs):
            sock = target.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            target.write([b"x" * 500_000])
            target.note_unread()
            unsent = target.unsent_bytes
            async with asyncio.timeout(WAIT_S):
                while not target.has_read(100_000):
                    theirs.recv(100_000)
                    await asyncio.sleep(0)
            assert unsent < 500_000

    with runner:
        runner.run(read())


def test_the_option_that_resets_is_what_the_kernel_takes() -> None:
    """Linger on, for no time."""
    from serverkit_worker.client_transport import _RESET_ON_CLOSE

    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        size = struct.calcsize("ii")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, size) == _RESET_ON_CLOSE
