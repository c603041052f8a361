"""The servers under test: real workers with an application that sends back what it receives."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.conformance.websocket.client import WebSocketClient
from tests.conformance.websocket.frames import Frame, close
from tests.support.certificates import authority_of, issue, trusting
from tests.worker.running import RunningWorker

type Loop = Literal["asyncio", "uvloop"]
type Connect = Callable[..., WebSocketClient]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and send each message back as it came."""
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    with contextlib.suppress(OSError):  # the client is gone, or has closed
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})


@contextlib.contextmanager
def serving(loop: Loop, folder: Path | None = None) -> Iterator[Connect]:
    """Serve on that loop; with TLS, for which a folder takes the certificate."""
    server_context = client_context = None
    if folder is not None:
        certificate = issue(folder)
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain(certificate)
        client_context = trusting(authority_of(str(certificate)))
    config = WorkerConfig(loop=loop, websocket_ping_interval=0.0)
    with RunningWorker(echo, config=config, ssl_context=server_context) as running:

        def connect(extensions: str | None = None) -> WebSocketClient:
            return WebSocketClient(
                running.address, ssl_context=client_context, extensions=extensions
            )

        yield connect


def answer(
    connect: Connect,
    *octets: bytes,
    at_a_time: int | None = None,
    extensions: str | None = None,
) -> list[Frame]:
    """Send octets; return all that the server sends until it closes the connection."""
    with connect(extensions) as client:
        client.send(b"".join(octets), at_a_time=at_a_time)
        return client.read_to_end()


def answer_and_close(
    connect: Connect, *octets: bytes, frames: int = 1, at_a_time: int | None = None
) -> list[Frame]:
    """Send octets that are in order, and a close frame after so many frames of the server.

    Returns:
        All that the server sends until it closes the connection.
    """
    with connect() as client:
        client.send(b"".join(octets), at_a_time=at_a_time)
        answered = [client.read() for _ in range(frames)]
        client.send(close())
        return answered + client.read_to_end()
