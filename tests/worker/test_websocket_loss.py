"""A client that is lost while it is sent to."""

import logging

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import stepped, turns
from tests.worker.websocket_driving import ask, text


class LeftError(Exception):
    """What a framework makes of the OSError of `send`."""


async def translates(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, as a framework does that has an exception of its own for clients that are gone."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        try:
            await send({"type": "websocket.send", "text": "answer"})
        except OSError:
            raise LeftError from None


@stepped
async def test_what_a_loss_makes_an_application_raise_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where writing fails before the loop tells of the loss; nothing is logged."""
    caplog.set_level(logging.INFO, logger="serverkit.error")
    peer = await ask(translates)
    await turns()
    peer.transport.breaks_after = 0

    peer.send(text("question"))
    await turns()

    assert peer.ended()
    assert not caplog.records
    assert not peer.wire.serving.connections
