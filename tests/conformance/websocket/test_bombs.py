"""RFC 6455 section 10.4, RFC 7692 section 8: messages made to fill a server's memory do not."""

import contextlib
import functools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.websocket.client import WebSocketClient
from tests.conformance.websocket.deflating import RSV1
from tests.conformance.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    cut,
    fragments,
    frame,
)
from tests.conformance.websocket.test_framing import codes
from tests.support.server_process import ServerProcess

MIB = 1_048_576
LIMIT = 16 * MIB
SEVERAL = 5
DEFLATE = "permessage-deflate"
ECHO = "tests.conformance.websocket.serving:echo"

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the system does not tell peaks of memory"
)


class Memory:
    """What a process has in memory, in bytes."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc", str(pid))

    def forget_peak(self) -> None:
        """Begin to look for the peak anew."""
        (self._folder / "clear_refs").write_text("5")

    def peak(self) -> int:
        """Return the most there was since then."""
        (line,) = [
            line
            for line in (self._folder / "status").read_text().splitlines()
            if line.startswith("VmHWM:")
        ]
        return int(line.split()[1]) * 1_024


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Run the server as users do, with its limits as they are without settings."""
    with ServerProcess(ECHO, "--websocket-ping-interval", "0") as running:
        yield running


@pytest.fixture
def connect(server: ServerProcess) -> Callable[[], WebSocketClient]:
    """Connect to it, with deflating."""
    assert not isinstance(server.address, str)
    return functools.partial(WebSocketClient, server.address, extensions=DEFLATE)


@pytest.fixture
def clients(connect: Callable[[], WebSocketClient]) -> Iterator[list[WebSocketClient]]:
    """Connect several times."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect()) for _ in range(SEVERAL)]


@pytest.fixture
def memory(server: ServerProcess, connect: Callable[[], WebSocketClient]) -> Memory:
    """Look at its memory, after the first use of what the tests use."""
    with connect() as client:
        client.send(frame(BINARY, bytes(LIMIT)))
        client.read()
    memory = Memory(server.pid)
    memory.forget_peak()
    return memory


@functools.cache
def bomb(size: int) -> bytes:
    """Return what inflates to so many octets."""
    compressor = zlib.compressobj(9, wbits=-15)
    octets = b"".join(compressor.compress(bytes(MIB)) for _ in range(size // MIB))
    octets += compressor.compress(bytes(size % MIB)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return octets[:-4]


@pytest.mark.parametrize(
    ("opcode", "size", "fragment"),
    [(TEXT, LIMIT + 1, None), (BINARY, LIMIT + 1, 100), (BINARY, 64 * MIB, None)],
)
def test_what_inflates_to_too_much_is_refused(
    connect: Callable[[], WebSocketClient],
    memory: Memory,
    opcode: int,
    size: int,
    fragment: int | None,
) -> None:
    """A frame of 16 KiB, or of 64 KiB, ends in 1009; memory holds no more than the limit.

    Not of one bomb, nor of several.
    """
    deflated = bomb(size)
    octets = b"".join(fragments(opcode, *cut(deflated, fragment or len(deflated)), rsv=RSV1))
    before = memory.peak()
    for _ in range(SEVERAL):
        with connect() as client:
            client.send(octets)
            assert codes(client.read_to_end()) == [1009]
    assert memory.peak() - before < 2.5 * LIMIT


def test_the_limit_counts_each_message_anew(connect: Callable[[], WebSocketClient]) -> None:
    """A message of 16 MiB is not too large, nor is the next one."""
    with connect() as client:
        for _ in range(2):
            client.send(frame(BINARY, bomb(LIMIT), rsv=RSV1))
            found = client.read()
            assert found.opcode == BINARY
            assert len(found.payload) < LIMIT / 100


@pytest.mark.parametrize(("opcode", "payload"), [(TEXT, b"a"), (BINARY, b"")])
def test_many_small_fragments_take_little_memory(
    clients: list[WebSocketClient], memory: Memory, opcode: int, payload: bytes
) -> None:
    """What 99,999 fragments hold is their octets, and not an object for each."""
    middle = frame(CONTINUATION, payload, fin=False) * 99_998
    before = memory.peak()
    for client in clients[:2]:
        client.send(frame(opcode, payload, fin=False) + middle + frame(PING))
        assert client.read() == Frame(PONG)
    assert memory.peak() - before < 3 * MIB
    for client in clients[:2]:
        client.send(frame(CONTINUATION, fin=False) * 2)
        assert codes(client.read_to_end()) == [1009]


def test_frames_that_say_to_be_large_take_what_has_come(
    clients: list[WebSocketClient], memory: Memory
) -> None:
    """Nothing is set aside for octets that may never come."""
    before = memory.peak()
    for client in clients:
        client.send(frame(PING) + frame(BINARY, bytes(100_000), said=LIMIT))
        assert client.read() == Frame(PONG)
    assert memory.peak() - before < SEVERAL * MIB


def test_pings_of_a_client_that_reads_no_pongs_take_little_memory(
    connect: Callable[[], WebSocketClient], memory: Memory
) -> None:
    """What is not read is not gathered: of pings that wait only the latest are answered (5.5.3)."""
    before = memory.peak()
    pings = frame(PING, bytes(125)) * 64
    with connect() as client:
        for _ in range(8_000):  # 64 MiB, and as many of pongs
            client.send(pings)
        client.send(frame(PING, b"last"))
        while client.read() != Frame(PONG, b"last"):
            pass
        client.send(frame(TEXT, b"and then"))
        assert client.read() == Frame(TEXT, b"and then")
    assert memory.peak() - before < 8 * MIB
