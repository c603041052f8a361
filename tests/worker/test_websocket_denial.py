"""A handshake that the application does not accept: by a close, by a response, by failing."""

from typing import Any

import pytest

from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected
from tests.worker.driving import GET, advance, hello, make_serving, stepped, turns, wire
from tests.worker.websocket_driving import ACCEPT_MESSAGE, Puppet, answer, ask, ask_on, handshake
from tests.worker.wire_format import only

TELL_1006 = {"type": "websocket.disconnect", "code": 1006, "reason": ""}


def start(status: int = 401, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return the start of a denial."""
    return {"type": "websocket.http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    """Return a part of the body of a denial."""
    return {"type": "websocket.http.response.body", "body": data, "more_body": more}


@stepped
async def test_a_close_before_the_accept_is_403() -> None:
    """Whatever the code, the handshake is answered 403, and HTTP goes on."""
    app = Puppet()
    peer = await ask(app)
    await app.receive()

    await app.send({"type": "websocket.close", "code": 4001, "reason": "no"})

    response = only(peer.wire.take())
    assert (response.status, response.body) == (403, b"")
    assert response["upgrade"] is None
    assert not peer.ended()
    assert await app.receive() == TELL_1006


@stepped
async def test_a_denial_is_a_response_of_the_application() -> None:
    """With status, headers and body as it says; the connection serves the next request."""
    app = Puppet()
    peer = await ask(app)

    await app.send(start(401, (b"www-authenticate", b"Basic"), (b"content-length", b"2")))
    await app.send(body(b"no"))

    response = only(peer.wire.take())
    assert (response.status, response.body) == (401, b"no")
    assert response["www-authenticate"] == "Basic"
    assert await app.receive() == {"type": "websocket.connect"}
    assert await app.receive() == TELL_1006
    again = await ask_on(peer.wire, handshake())
    assert again.response is None
    assert app.calls == 2


@stepped
async def test_a_denial_can_be_streamed() -> None:
    """Each part leaves when it is sent."""
    app = Puppet()
    peer = await ask(app)

    await app.send(start(503))
    assert peer.wire.take() == b""
    await app.send(body(b"one", more=True))
    begun = peer.wire.take()
    assert begun.startswith(b"HTTP/1.1 503 ")
    assert begun.endswith(b"\r\n\r\n3\r\none\r\n")
    await app.send(body(b"two", more=True))
    assert peer.wire.take() == b"3\r\ntwo\r\n"
    await app.send(body())

    assert peer.wire.take() == b"0\r\n\r\n"
    assert not peer.ended()


@stepped
async def test_a_denial_waits_for_a_slow_client() -> None:
    """`send` returns when the client has read enough, as for any other response."""
    app = Puppet()
    peer = await ask(app)
    peer.transport.room = 0
    await app.send(start(503))

    sending = await app.sending(body(b"x" * 100_000, more=True))
    assert not sending.done()
    peer.transport.client_reads(100_000)
    await turns()

    assert sending.done()


@stepped
async def test_a_denial_may_take_longer_than_a_handshake() -> None:
    """The timeout of the handshake is for the first word of the application only."""
    app = Puppet()
    peer = await ask(app, WorkerConfig(websocket_handshake_timeout=1.0))

    await app.send(start(503))
    await app.send(body(b"one", more=True))
    await advance(5)
    await app.send(body(b"two"))

    assert only(peer.wire.take()).body == b"onetwo"


@stepped
async def test_a_denial_streamed_in_a_drain_is_completed() -> None:
    """The application is told that nobody waits any more, and may still go on."""
    app = Puppet()
    serving = make_serving(app)
    peer = await ask(app, serving=serving)
    await app.receive()
    await app.send(start(503))
    await app.send(body(b"one", more=True))

    serving.start_draining("shutdown")
    assert await app.receive() == TELL_1006
    await app.send(body(b"two"))

    assert only(peer.wire.take()).body == b"onetwo"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (start(99), LocalProtocolError),
        (start(200, (b"a b", b"c")), LocalProtocolError),
        ({"type": "websocket.http.response.start", "headers": 1, "status": 200}, Exception),
        (body(b"x"), ASGIMessageError),
        ({"type": "websocket.send", "text": "x"}, ASGIMessageError),
        ({"type": "http.response.start", "status": 200}, ASGIMessageError),
    ],
)
@stepped
async def test_a_wrong_denial_sends_nothing(
    message: dict[str, Any], error: type[Exception]
) -> None:
    """The application is told, and may still deny or accept."""
    app = Puppet()
    peer = await ask(app)

    with pytest.raises(error):
        await app.send(message)

    assert peer.wire.take() == b""
    await app.send(ACCEPT_MESSAGE)


@stepped
async def test_a_wrong_body_names_the_message() -> None:
    """As the application knows it, not as HTTP does."""
    app = Puppet()
    await ask(app)
    await app.send(start())

    with pytest.raises(ASGIMessageError, match=r"bytes as 'body' of 'websocket\.http\.response\."):
        await app.send({"type": "websocket.http.response.body", "body": "text"})


@pytest.mark.parametrize("message", [ACCEPT_MESSAGE, start(), body(b"x"), {"type": "x"}])
@stepped
async def test_nothing_follows_a_denial(message: dict[str, Any]) -> None:
    """The WebSocket is denied, and that is what the error says."""
    app = Puppet()
    await ask(app)
    await app.send(start())
    await app.send(body(b"no"))

    with pytest.raises(ASGIMessageError, match=r"nothing more \(the WebSocket is denied\)"):
        await app.send(message)


@pytest.mark.parametrize("message", [ACCEPT_MESSAGE, start(), {"type": "websocket.close"}])
@stepped
async def test_a_denial_is_not_taken_back(message: dict[str, Any]) -> None:
    """Once it has begun, its body is all that may follow."""
    app = Puppet()
    await ask(app)
    await app.send(start())

    with pytest.raises(ASGIMessageError, match="denied, its response under way"):
        await app.send(message)


@stepped
async def test_a_denial_to_a_client_that_left_is_a_disconnect() -> None:
    """As any other response to nobody."""
    app = Puppet()
    peer = await ask(app)
    peer.transport.client_leaves()
    await turns()

    with pytest.raises(ClientDisconnected):
        await app.send(start())


@stepped
async def test_raising_before_the_accept_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """And the traceback is in the log."""
    app = Puppet()
    peer = await ask(app)

    app.end.set_exception(ValueError("boom"))
    await turns()

    response = only(peer.wire.take())
    assert (response.status, response.code) == (500, "APP_ERROR")
    assert "boom" in caplog.text


@stepped
async def test_returning_before_the_accept_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """An application has to answer, one way or another."""
    app = Puppet()
    peer = await ask(app)

    app.end.set_result(None)
    await turns()

    response = only(peer.wire.take())
    assert (response.status, response.code) == (500, "APP_NO_RESPONSE")
    assert "The application returned from GET /ws" in caplog.text


@stepped
async def test_in_debug_the_client_sees_the_traceback() -> None:
    """As for any other request."""
    app = Puppet()
    peer = await ask(app, WorkerConfig(debug=True))

    app.end.set_exception(ValueError("boom"))
    await turns()

    response = only(peer.wire.take())
    assert response.status == 500
    assert b"ValueError" in response.body
    assert b"boom" in response.body


@stepped
async def test_an_application_that_takes_too_long_is_cancelled() -> None:
    """The client is told 504 with a code of its own."""
    app = Puppet()
    peer = await ask(app, WorkerConfig(websocket_handshake_timeout=3.0, handler_timeout=60.0))

    await advance(2.9)
    assert peer.wire.take() == b""
    await advance(1)

    response = only(peer.wire.take())
    assert (response.status, response.code) == (504, "TIMEOUT_WEBSOCKET_HANDSHAKE")
    assert app.cancelled
    assert peer.ended()


@stepped
async def test_the_timeout_of_a_handshake_is_not_that_of_requests() -> None:
    """A plain request on the same connection has handler_timeout, or no bound at all."""
    app = Puppet()
    client = wire(app, WorkerConfig(websocket_handshake_timeout=1.0))
    client.send(GET)

    await advance(10)

    assert client.take() == b""
    assert not app.cancelled


@stepped
async def test_an_application_for_http_alone_may_send_its_response() -> None:
    """It sends messages that are not allowed, which is its failure: 500."""
    peer = await ask(hello)

    assert peer.response
    assert (peer.response.status, peer.response.code) == (500, "APP_BAD_RESPONSE")


@stepped
async def test_a_denied_client_may_go_on_with_what_it_has_pipelined() -> None:
    """A plain request behind a handshake that is denied is answered."""
    calls = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["type"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await hello(scope, receive, send)

    data = await wire(app).exchange(handshake() + GET)

    denial, rest = answer(data)
    assert denial.status == 403
    assert only(rest).body == b"hello"
    assert calls == ["websocket", "http"]
