"""The applications that are served: plain ASGI, so that servers are measured and no framework."""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

HELLO = b"Hello, World!"
TEN_KIBIBYTES = b"0123456789abcdef" * 640
SPOKEN_OF = (
    *("granian", "gunicorn", "h11", "httptools", "hypercorn", "serverkit", "uvloop"),
    *("websockets", "wsproto"),
)
CHUNK_BYTES = 65_536


def describe_runtime() -> str:
    """Return as JSON what the server really runs on: Python, GIL, event loop, parsers."""
    loop = type(asyncio.get_running_loop())
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return json.dumps(
        {
            "python": sys.version.split()[0],
            "gil": "on" if gil else "off",
            "loop": f"{loop.__module__}.{loop.__qualname__}",
            "imported": [name for name in SPOKEN_OF if name in sys.modules],
        }
    )


async def lifespan(receive: Receive, send: Send) -> None:
    """Start and stop well, and leave a note about the runtime where the benchmark asked for it."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup" and "BENCHMARK_RUNTIME_FILE" in os.environ:
            Path(os.environ["BENCHMARK_RUNTIME_FILE"]).write_text(describe_runtime())
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def answer(send: Send, body: bytes, kind: bytes = b"text/plain") -> None:
    """Send one complete response of a declared length."""
    length = str(len(body)).encode()
    headers = [(b"content-type", kind), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    """Answer thirteen bytes to everything."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await answer(send, HELLO)


async def ten_kibibytes(scope: Message, receive: Receive, send: Send) -> None:
    """Answer 10 KiB to everything."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await answer(send, TEN_KIBIBYTES)


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with the body of the request."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = [body]
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
        body = b"".join(parts)
    await answer(send, body)


async def websocket_echo(scope: Message, receive: Receive, send: Send) -> None:
    """Send back each message of a WebSocket, as text or bytes as it came."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["type"] == "http":
        await answer(send, HELLO)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is None:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        else:
            await send({"type": "websocket.send", "text": text})


async def slow_reader(scope: Message, receive: Receive, send: Send) -> None:
    """Take an upload at `?rate=` bytes per second, and answer its length and digest as JSON."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    rate = query_number(scope, "rate")
    digest, length, began = hashlib.sha256(), 0, time.monotonic()
    more = rate > 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
        ahead = length / rate - (time.monotonic() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)
    text = json.dumps({"length": length, "sha256": digest.hexdigest()})
    await answer(send, text.encode(), b"application/json")


async def download(scope: Message, receive: Receive, send: Send) -> None:
    """Send `?length=` bytes as fast as the server lets us."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    left = query_number(scope, "length")
    headers = [(b"content-length", str(left).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    number = 0
    while left > 0:
        data = numbered_chunk(number)[:left]
        number += 1
        left -= len(data)
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class SlowApp:
    """Answers a request `?seconds=` after it came, and `/count` at once with how many are open.

    Owner: the event loop of the server, which is one thread.
    """

    def __init__(self) -> None:
        self.open = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection by ASGI."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["path"] == "/count":
            await answer(send, str(self.open).encode())
        else:
            self.open += 1
            try:
                await asyncio.sleep(query_number(scope, "seconds"))
                await answer(send, HELLO)
            finally:
                self.open -= 1


slow = SlowApp()


def query_number(scope: Message, name: str) -> int:
    """Return an integer of the query string, 0 when it is not there."""
    fields = dict(part.partition("=")[::2] for part in scope["query_string"].decode().split("&"))
    return int(fields.get(name, "0"))


def numbered_chunk(number: int) -> bytes:
    """Return the chunk of that number; no two are equal, so that a lost or doubled one shows."""
    return number.to_bytes(8) * (CHUNK_BYTES // 8)
