"""What is left of WebSockets that have ended: nothing."""

import gc
from collections.abc import Iterator

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.http1_connection import HTTP1Connection
from serverkit_worker.websocket_connection import WebSocketConnection
from serverkit_worker.websocket_exchange import WebSocketExchange
from tests.worker.running import Client, RunningWorker, eventually
from tests.worker.websocket_driving import close_frame, frame, handshake, text

KINDS = (HTTP1Connection, WebSocketConnection, WebSocketExchange)
ENDS = {
    "closed by the client": close_frame(4000),
    "closed by the application": text("close"),
    "left by the application": text("return"),
    "broken by the client": frame(0x3),
    "lost": b"",
}


def alive() -> int:
    """Return how many objects of connections there are."""
    return sum(type(each) in KINDS for each in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Let nobody clean up behind who leaves a cycle of references."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the client says."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "close":
            await send({"type": "websocket.close"})
        elif message.get("text") == "return":
            return
        elif message["text"].startswith("more than"):
            more = alive() - int(message["text"].rpartition(" ")[2])
            await send({"type": "websocket.send", "text": str(more)})


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ENDS)
def test_an_ended_websocket_needs_no_garbage_collector(any_loop: WorkerConfig, end: str) -> None:
    """Nothing of it is left as soon as its application has returned."""
    before = alive()
    with RunningWorker(app, config=any_loop) as running:
        with Client(running.address) as client:
            client.send(handshake())
            assert client.read().status == 101
            client.send(text(f"more than {before}"))
            # Counted where they live: without the GIL, who looks from elsewhere keeps them alive.
            assert client.socket.recv(3) == b"\x81\x012"
            client.send(ENDS[end])
            if end.endswith("application"):
                assert client.socket.recv(4) == b"\x88\x02\x03\xe8"
                client.send(close_frame())
        eventually(running.worker.is_idle)
    assert alive() == before
