"""What one call of the application sends, in order or not."""

from collections.abc import Mapping
from typing import Any

import pytest

from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.errors import (
    ASGIMessageError,
    ClientDisconnected,
)
from tests.worker.driving import BODY, GET, START, STREAM_START, stepped, turns, wire
from tests.worker.exchanging import exchange_of, started
from tests.worker.wire_format import only


@stepped
async def test_a_response_in_one_piece_leaves_at_once() -> None:
    """The head waits for its body."""
    exchange, stream = exchange_of()

    await exchange.send(START)
    assert stream.calls == []
    await exchange.send(BODY)

    assert stream.calls == [("respond", 200, b"hello")]
    assert exchange.bytes_sent == 5
    assert not exchange.streamed


@stepped
async def test_a_response_in_pieces_is_a_stream() -> None:
    """From its first piece to its last."""
    exchange, stream = exchange_of()

    await exchange.send(STREAM_START)
    await exchange.send({"type": "http.response.body", "body": b"a", "more_body": True})
    assert exchange.streaming
    await exchange.send({"type": "http.response.body", "body": b"b", "more_body": True})
    await exchange.send({"type": "http.response.body"})

    body = [("body", b"a", True), ("body", b"b", True), ("body", b"", False)]
    assert stream.calls == [("start", 200, False), *body]
    assert exchange.bytes_sent == 2
    assert exchange.streamed


@stepped
async def test_send_waits_for_a_slow_client() -> None:
    """Until the stream has drained."""
    exchange, stream = exchange_of()
    stream.must_wait = True
    await exchange.send(STREAM_START)

    sending = await started(
        exchange.send({"type": "http.response.body", "body": b"a", "more_body": True})
    )
    assert not sending.done()
    stream.resumed.set()
    await turns()
    assert sending.done()


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ([], BODY),
        ([], {"type": "http.response.trailers"}),
        ([], {"type": "websocket.accept"}),
        ([], {}),
        ([START], START),
        ([START, BODY], BODY),
        ([START, BODY], START),
        ([START], {"type": "http.response.body", "body": "text"}),
        ([START], {"type": "http.response.pathsend", "path": b"/x"}),
        ([START], {"type": "http.response.trailers"}),
    ],
)
@stepped
async def test_a_wrong_message_is_refused(
    before: list[Mapping[str, Any]], message: Mapping[str, Any]
) -> None:
    """With an error for the application, and nothing of it is sent."""
    exchange, stream = exchange_of()
    for each in before:
        await exchange.send(each)
    calls = list(stream.calls)

    with pytest.raises(ASGIMessageError):
        await exchange.send(message)
    assert stream.calls == calls


@pytest.mark.parametrize(
    "start",
    [
        {"status": 200, "headers": [(b"a", b"b\r\nc: d")]},
        {"status": 200, "headers": [(b"a b", b"c")]},
        {"status": 200, "headers": [("a", "b")]},
        {"status": 200, "headers": None},
        {"status": 200, "headers": [(b"content-length", b"-1")]},
        {"status": 99, "headers": []},
        {"status": "200", "headers": []},
        {"headers": []},
    ],
)
@stepped
async def test_a_head_that_breaks_http_is_refused(start: Mapping[str, Any]) -> None:
    """The application may still send a right one."""
    exchange, stream = exchange_of()

    with pytest.raises(LocalProtocolError):
        await exchange.send({"type": "http.response.start", **start})
    await exchange.send(START)
    await exchange.send(BODY)

    assert stream.calls == [("respond", 200, b"hello")]


@pytest.mark.parametrize("more", [True, False])
@stepped
async def test_a_body_longer_than_declared_is_refused_before_anything_is_sent(
    *, more: bool
) -> None:
    """The client can still be told: with 500 instead of half a response."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"too long", "more_body": more})

    response = only(await wire(app).exchange(GET))
    assert (response.status, response.code) == (500, "APP_BAD_RESPONSE")


@stepped
async def test_trailers_follow_the_body() -> None:
    """Collected over several messages, they leave together."""
    exchange, stream = exchange_of()
    trailers = {"type": "http.response.trailers", "headers": [(b"A", b"1")]}

    await exchange.send({**STREAM_START, "trailers": True})
    await exchange.send(BODY)
    assert exchange.streaming
    await exchange.send({**trailers, "more_trailers": True})
    await exchange.send({**trailers, "headers": [(b"b", b"2")]})

    sent = ("trailers", ((b"a", b"1"), (b"b", b"2")))
    assert stream.calls == [("start", 200, True), ("body", b"hello", False), sent]


@stepped
async def test_trailers_that_nobody_asked_for_are_dropped() -> None:
    """Only a client that says `TE: trailers` knows what to do with them."""
    exchange, stream = exchange_of(extensions=())

    await exchange.send({**STREAM_START, "trailers": True})
    await exchange.send(BODY)
    await exchange.send({"type": "http.response.trailers", "headers": [(b"a", b"1")]})

    assert stream.calls[-1] == ("trailers", ())


@stepped
async def test_a_forbidden_trailer_is_refused() -> None:
    """Framing and routing do not belong there."""
    exchange, _ = exchange_of()
    await exchange.send({**STREAM_START, "trailers": True})
    await exchange.send(BODY)

    with pytest.raises(LocalProtocolError):
        await exchange.send(
            {"type": "http.response.trailers", "headers": [(b"content-length", b"1")]}
        )


@stepped
async def test_early_hints_leave_at_once() -> None:
    """And do not start the response."""
    exchange, stream = exchange_of()

    await exchange.send({"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]})
    await exchange.send(START)
    await exchange.send(BODY)

    hint = ("hint", [(b"link", b"</a>; rel=preload")])
    assert stream.calls == [hint, ("respond", 200, b"hello")]


@stepped
async def test_nothing_can_be_sent_to_a_client_that_is_gone() -> None:
    """An OSError, as the specification has it; one that only half-closed can still read."""
    exchange, stream = exchange_of()
    exchange.peer_left()
    await exchange.send(START)
    exchange.peer_gone()

    with pytest.raises(OSError) as raised:  # noqa: PT011  the class is the promise
        await exchange.send(BODY)
    assert isinstance(raised.value, ClientDisconnected)
    assert stream.calls == []
