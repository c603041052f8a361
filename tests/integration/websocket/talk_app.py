"""An application whose WebSockets behave by their path.

`/echo` sends back what it hears, `/deaf` accepts and never receives, `/mute` never answers the
handshake; by HTTP it says hello.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})
    elif scope["type"] == "websocket":
        await receive()
        if scope["path"] == "/mute":
            await asyncio.Event().wait()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/deaf":
            await asyncio.Event().wait()
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
