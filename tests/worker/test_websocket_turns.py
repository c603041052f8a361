"""WebSockets that have much to do, and the others on the same loop."""

import asyncio

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import stepped
from tests.worker.websocket_driving import ask, config_of, text

MESSAGES = 1_000


@stepped
async def test_an_application_that_never_waits_leaves_others_their_turn() -> None:
    """In a turn of the loop it is given no more messages than may wait for it."""
    taken = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal taken
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            taken += 1

    peer = await ask(app, config_of(websocket_max_queue=32))
    peer.send(text("x") * MESSAGES)
    for _ in range(MESSAGES):
        before = taken
        await asyncio.sleep(0)
        assert taken - before <= 33, "those in the queue, and the one that it waited for"
    assert taken == MESSAGES
