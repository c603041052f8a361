"""The WebSockets of the framework tests' application in FastAPI."""

from collections import defaultdict
from contextlib import suppress
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    Header,
    HTTPException,
    Query,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)

from tests.integration.frameworks.endings import Endings

router = APIRouter()
endings = Endings()
rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


@router.get("/endings/{name}")
async def ending(name: str) -> dict[str, int | str | None]:
    """Answer how a WebSocket ended."""
    return await endings.of(name)


@router.websocket("/ws/echo")
async def echo(socket: WebSocket, name: str) -> None:
    """Send back what comes, text as text and bytes as bytes; tell how it ended."""
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
    endings.tell(name, message["code"], message["reason"])


@router.websocket("/ws/json")
async def read_json(socket: WebSocket) -> None:
    """Answer JSON with JSON."""
    await socket.accept()
    try:
        while True:
            sent: Any = await socket.receive_json()
            await socket.send_json({"got": sent})
    except WebSocketDisconnect:
        pass


@router.websocket("/ws/chosen")
async def chosen(socket: WebSocket) -> None:
    """Choose the second version of the protocol where it is offered, and none otherwise."""
    offered = socket.scope["subprotocols"]
    await socket.accept("chat.v2" if "chat.v2" in offered else None)
    await socket.send_json(offered)
    await socket.close()


@router.websocket("/ws/handshake/{room}")
async def handshake(
    socket: WebSocket,
    room: str,
    tag: Annotated[list[str], Query()],
    flavour: Annotated[str | None, Cookie()] = None,
    x_field: Annotated[str | None, Header()] = None,
) -> None:
    """Say what the handshake had, and add fields to the answer."""
    await socket.accept(headers=[(b"x-answer", b"yes"), (b"set-cookie", b"seen=1")])
    found = {"room": room, "tags": tag, "cookie": flavour, "field": x_field}
    more = {"scheme": socket.url.scheme, "greeting": socket.state.greeting}
    await socket.send_json(found | more)
    await socket.close()


@router.websocket("/ws/close")
async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close as the query says, upon the first message."""
    await socket.accept()
    await socket.receive_text()
    await socket.close(code, reason)


async def nobody() -> None:
    """Depend on nobody's being let in."""
    raise WebSocketException(1008, "not you")


@router.websocket("/ws/refused", dependencies=[Depends(nobody)])
async def refused(socket: WebSocket) -> None:
    """Accept whom the dependency lets in."""
    await socket.accept()


async def stranger() -> None:
    """Depend on the client's having logged in."""
    raise HTTPException(401, "log in first", {"X-Denial": "yes"})


@router.websocket("/ws/denied", dependencies=[Depends(stranger)])
async def denied(socket: WebSocket) -> None:
    """Accept whom the dependency lets in."""
    await socket.accept()


@router.websocket("/ws/error")
async def error(socket: WebSocket) -> None:
    """Fail upon the first message."""
    await socket.accept()
    await socket.receive_text()
    raise RuntimeError("told by the application")


@router.websocket("/ws/error-before")
async def error_before(socket: WebSocket) -> None:
    """Fail without accepting."""
    raise RuntimeError("told before accepting")


@router.websocket("/ws/numbers")
async def numbers(socket: WebSocket, count: int) -> None:
    """Send many messages, then close."""
    await socket.accept()
    for number in range(count):
        await socket.send_text(f"number {number}")
    await socket.close()


@router.websocket("/ws/rooms/{room}")
async def talk(socket: WebSocket, room: str) -> None:
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
