"""Bodies on one HTTP/1.1 connection: in pieces, too large, unread, not asked for."""

import logging

import pytest

from serverkit_proto.config import Http1Engine, ProtoConfig
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.driving import (
    CHUNKED,
    GET,
    BodyReader,
    Held,
    chunk,
    connect,
    hello,
    make_serving,
    post,
    stepped,
    turns,
    wire,
)
from tests.worker.wire_format import only


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back each piece of the body as it comes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


@pytest.mark.parametrize("engine", ["fast", "h11"])
@stepped
async def test_a_body_streams_to_the_application(engine: Http1Engine) -> None:
    """Each piece as it comes, by declared length and in chunks."""
    for head, pieces in (
        (post(length=6), [b"one", b"two"]),
        (CHUNKED, [chunk(b"one"), chunk(b"two"), chunk(b"")]),
    ):
        app = BodyReader()
        app.allow()
        line = wire(app, WorkerConfig(proto=ProtoConfig(http1=engine)))
        for piece in [head, *pieces]:
            line.send(piece)
            await turns()
        assert app.body == b"onetwo"
        assert [m["more_body"] for m in app.messages][-1] is False
        assert only(line.take()).status == 200


@stepped
async def test_reading_pauses_while_the_application_does_not_take_the_body() -> None:
    """And goes on once it has caught up; nothing is lost or doubled."""
    app = BodyReader()
    line = wire(app)
    body = bytes(range(256)) * 2_000

    line.send(post(length=len(body)))
    for start in range(0, len(body), 10_000):
        line.send(body[start : start + 10_000])
    await turns()
    assert not line.transport.reading
    assert line.transport.kernel_holds > len(body) - 100_000

    app.allow()
    for _ in range(20):
        await turns(60)
    assert app.body == body
    assert only(line.take()).status == 200
    assert line.transport.reading


@stepped
async def test_an_echo_goes_on_after_its_client_has_paused() -> None:
    """What came of the body while nothing could be written is handed on all the same."""
    line = wire(echo)
    line.transport.room = 0
    body = b"x" * 300_000

    line.send(post(length=len(body)))
    for start in range(0, len(body), 50_000):
        line.send(body[start : start + 50_000])
        await turns()
    line.transport.client_reads(float("inf"))
    await turns(100)

    assert only(line.take()).body == body


@stepped
async def test_a_declared_body_that_is_too_large_never_reaches_the_application() -> None:
    """It is answered 413; the client is left time to read that."""
    app = Held()
    line = wire(app, WorkerConfig(max_request_size=10))

    response = only(await line.exchange(post(b"x" * 5, length=11)))

    assert (response.status, response.code) == (413, "LIMIT_REQUEST_TOO_LARGE")
    assert response.closes
    assert app.calls == []
    assert line.transport.eof_sent
    assert line.ended == ""
    line.send(b"x" * 6)
    line.transport.client_ends()
    await turns()
    assert line.ended == "closed"
    assert line.serving.is_idle()


@stepped
async def test_a_body_of_the_largest_size_is_allowed() -> None:
    """The limit is what may be sent."""
    for request in (post(b"x" * 10), CHUNKED + chunk(b"x" * 10) + chunk(b"")):
        line = wire(hello, WorkerConfig(max_request_size=10))
        assert only(await line.exchange(request)).status == 200


@stepped
async def test_a_chunked_body_that_becomes_too_large_is_answered() -> None:
    """The application learns by http.disconnect, the client by 413."""
    app = BodyReader()
    app.allow()
    line = wire(app, WorkerConfig(max_request_size=10))

    assert await line.exchange(CHUNKED + chunk(b"x" * 8)) == b""
    response = only(await line.exchange(chunk(b"x" * 3)))

    assert response.status == 413
    assert app.messages[-1]["type"] == "http.disconnect"
    assert app.body == b"x" * 8


@stepped
async def test_a_limit_is_answered_once() -> None:
    """A request that breaks two limits gets one response."""
    app = Held()
    serving = make_serving(app, WorkerConfig(max_request_size=10, limit_concurrency=1))
    connect(serving).send(GET)
    await turns()

    assert only(await connect(serving).exchange(post(length=11))).status == 413


@stepped
async def test_a_small_unread_body_lets_the_connection_go_on() -> None:
    """It is read and thrown away before the next request."""
    line = wire(hello)

    first = only(await line.exchange(post(b"x" * 10, length=20_000)))
    assert not first.closes
    assert await line.exchange(b"x" * 19_990 + GET[:5]) == b""

    assert only(await line.exchange(GET[5:])).status == 200


@stepped
async def test_a_large_unread_body_closes_the_connection() -> None:
    """The client is told, and what it still sends is read so that it can read the answer."""
    line = wire(hello, WorkerConfig(max_request_size=10_000_000))

    response = only(await line.exchange(post(b"x" * 10, length=1_000_000)))
    assert response.closes
    assert line.transport.eof_sent
    assert line.transport.reading

    line.send(b"x" * 500_000)
    assert line.transport.kernel_holds == 0
    line.transport.client_ends()
    await turns()
    assert line.ended == "closed"


@stepped
async def test_an_unread_chunked_body_closes_the_connection() -> None:
    """Nobody knows how long it is."""
    line = wire(hello)

    assert only(await line.exchange(CHUNKED + chunk(b"x"))).closes
    assert line.transport.eof_sent


@stepped
async def test_continue_is_said_when_the_body_is_awaited() -> None:
    """Once, and not before the application asks for the body."""
    app = BodyReader()
    line = wire(app)

    assert await line.exchange(post(length=6, fields=b"Expect: 100-continue\r\n")) == b""
    app.allow()
    await turns()
    assert line.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await line.exchange(b"one") == b""
    assert only(await line.exchange(b"two")).body == b"hello"


@stepped
async def test_continue_is_not_said_to_a_body_that_nobody_wants() -> None:
    """The connection closes: the client may send the body or not, nobody can tell."""
    line = wire(hello)

    response = only(await line.exchange(post(length=6, fields=b"Expect: 100-continue\r\n")))

    assert response.status == 200
    assert response.closes


@pytest.mark.parametrize(
    ("data", "code"),
    [(GET[:10], "PARSE_INCOMPLETE_HEAD"), (post(b"x", length=2), "PARSE_INCOMPLETE_BODY")],
)
@stepped
async def test_half_a_message_is_an_error(data: bytes, code: str) -> None:
    """A client that half-closes within it is told so."""
    app = BodyReader()
    line = wire(app)

    line.send(data)
    line.transport.client_ends()
    await turns()

    response = only(line.take())
    assert (response.status, response.code) == (400, code)


@pytest.mark.parametrize("how", ["bad chunk", "end"])
@stepped
async def test_a_body_that_breaks_after_its_response_ends_the_connection(how: str) -> None:
    """There is nothing left to answer, and no failure of the server's own."""
    line = wire(hello)
    if how == "end":
        assert only(await line.exchange(post(b"x", length=100))).status == 200
        line.transport.client_ends()
    else:

        async def early(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await send({"type": "http.response.body", "body": b"hello"})

        line = wire(early)
        assert only(await line.exchange(CHUNKED + chunk(b"x"))).status == 200
        line.send(b"no chunk\r\n")
    await turns()

    assert line.take() == b""
    assert line.ended == "closed" or line.transport.eof_sent


@stepped
async def test_a_response_too_short_closes_and_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client can tell, and whoever reads the log can too."""

    async def short(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"less"})

    line = wire(short)
    with caplog.at_level(logging.ERROR, "serverkit.error"):
        line.send(GET)

    assert line.take().endswith(b"\r\n\r\nless")
    assert line.transport.is_closing()
    assert [record.getMessage() for record in caplog.records] == [
        "The application's response to GET / is shorter than its Content-Length"
    ]
