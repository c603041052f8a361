"""The WebSockets of the framework tests' application in Quart.

Quart cancels a handler whose client is gone, and tells it no code.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress

from quart import Blueprint, Response, abort, current_app, jsonify, websocket
from quart.wrappers import Websocket

from tests.integration.frameworks.endings import Endings

blueprint = Blueprint("sockets", __name__)
endings = Endings()
rooms: defaultdict[str, set[Websocket]] = defaultdict(set)


@blueprint.get("/endings/<name>")
async def ending(name: str) -> Response:
    """Answer how a WebSocket ended."""
    return jsonify(await endings.of(name))


@blueprint.websocket("/ws/echo")
async def echo() -> None:
    """Send back what comes, text as text and bytes as bytes; tell that it ended."""
    try:
        while True:
            await websocket.send(await websocket.receive())
    except asyncio.CancelledError:
        endings.tell(websocket.args["name"])
        raise


@blueprint.websocket("/ws/json")
async def read_json() -> None:
    """Answer JSON with JSON."""
    while True:
        await websocket.send_json({"got": await websocket.receive_json()})


@blueprint.websocket("/ws/chosen")
async def chosen() -> None:
    """Choose the second version of the protocol where it is offered, and none otherwise."""
    offered = websocket.requested_subprotocols
    await websocket.accept(subprotocol="chat.v2" if "chat.v2" in offered else None)
    await websocket.send_json(offered)


@blueprint.websocket("/ws/handshake/<room>")
async def handshake(room: str) -> None:
    """Say what the handshake had, and add fields to the answer."""
    await websocket.accept(headers={"x-answer": "yes", "set-cookie": "seen=1"})
    await websocket.send_json(
        {
            "room": room,
            "tags": websocket.args.getlist("tag"),
            "cookie": websocket.cookies.get("flavour"),
            "field": websocket.headers.get("x-field"),
            "scheme": websocket.scheme,
            "greeting": current_app.config["GREETING"],
        }
    )


@blueprint.websocket("/ws/close")
async def close() -> None:
    """Close as the query says, upon the first message."""
    await websocket.receive()
    await websocket.close(int(websocket.args["code"]), websocket.args["reason"])


@blueprint.websocket("/ws/refused")
async def refused() -> None:
    """Close without accepting."""
    await websocket.close(1008, "not you")


@blueprint.websocket("/ws/denied")
async def denied() -> None:
    """Answer the handshake with a response."""
    abort(Response("log in first", 401, {"X-Denial": "yes"}))


@blueprint.websocket("/ws/error")
async def error() -> None:
    """Fail upon the first message."""
    await websocket.receive()
    raise RuntimeError("told by the application")


@blueprint.websocket("/ws/error-before")
async def error_before() -> None:
    """Fail without accepting."""
    raise RuntimeError("told before accepting")


@blueprint.websocket("/ws/numbers")
async def numbers() -> None:
    """Send many messages, then return, which closes."""
    for number in range(int(websocket.args["count"])):
        await websocket.send(f"number {number}")


@blueprint.websocket("/ws/rooms/<room>")
async def talk(room: str) -> None:
    """Send what comes to all who are in the room."""
    me = websocket._get_current_object()  # type: ignore[attr-defined]
    rooms[room].add(me)
    try:
        await websocket.send("welcome")
        while True:
            said = await websocket.receive()
            for other in list(rooms[room]):
                with suppress(Exception):  # it may be leaving just now
                    await other.send(said)
    finally:
        rooms[room].discard(me)
