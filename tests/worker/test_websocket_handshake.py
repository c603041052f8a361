"""The handshake: what the application is told, how it accepts, and what is refused before it."""

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected
from tests.worker.driving import GET, connect, hello, make_serving, post, stepped, turns, wire
from tests.worker.websocket_driving import (
    ACCEPT_MESSAGE,
    ACCEPTED,
    CLOSE,
    KEY,
    TEXT,
    Puppet,
    answer,
    ask,
    ask_on,
    close_frame,
    config_of,
    frame,
    handshake,
    opened,
    text,
)
from tests.worker.wire_format import only


@stepped
async def test_the_scope_is_that_of_the_specification() -> None:
    """It has the keys of the specification and no other, and none of HTTP's own."""
    serving = make_serving(app := Puppet(), WorkerConfig(root_path="/api"), state={"a": 1})
    request = handshake(b"Sec-WebSocket-Protocol: chat, v2\r\n", target=b"/caf%C3%A9?a=b%20c")

    await ask_on(connect(serving), request)

    headers = app.scope.pop("headers")
    assert app.scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/api/café",
        "raw_path": b"/caf%C3%A9",
        "query_string": b"a=b%20c",
        "root_path": "/api",
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": ["chat", "v2"],
        "state": {"a": 1},
        "extensions": {"websocket.http.response": {}},
    }
    assert (b"sec-websocket-key", KEY) in headers
    assert app.scope["state"] is not serving.state


@stepped
async def test_extensions_of_http_responses_are_not_offered() -> None:
    """What works for a response to a plain request is no extension of a WebSocket."""
    app = Puppet()

    await ask(app, WorkerConfig(debug=True), fields=b"TE: trailers\r\n")

    assert app.scope["extensions"] == {"websocket.http.response": {}}


@stepped
async def test_accepting_answers_101() -> None:
    """The response proves that the key was understood, and has Date and Server like any other."""
    app = Puppet()
    peer = await ask(app)
    assert peer.response is None

    await app.accept()

    response, rest = answer(peer.wire.take())
    assert (response.status, rest) == (101, b"")
    assert response["upgrade"] == "websocket"
    assert response["connection"] == "Upgrade"
    assert response["sec-websocket-accept"] == ACCEPTED
    assert response["sec-websocket-protocol"] is None
    assert response["sec-websocket-extensions"] is None
    assert response["server"] == "serverkit"
    assert response["date"]
    assert response["content-length"] is None
    assert not peer.ended()


@stepped
async def test_an_application_may_accept_before_it_receives() -> None:
    """Nobody has to take websocket.connect first."""
    app = Puppet()
    peer = await ask(app)

    await app.send(ACCEPT_MESSAGE)
    await app.say("hi")

    assert await app.receive() == {"type": "websocket.connect"}
    found = answer(peer.wire.take())
    assert found[1] == b"\x81\x02hi"


@stepped
async def test_the_subprotocol_is_one_of_those_offered() -> None:
    """The application chooses, and the client is told."""
    app = Puppet()
    peer = await ask(app, fields=b"Sec-WebSocket-Protocol: chat, v2\r\n")

    await app.accept(subprotocol="v2")

    found = answer(peer.wire.take())
    assert found[0]["sec-websocket-protocol"] == "v2"


@stepped
async def test_headers_of_the_application_go_with_the_101() -> None:
    """In the order given, names in lower case."""
    app = Puppet()
    peer = await ask(app)

    await app.accept(headers=[(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x", b"y")])

    found = answer(peer.wire.take())
    ours = [pair for pair in found[0].fields if pair[0] in (b"set-cookie", b"x")]
    assert ours == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x", b"y")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"subprotocol": "v3"},
        {"subprotocol": ""},
        {"headers": [(b"a b", b"c")]},
        {"headers": [(b"a", b"c\r\nd: e")]},
        {"headers": [(b"sec-websocket-accept", b"x")]},
        {"headers": [(b"Sec-WebSocket-Extensions", b"x")]},
        {"headers": [(b"connection", b"close")]},
        {"headers": [(b"upgrade", b"h2c")]},
        {"headers": [(b"content-length", b"0")]},
        {"headers": [(b"transfer-encoding", b"chunked")]},
        {"headers": [("a", "b")]},
    ],
)
@stepped
async def test_a_wrong_accept_sends_nothing(wrong: dict[str, object]) -> None:
    """The application is told, and may still send a right one."""
    app = Puppet()
    peer = await ask(app, fields=b"Sec-WebSocket-Protocol: chat, v2\r\n")

    with pytest.raises((LocalProtocolError, ASGIMessageError)):
        await app.send({**ACCEPT_MESSAGE, **wrong})

    assert peer.wire.take() == b""
    await app.send(ACCEPT_MESSAGE)
    found = answer(peer.wire.take())
    assert found[0].status == 101


@stepped
async def test_a_wrong_accept_that_is_not_caught_is_500() -> None:
    """As a response that breaks HTTP is."""
    app = Puppet()
    peer = await ask(app)
    with pytest.raises(LocalProtocolError) as caught:
        await app.send({**ACCEPT_MESSAGE, "subprotocol": "v3"})

    app.end.set_exception(caught.value)
    await turns()

    response = only(peer.wire.take())
    assert (response.status, response.code) == (500, "APP_BAD_RESPONSE")


@stepped
async def test_frames_that_come_with_the_handshake_are_not_lost() -> None:
    """A client that does not wait for the 101 is understood."""
    app = Puppet()
    peer = await ask(app, behind=text("one") + text("two") + close_frame(4000, "bye"))

    await app.accept()

    assert await app.receive() == {"type": "websocket.receive", "text": "one"}
    assert await app.receive() == {"type": "websocket.receive", "text": "two"}
    assert await app.receive() == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    found = answer(peer.wire.take())
    assert found[1] == b"\x88\x05\x0f\xa0bye"
    assert peer.ended() == "closed"


@stepped
async def test_what_comes_before_the_accept_is_bounded() -> None:
    """A client that sends on and on before it was accepted is not read any further."""
    app = Puppet()
    peer = await ask(app)

    for _ in range(40):
        peer.send(frame(TEXT, b"x" * 10_000))

    assert not peer.transport.reading
    assert peer.transport.kernel_holds > 200_000
    await app.accept()
    for _ in range(40):
        assert (await app.receive())["text"] == "x" * 10_000


@stepped
async def test_a_connection_that_has_served_requests_can_become_a_websocket() -> None:
    """Also with requests, and one with a body, pipelined before the handshake."""
    puppet = Puppet()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (hello if scope["type"] == "http" else puppet)(scope, receive, send)

    client = wire(app, config_of())
    assert only(await client.exchange(GET)).body == b"hello"

    data = await client.exchange(GET + post(b"body") + handshake() + text("early"))
    for _ in range(2):
        response, data = answer(data)
        assert response.body == b"hello"
    assert data == b""
    await puppet.accept()

    found = answer(client.take())
    assert found[0].status == 101
    assert await puppet.receive() == {"type": "websocket.receive", "text": "early"}


@stepped
async def test_without_the_setting_it_is_a_plain_request() -> None:
    """A server need not follow an Upgrade."""
    peer = await ask(hello, WorkerConfig(websocket=False))

    assert peer.response
    assert (peer.response.status, peer.response.body) == (200, b"hello")
    assert only(await peer.wire.exchange(GET)).body == b"hello"


@pytest.mark.parametrize("upgrade", [b"h2c", b"websockets", b"x-websocket"])
@stepped
async def test_another_protocol_is_ignored(upgrade: bytes) -> None:
    """A request that asks for something else is a plain one."""
    client = wire(hello)

    response = only(await client.exchange(handshake().replace(b"websocket", upgrade, 1)))

    assert response.body == b"hello"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (handshake().replace(b"GET", b"POST"), 400, "BAD_METHOD"),
        (handshake(key=b"dGhlIHNhbXBsZQ=="), 400, "BAD_KEY"),
        (handshake(b"Sec-WebSocket-Key: %b\r\n" % KEY), 400, "BAD_KEY"),
        (handshake().replace(b": 13", b": 12"), 426, "BAD_VERSION"),
        (handshake(b"Content-Length: 2\r\n") + b"hi", 400, "BODY"),
        (handshake(b"Sec-WebSocket-Protocol: a b\r\n"), 400, "BAD_SUBPROTOCOL"),
        (handshake(b"Sec-WebSocket-Extensions: ;\r\n"), 400, "BAD_EXTENSION"),
    ],
)
@stepped
async def test_a_wrong_handshake_is_refused(request_: bytes, status: int, code: str) -> None:
    """The application never hears of it, and the connection ends."""
    app = Puppet()
    client = wire(app)

    response = only(await client.exchange(request_))

    assert (response.status, response.code) == (status, f"WEBSOCKET_{code}")
    assert "close" in (response["connection"] or "")
    assert app.calls == 0
    assert client.ended or client.transport.eof_sent


@stepped
async def test_a_wrong_version_is_told_the_right_one() -> None:
    """426 has the fields that say what to come back with."""
    client = wire(Puppet())

    response = only(await client.exchange(handshake().replace(b": 13", b": 8")))

    assert response["sec-websocket-version"] == "13"
    assert response["upgrade"] == "websocket"
    assert response["connection"] == "upgrade, close"


@stepped
async def test_a_client_that_leaves_before_the_accept_is_reported() -> None:
    """The application is told 1006; to accept fails as any send to nobody does."""
    app = Puppet()
    peer = await ask(app)
    assert await app.receive() == {"type": "websocket.connect"}

    peer.transport.client_leaves()
    await turns()

    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    with pytest.raises(ClientDisconnected):
        await app.send(ACCEPT_MESSAGE)


@stepped
async def test_half_a_connection_is_no_websocket() -> None:
    """A client that ends its sending side before the accept has left."""
    app = Puppet()
    peer = await ask(app)
    assert await app.receive() == {"type": "websocket.connect"}

    peer.transport.client_ends()
    await turns()

    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert peer.ended()


@stepped
async def test_accepting_on_a_transport_that_breaks_is_a_disconnect() -> None:
    """A loss that the loop has not reported yet is found by who accepts."""
    app = Puppet()
    peer = await ask(app)
    await app.receive()
    peer.transport.abort()

    with pytest.raises(ClientDisconnected):
        await app.send(ACCEPT_MESSAGE)

    await turns()
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert not peer.wire.serving.connections


@stepped
async def test_a_handshake_in_a_drain_is_accepted_and_then_closed() -> None:
    """What was asked for is answered, and then told that the server restarts."""
    app = Puppet()
    serving = make_serving(app)
    peer = await ask(app, serving=serving)
    serving.start_draining("reload")

    await app.accept()

    found = answer(peer.wire.take())
    assert found[0].status == 101
    assert found[1][:4] == b"\x88\x11\x03\xf4"
    assert await app.receive() == {
        "type": "websocket.disconnect",
        "code": 1012,
        "reason": "service restart",
    }


@stepped
async def test_the_next_websocket_of_a_connection_needs_a_new_connection() -> None:
    """What comes after the 101 is frames: a request is one that breaks the protocol."""
    app, peer = await opened()

    frames = await peer.exchange(handshake())

    assert frames[-1][0] == CLOSE
    assert app.calls == 1


@stepped
async def test_h11_hands_over_as_well() -> None:
    """The other engine gives what came behind the handshake, too."""
    app = Puppet()
    config = WorkerConfig(proto=ProtoConfig(http1="h11"))

    peer = await ask(app, config, behind=text("early"))
    await app.accept()
    peer.send(text("late"))

    assert await app.receive() == {"type": "websocket.receive", "text": "early"}
    assert await app.receive() == {"type": "websocket.receive", "text": "late"}
