"""The WebSockets of the framework tests' application in Starlette."""

from collections import defaultdict
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.integration.frameworks.endings import Endings

endings = Endings()
rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def ending(request: Request) -> JSONResponse:
    """Answer how a WebSocket ended."""
    return JSONResponse(await endings.of(request.path_params["name"]))


async def echo(socket: WebSocket) -> None:
    """Send back what comes, text as text and bytes as bytes; tell how it ended."""
    await socket.accept()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            break
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
    endings.tell(socket.query_params["name"], message["code"], message["reason"])


async def read_json(socket: WebSocket) -> None:
    """Answer JSON with JSON."""
    await socket.accept()
    async for sent in socket.iter_json():
        await socket.send_json({"got": sent})


async def chosen(socket: WebSocket) -> None:
    """Choose the second version of the protocol where it is offered, and none otherwise."""
    offered = socket.scope["subprotocols"]
    await socket.accept("chat.v2" if "chat.v2" in offered else None)
    await socket.send_json(offered)
    await socket.close()


async def handshake(socket: WebSocket) -> None:
    """Say what the handshake had, and add fields to the answer."""
    await socket.accept(headers=[(b"x-answer", b"yes"), (b"set-cookie", b"seen=1")])
    await socket.send_json(
        {
            "room": socket.path_params["room"],
            "tags": socket.query_params.getlist("tag"),
            "cookie": socket.cookies.get("flavour"),
            "field": socket.headers.get("x-field"),
            "scheme": socket.url.scheme,
            "greeting": socket.state.greeting,
        }
    )
    await socket.close()


async def close(socket: WebSocket) -> None:
    """Close as the query says, upon the first message; tell how it ended."""
    await socket.accept()
    await socket.receive_text()
    await socket.close(int(socket.query_params["code"]), socket.query_params["reason"])


async def refused(socket: WebSocket) -> None:
    """Close without accepting."""
    await socket.close(1008, "not you")


async def denied(socket: WebSocket) -> None:
    """Answer the handshake with a response."""
    response = PlainTextResponse("log in first", 401, {"X-Denial": "yes"})
    await socket.send_denial_response(response)


async def error(socket: WebSocket) -> None:
    """Fail upon the first message."""
    await socket.accept()
    await socket.receive_text()
    raise RuntimeError("told by the application")


async def error_before(socket: WebSocket) -> None:
    """Fail without accepting."""
    raise RuntimeError("told before accepting")


async def numbers(socket: WebSocket) -> None:
    """Send many messages, then close."""
    await socket.accept()
    for number in range(int(socket.query_params["count"])):
        await socket.send_text(f"number {number}")
    await socket.close()


async def talk(socket: WebSocket) -> None:
    """Send what comes to all who are in the room."""
    room = rooms[socket.path_params["room"]]
    await socket.accept()
    room.add(socket)
    try:
        await socket.send_text("welcome")
        while True:
            said = await socket.receive_text()
            for other in list(room):
                with suppress(Exception):  # it may be leaving just now
                    await other.send_text(said)
    except WebSocketDisconnect:
        room.discard(socket)


routes = [
    Route("/endings/{name}", ending),
    WebSocketRoute("/ws/echo", echo),
    WebSocketRoute("/ws/json", read_json),
    WebSocketRoute("/ws/chosen", chosen),
    WebSocketRoute("/ws/handshake/{room}", handshake),
    WebSocketRoute("/ws/close", close),
    WebSocketRoute("/ws/refused", refused),
    WebSocketRoute("/ws/denied", denied),
    WebSocketRoute("/ws/error", error),
    WebSocketRoute("/ws/error-before", error_before),
    WebSocketRoute("/ws/numbers", numbers),
    WebSocketRoute("/ws/rooms/{room}", talk),
]
