"""One call of the application: what it receives, and how it ends."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.asgi import ASGIApp, Message, Receive, Scope, Send
from serverkit_worker.errors import (
    APP_BAD_RESPONSE,
    APP_ERROR,
    APP_NO_RESPONSE,
    ASGIMessageError,
    ErrorReply,
)
from tests.worker.driving import BODY, START, STREAM_START, stepped, turns
from tests.worker.exchanging import exchange_of, started

DISCONNECT = {"type": "http.disconnect"}


@stepped
async def test_a_request_without_body_is_one_message() -> None:
    """Then nothing comes until the response is complete."""
    exchange, stream = exchange_of()

    assert await exchange.receive() == {"type": "http.request", "body": b"", "more_body": False}
    waiting = await started(exchange.receive())
    assert not waiting.done()
    await exchange.send(START)
    await exchange.send(BODY)
    exchange.wake()

    assert await waiting == DISCONNECT
    assert stream.awaited == 0


@stepped
async def test_a_body_comes_in_pieces() -> None:
    """As the connection delivers them; the stream learns what is awaited and taken."""
    exchange, stream = exchange_of(body=True)
    exchange.deliver_body(b"one", more=True)
    exchange.deliver_body(b"two!", more=True)

    first, second = await exchange.receive(), await exchange.receive()
    assert (first["body"], first["more_body"]) == (b"one", True)
    assert (second["body"], second["more_body"]) == (b"two!", True)
    assert (stream.awaited, stream.taken) == (0, 7)
    third = await started(exchange.receive())
    assert stream.awaited == 1
    exchange.deliver_body(b"", more=False)

    assert await third == {"type": "http.request", "body": b"", "more_body": False}


@stepped
async def test_the_last_piece_says_so() -> None:
    """Also when all of them have come before the application asks."""
    exchange, _ = exchange_of(body=True)
    exchange.deliver_body(b"one", more=True)
    exchange.deliver_body(b"two", more=False)

    assert (await exchange.receive())["more_body"] is True
    assert (await exchange.receive())["more_body"] is False


@stepped
async def test_a_client_that_leaves_within_its_body_is_told_of() -> None:
    """After what has come of it; and again each time."""
    exchange, _ = exchange_of(body=True)
    exchange.deliver_body(b"one", more=True)
    exchange.peer_left()

    assert (await exchange.receive())["body"] == b"one"
    assert await exchange.receive() == DISCONNECT
    assert await exchange.receive() == DISCONNECT


@stepped
async def test_a_complete_body_reaches_the_application_though_its_client_has_left() -> None:
    """It may be worth acting on."""
    exchange, _ = exchange_of(body=True)
    exchange.deliver_body(b"one", more=False)
    exchange.peer_gone()

    assert (await exchange.receive())["body"] == b"one"
    assert await exchange.receive() == DISCONNECT


@stepped
async def test_leaving_wakes_who_waits() -> None:
    """For the body, or for a disconnect."""
    for body in (True, False):
        exchange, _ = exchange_of(body=body)
        if not body:
            await exchange.receive()
        waiting = await started(exchange.receive())
        exchange.peer_left()
        assert await waiting == DISCONNECT


@stepped
async def test_after_the_response_there_is_only_a_disconnect() -> None:
    """Whatever was left of the body; what is not given is not counted as taken."""
    exchange, stream = exchange_of(body=True)
    exchange.deliver_body(b"one", more=True)
    await exchange.send(START)
    await exchange.send(BODY)

    assert await exchange.receive() == DISCONNECT
    assert stream.taken == 0


@stepped
async def test_two_receivers_share_the_body() -> None:
    """Each piece goes to one of them, and its end is told once."""
    exchange, _ = exchange_of(body=True)
    receivers = [await started(exchange.receive()) for _ in range(2)]

    exchange.deliver_body(b"all", more=False)
    await turns()
    done = [task for task in receivers if task.done()]
    assert [task.result()["body"] for task in done] == [b"all"]
    exchange.peer_left()
    await turns()

    assert [task.result() for task in receivers if task not in done] == [DISCONNECT]


@stepped
async def test_polling_for_a_disconnect_leaves_nothing_behind() -> None:
    """A stream that asks after each event whether its client is there may run for days."""
    exchange, _ = exchange_of()
    await exchange.receive()

    for _ in range(100):
        poll = await started(exchange.receive())
        poll.cancel()
        await turns(3)

    assert not exchange._waiters


def failing(exc: BaseException, *before: Mapping[str, Any]) -> ASGIApp:
    """Return an application that raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        raise exc

    return app


@pytest.mark.parametrize(
    ("exc", "reply"),
    [
        (ValueError("x"), APP_ERROR),
        (SystemExit(3), APP_ERROR),
        (asyncio.CancelledError(), APP_ERROR),
        (ASGIMessageError("a", "b"), APP_BAD_RESPONSE),
        (LocalProtocolError("x"), APP_BAD_RESPONSE),
    ],
)
@pytest.mark.parametrize("before", [(), (START,)])
@stepped
async def test_an_application_that_raises_is_answered_for(
    exc: BaseException,
    reply: ErrorReply,
    before: tuple[Mapping[str, Any], ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, and logged once with method, path and traceback."""
    exchange, stream = exchange_of(failing(exc, *before))

    await exchange.run()

    assert stream.calls == [("fail", reply, exc)]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("serverkit.error", logging.ERROR)
    assert "GET /p" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is exc


@stepped
async def test_what_is_raised_after_the_response_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client has what it asked for."""
    exchange, stream = exchange_of(failing(ValueError(), START, BODY))

    await exchange.run()

    assert [call[0] for call in stream.calls] == ["respond"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("before", [(), (START,), (STREAM_START, {**BODY, "more_body": True})])
@stepped
async def test_an_application_that_returns_early_is_answered_for(
    before: tuple[Mapping[str, Any], ...], caplog: pytest.LogCaptureFixture
) -> None:
    """It says how far the response was."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)

    exchange, stream = exchange_of(app)
    await exchange.run()

    assert stream.calls[-1] == ("fail", APP_NO_RESPONSE, None)
    (record,) = caplog.records
    assert "GET /p" in record.getMessage()


@pytest.mark.parametrize("how", ["disconnected", "wrapped", "cancelled", "returns"])
@stepped
async def test_what_a_lost_client_makes_of_an_application_is_no_failure(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged, nothing is answered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange.peer_gone()
        if how == "cancelled":
            raise asyncio.CancelledError
        if how != "returns":
            try:
                await send(START)
            except OSError as exc:
                if how == "wrapped":
                    raise RuntimeError from exc
                raise

    exchange, stream = exchange_of(app)
    await exchange.run()

    assert stream.calls == []
    assert caplog.records == []


@stepped
async def test_a_failure_of_its_own_is_logged_though_the_client_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is a bug of the application all the same."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange.peer_gone()
        raise ValueError("bug")

    exchange, stream = exchange_of(app)
    await exchange.run()

    assert stream.calls == []
    assert "bug" in caplog.text


@stepped
async def test_ctrl_c_is_not_the_request_s() -> None:
    """Whoever pressed the keys means the server."""
    exchange, stream = exchange_of(failing(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        await exchange.run()
    assert stream.calls == []


@stepped
async def test_the_application_is_called_once() -> None:
    """With the scope and two callables."""
    calls: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope)
        await send(START)
        await send(BODY)

    exchange, _ = exchange_of(app)
    await exchange.run()

    assert calls == [exchange.scope]
