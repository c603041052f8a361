"""The application that serves a page to a browser, talks to it, and prints what the page found."""

import json
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

GENERATION = os.urandom(4).hex()
"""Another one for each time that this module is imported."""


def say(kind: str, name: str, found: object) -> None:
    """Print a line in one piece, whoever else prints at the same time."""
    os.write(1, f"{kind} {name} {json.dumps(found)} end\n".encode())


async def fact(request: Request) -> Response:
    """Print a fact that the page found."""
    say("fact", request.path_params["name"], await request.json())
    return Response(status_code=204)


async def echo(socket: WebSocket) -> None:
    """Send back what comes, say the generation to who asks for it, print how it ended."""
    await socket.accept()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            break
        if (text := message.get("text")) is not None:
            await socket.send_text(GENERATION if text == "generation?" else text)
        else:
            await socket.send_bytes(message["bytes"])
    say("ending", socket.query_params["name"], [message["code"], message["reason"]])


async def handshake(socket: WebSocket) -> None:
    """Say what the handshake had."""
    await socket.accept()
    names = ("cookie", "host", "origin")
    found = {name: socket.headers.get(name) for name in names}
    await socket.send_json(found | {"query": socket.url.query, "scheme": socket.url.scheme})
    await socket.close()


async def chosen(socket: WebSocket) -> None:
    """Choose the second version of the protocol."""
    await socket.accept("chat.v2")
    await socket.send_json(socket.scope["subprotocols"])
    await socket.close()


async def close(socket: WebSocket) -> None:
    """Close as the query says, upon the first message."""
    await socket.accept()
    await socket.receive_text()
    query = socket.query_params
    await socket.close(int(query.get("code", 1000)), query.get("reason"))


async def error(socket: WebSocket) -> None:
    """Fail upon the first message."""
    await socket.accept()
    await socket.receive_text()
    raise RuntimeError("told by the application")


async def refused(socket: WebSocket) -> None:
    """Close without accepting."""
    await socket.close()


async def denied(socket: WebSocket) -> None:
    """Answer the handshake with a response."""
    await socket.send_denial_response(PlainTextResponse("log in first", 401))


app = Starlette(
    routes=[
        Route("/facts/{name}", fact, methods=["POST"]),
        WebSocketRoute("/ws/echo", echo),
        WebSocketRoute("/ws/handshake", handshake),
        WebSocketRoute("/ws/chosen", chosen),
        WebSocketRoute("/ws/close", close),
        WebSocketRoute("/ws/error", error),
        WebSocketRoute("/ws/refused", refused),
        WebSocketRoute("/ws/denied", denied),
        Mount("/", StaticFiles(directory=Path(__file__).parent)),
    ],
)
