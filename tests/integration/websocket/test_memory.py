"""What clients can make a server keep is bounded, as the system sees it."""

import contextlib
import socket
import zlib

import pytest

from benchmarks.process_tree import rss_bytes
from tests.integration.conftest import Serve
from tests.integration.websocket.test_settings import APP, HANDSHAKE
from tests.support.probe import request
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.slow

MIB = 1 << 20
MASK = b"\0\0\0\0"  # leaves a payload as it is
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


def opened(server: ServerProcess, path: str, *fields: str) -> RawClient:
    """Return a client that has shaken hands."""
    client = RawClient(server.address)
    client.send(request(path, *HANDSHAKE, *fields))
    assert client.read_head().status == 101
    return client


def bomb(size: int) -> bytes:
    """Return a small deflated frame of a message of so many bytes."""
    deflater = zlib.compressobj(9, wbits=-15)
    parts = [deflater.compress(bytes(MIB)) for _ in range(size // MIB)]
    data = b"".join([*parts, deflater.flush(zlib.Z_SYNC_FLUSH)])[:-4]
    return b"\xc2\xfe" + len(data).to_bytes(2) + MASK + data


def test_small_frames_that_inflate_to_much(serve: Serve) -> None:
    """Each ends in 1009; twenty of them leave the server no larger than two at once."""
    server = serve(APP, "--no-access-log")
    data = bomb(48 * MIB)
    assert len(data) < 60_000
    sizes = []
    for _ in range(20):
        with opened(server, "/echo", DEFLATE) as client:
            client.send(data)
            assert client.read_to_end()[2:4] == (1009).to_bytes(2)
        sizes.append(rss_bytes(server.pid))
    # The one before may not be gone yet: what two connections inflate, up to 16 MiB each.
    assert max(sizes) - sizes[0] < 40 * MIB
    assert max(sizes) < 150 * MIB


def test_messages_that_nobody_takes(serve: Serve) -> None:
    """A client can send no more than the queue and the kernel's buffers hold."""
    server = serve(APP, "--no-access-log", "--shutdown-timeout", "1")
    message = b"\x82\xfe\xff\xff" + MASK + bytes(65_535)
    with opened(server, "/deaf") as first:
        before = rss_bytes(server.pid)
        first.socket.settimeout(1.0)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * MIB:
                sent += first.socket.send(message[sent % len(message) :])
        assert sent < 64 * MIB
        assert rss_bytes(server.pid) - before < 8 * MIB
        first.socket.shutdown(socket.SHUT_RDWR)


def test_pings_without_end(serve: Serve) -> None:
    """A client that sends pings and reads nothing makes no heap of pongs."""
    server = serve(APP, "--no-access-log", "--write-timeout", "1")
    pings = (b"\x89\xfd" + MASK + bytes(125)) * 8_000
    with opened(server, "/echo") as client:
        before = rss_bytes(server.pid)
        client.socket.settimeout(3.0)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 128 * MIB:
                sent += client.socket.send(pings[sent % 131 :])
        assert rss_bytes(server.pid) - before < 16 * MIB
