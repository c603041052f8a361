"""The WebSockets of the framework tests' application in Litestar."""

from collections import defaultdict
from contextlib import suppress
from typing import Any

from litestar import WebSocket, get, websocket, websocket_listener
from litestar.exceptions import NotAuthorizedException, WebSocketDisconnect
from litestar.params import FromPath, FromQuery

from tests.integration.frameworks.endings import Endings

type Socket = WebSocket[Any, Any, Any]

endings = Endings()
rooms: defaultdict[str, set[Socket]] = defaultdict(set)


@get("/endings/{name:str}")
async def ending(name: FromPath[str]) -> dict[str, int | str | None]:
    """Answer how a WebSocket ended."""
    return await endings.of(name)


@websocket("/ws/echo")
async def echo(socket: WebSocket[Any, Any, Any], name: FromQuery[str]) -> None:
    """Send back what comes, text as text and bytes as bytes; tell how it ended."""
    await socket.accept()
    while True:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            break
        if (text := message.get("text")) is not None:
            await socket.send_text(text)
        else:
            await socket.send_bytes(message["bytes"] or b"")
    assert message["type"] == "websocket.disconnect"
    endings.tell(name, message["code"], message["reason"])  # type: ignore[typeddict-item]


@websocket_listener("/ws/json")
async def read_json(data: dict[str, Any]) -> dict[str, Any]:
    """Answer JSON with JSON."""
    return {"got": data}


@websocket("/ws/chosen")
async def chosen(socket: WebSocket[Any, Any, Any]) -> None:
    """Choose the second version of the protocol where it is offered, and none otherwise."""
    offered = socket.scope["subprotocols"]
    await socket.accept("chat.v2" if "chat.v2" in offered else None)
    await socket.send_json(offered)
    await socket.close()


@websocket("/ws/handshake/{room:str}")
async def handshake(
    socket: WebSocket[Any, Any, Any], room: FromPath[str], tag: FromQuery[list[str]]
) -> None:
    """Say what the handshake had, and add fields to the answer."""
    await socket.accept(headers={"x-answer": "yes", "set-cookie": "seen=1"})
    await socket.send_json(
        {
            "room": room,
            "tags": tag,
            "cookie": socket.cookies.get("flavour"),
            "field": socket.headers.get("x-field"),
            "scheme": socket.url.scheme,
            "greeting": socket.app.state.greeting,
        }
    )
    await socket.close()


@websocket("/ws/close")
async def close(
    socket: WebSocket[Any, Any, Any], code: FromQuery[int], reason: FromQuery[str]
) -> None:
    """Close as the query says, upon the first message."""
    await socket.accept()
    await socket.receive_text()
    await socket.close(code, reason)


@websocket("/ws/refused")
async def refused(socket: WebSocket[Any, Any, Any]) -> None:
    """Close without accepting."""
    await socket.close(1008, "not you")


@websocket("/ws/denied")
async def denied(socket: WebSocket[Any, Any, Any]) -> None:
    """Let the framework close, without accepting, for an exception of its own."""
    raise NotAuthorizedException("log in first")


@websocket("/ws/error")
async def error(socket: WebSocket[Any, Any, Any]) -> None:
    """Fail upon the first message."""
    await socket.accept()
    await socket.receive_text()
    raise RuntimeError("told by the application")


@websocket("/ws/error-before")
async def error_before(socket: WebSocket[Any, Any, Any]) -> None:
    """Fail without accepting."""
    raise RuntimeError("told before accepting")


@websocket("/ws/numbers")
async def numbers(socket: WebSocket[Any, Any, Any], count: FromQuery[int]) -> None:
    """Send many messages, then close."""
    await socket.accept()
    for number in range(count):
        await socket.send_text(f"number {number}")
    await socket.close()


@websocket("/ws/rooms/{room:str}")
async def talk(socket: WebSocket[Any, Any, Any], room: FromPath[str]) -> None:
    """Send what comes to all who are in the room."""
    await socket.accept()
    rooms[room].add(socket)
    await socket.send_text("welcome")
    try:
        while True:
            said = await socket.receive_text()
            for other in list(rooms[room]):
                with suppress(Exception):  # it may be leaving just now
                    await other.send_text(said)
    except WebSocketDisconnect:
        rooms[room].discard(socket)


handlers = [
    *(ending, echo, read_json, chosen, handshake, close, refused, denied),
    *(error, error_before, numbers, talk),
]
