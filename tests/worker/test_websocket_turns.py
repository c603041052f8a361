"""WebSockets that have much to do, and the others on the same loop."""

import asyncio

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import stepped, turns
from tests.worker.websocket_driving import (
    PING,
    ask,
    close_frame,
    config_of,
    frame,
    opened,
    text,
)

MESSAGES = 1_000


class Taking:
    """An application that takes messages as fast as it is given them."""

    def __init__(self) -> None:
        self.taken = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            self.taken += 1


@stepped
async def test_an_application_that_never_waits_leaves_others_their_turn() -> None:
    """In a turn of the loop it is given no more messages than may wait for it."""
    app = Taking()
    peer = await ask(app, config_of(websocket_max_queue=32))
    peer.send(text("x") * MESSAGES)
    for _ in range(MESSAGES):
        before = app.taken
        await asyncio.sleep(0)
        assert app.taken - before <= 33, "those in the queue, and the one that it waited for"
    assert app.taken == MESSAGES


@stepped
async def test_nothing_is_read_on_top_of_what_waits() -> None:
    """An application is given what one read has brought before the next one."""
    app = Taking()
    peer = await ask(app, config_of(websocket_max_queue=32))
    sent = 0
    for _ in range(MESSAGES):
        if peer.transport.reading:
            peer.send(text("x") * MESSAGES)
            sent += MESSAGES
        await asyncio.sleep(0)
        assert sent - app.taken <= 2 * MESSAGES
    assert app.taken > 10 * MESSAGES


@stepped
async def test_a_close_behind_much_else_is_the_end_of_reading() -> None:
    """Nothing is read again of a connection that is being closed."""
    app, peer = await opened()
    peer.send(frame(PING, b"") * 40_000 + close_frame(1000))
    await turns()
    assert peer.closed_with() == (1000, "")
    assert (await app.receive())["code"] == 1000
    assert peer.ended() == "closed"
