"""The load generators for WebSockets send what servers take, and count nothing but true echoes."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage
from wsproto.extensions import PerMessageDeflate

from benchmarks import websocket_frames as frames
from benchmarks.client_process import ClientProcess
from benchmarks.load import Load, LoadError
from benchmarks.websocket_frames import Frame
from tests.support.server_process import WAIT_S

type Handler = Callable[[ServerConnection], None]


@pytest.mark.parametrize("size", [0, 1, 64, 125, 126, 65_535, 65_536])
def test_a_frame_is_what_a_server_reads(size: int) -> None:
    """Lengths of all three forms, masked: another implementation reads the message."""
    payload = frames.message(size)
    server = Connection(ConnectionType.SERVER)

    server.receive_data(frames.client_frame(frames.BINARY, payload))

    (event,) = server.events()
    assert isinstance(event, BytesMessage)
    assert (bytes(event.data), event.message_finished) == (payload, True)


def test_a_deflated_message_can_be_sent_again_and_again() -> None:
    """It refers to nothing before it, so a server that keeps its window reads each copy."""
    text = frames.message(1024)
    deflate = PerMessageDeflate()
    deflate.accept("permessage-deflate; client_max_window_bits=12")
    server = Connection(ConnectionType.SERVER, [deflate])
    frame = frames.client_frame(frames.TEXT, frames.deflated(text, 12), rsv1=True)

    server.receive_data(frame + frame)

    events = list(server.events())
    assert [one.data for one in events if isinstance(one, TextMessage)] == [text.decode()] * 2


def test_frames_are_taken_when_they_are_complete() -> None:
    """Byte by byte, each frame comes out once, at its last byte."""
    sent = [(frames.TEXT, b"x" * size) for size in (0, 125, 126, 65_536)]
    received, taken = bytearray(), []
    for byte in b"".join(frames.server_frame(*one) for one in sent):
        received.append(byte)
        frame = frames.take_frame(received)
        if frame is not None:
            taken.append(frame)

    assert taken == [
        Frame(final=True, rsv1=False, opcode=opcode, payload=payload) for opcode, payload in sent
    ]
    assert not received


def test_messages_are_of_a_size_and_deflate_as_those_of_applications() -> None:
    """Neither noise nor one letter: a quarter or so remains of them."""
    text = frames.message(65_536)

    assert len(text) == 65_536
    assert text.isascii()
    assert 0.1 < len(frames.deflated(text, 15)) / len(text) < 0.5


@contextmanager
def serving(handler: Handler, *, compression: str | None = "deflate") -> Iterator[int]:
    """Run a WebSocket server of another make, and yield its port."""
    with serve(handler, "127.0.0.1", 0, compression=compression) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join(WAIT_S)


def echo(connection: ServerConnection) -> None:
    """Send back all messages."""
    for message in connection:
        connection.send(message)


def ping_and_echo(connection: ServerConnection) -> None:
    """Send back all messages, each after a ping that was answered."""
    for message in connection:
        assert connection.ping().wait(WAIT_S)
        connection.send(message)


def echo_wrongly(connection: ServerConnection) -> None:
    """Send back something as long."""
    for message in connection:
        connection.send("?" * len(message))


def close(connection: ServerConnection) -> None:
    """Close at the first message."""
    connection.recv()


def load(port: int, size: int = 64, deflate: str = "plain") -> Load:
    """Load a server for a short time with two connections."""
    words = (str(port), "text", str(size), "2", deflate)
    core = min(os.sched_getaffinity(0))
    with ClientProcess("benchmarks.websocket_load", *words, core=core) as client:
        client.run(0)
        return client.run(0)


pinned = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="it is pinned to a core"),
]


@pytest.mark.parametrize("deflate", ["plain", "deflate"])
@pytest.mark.parametrize("size", [64, 65_536])
@pytest.mark.parametrize("handler", [echo, ping_and_echo])
@pytest.mark.slow
def test_each_true_echo_counts(handler: Handler, size: int, deflate: str) -> None:
    """One message is in flight on each connection, and all of them come home before it ends."""
    with serving(handler) as port:
        seen = load(port, size, deflate)

    assert seen.requests >= 2
    assert seen.max_ms > 0


@pytest.mark.parametrize(
    ("handler", "compression", "deflate", "said"),
    [
        (echo_wrongly, "deflate", "plain", "is no echo"),
        (echo_wrongly, "deflate", "deflate", "is no echo"),
        (close, None, "plain", "is no echo|closed a connection|Connection reset"),
        (echo, None, "deflate", "declines permessage-deflate"),
    ],
)
@pytest.mark.slow
def test_what_is_no_echo_ends_the_measurement(
    handler: Handler, compression: str | None, deflate: str, said: str
) -> None:
    """A server that answers something else is not measured, and the reason is told."""
    with (
        serving(handler, compression=compression) as port,
        pytest.raises(LoadError, match=said),
    ):
        load(port, deflate=deflate)


@pytest.mark.slow
def test_nobody_listening_is_told() -> None:
    """A client without a server ends with the reason, at once."""
    with serving(echo) as port:
        pass
    with pytest.raises(LoadError, match="ConnectionRefusedError"):
        load(port)
