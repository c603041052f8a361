"""Applications that send much to clients that read as fast, and the others on the same loop."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.client_transport import TURN_BYTES
from tests.worker.driving import GET, stepped, turns, wire
from tests.worker.websocket_driving import ask

MESSAGES = 600
TURNS = 200  # More than enough for all of them.


class Sending:
    """An application that sends as fast as it can, and never waits for anything else."""

    def __init__(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        self._start = start
        self._message = message
        self._turn = 0
        self.sent: Counter[int] = Counter()
        """How many messages it has sent in each turn of the loop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        counting = asyncio.create_task(self._count_turns())
        await send(self._start)
        for _ in range(MESSAGES):
            await send(self._message)
            self.sent[self._turn] += 1
        counting.cancel()

    async def _count_turns(self) -> None:
        while True:
            self._turn += 1
            await asyncio.sleep(0)


@pytest.mark.parametrize(("size", "at_most"), [(1, 300), (TURN_BYTES // 32, 32)])
@stepped
async def test_a_websocket_leaves_others_their_turn(size: int, at_most: int) -> None:
    """However fast its client reads, and whether its messages are small or large."""
    app = Sending({"type": "websocket.accept"}, {"type": "websocket.send", "bytes": bytes(size)})

    await ask(app)
    await turns(TURNS)

    assert app.sent.total() == MESSAGES
    assert max(app.sent.values()) <= at_most


@pytest.mark.parametrize(("size", "at_most"), [(1, 300), (TURN_BYTES // 32, 32)])
@stepped
async def test_a_response_leaves_others_their_turn(size: int, at_most: int) -> None:
    """However fast its client reads, and whether its parts are small or large."""
    part = {"type": "http.response.body", "body": bytes(size), "more_body": True}
    app = Sending({"type": "http.response.start", "status": 200}, part)

    wire(app).send(GET)
    await turns(TURNS)

    assert app.sent.total() == MESSAGES
    assert max(app.sent.values()) <= at_most
