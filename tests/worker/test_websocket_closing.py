"""How a WebSocket ends: in which order, how long it takes, and what is left of it."""

import contextlib
import zlib

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected
from tests.worker.driving import advance, make_serving, stepped, turns
from tests.worker.websocket_causes import CONFIGS, ROWS, SMALL, app_raises
from tests.worker.websocket_driving import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Puppet,
    ask,
    close_frame,
    config_of,
    frame,
    opened,
    text,
)


@pytest.mark.parametrize("name", ["code", "no code", "bad text", "idle", "lost", "drain"])
@stepped
async def test_sending_to_nobody_raises(name: str) -> None:
    """Once a WebSocket has ended, `send` raises an OSError; so does closing it."""
    app, peer = await opened(CONFIGS.get(name) or config_of())
    await ROWS[name].cause(app, peer)
    await turns()

    for message in ({"type": "websocket.send", "text": "x"}, {"type": "websocket.close"}):
        with pytest.raises(ClientDisconnected):
            await app.send(message)
    with pytest.raises(ASGIMessageError):
        await app.send({"type": "websocket.accept"})


@stepped
async def test_the_server_closes_the_connection_first() -> None:
    """As soon as both close frames are there (RFC 6455 section 7.1.1)."""
    _, peer = await opened()

    peer.send(close_frame(1000))
    await turns()

    assert peer.closed_with() == (1000, "")
    assert peer.ended() == "closed"
    assert not peer.wire.serving.connections


@stepped
async def test_behind_a_close_of_ours_the_clients_is_awaited() -> None:
    """The connection stays until it comes; messages before it are of no interest any more."""
    app, peer = await opened(config_of(websocket_close_timeout=5.0))
    await app.send({"type": "websocket.close", "code": 3000})
    assert peer.closed_with() == (3000, "")

    peer.send(text("late") + frame(PING, b"x"))
    await advance(4)
    assert not peer.ended()
    peer.send(close_frame(3001, "client"))
    await turns()

    assert peer.ended() == "closed"
    assert await app.receive() == {
        "type": "websocket.disconnect",
        "code": 3001,
        "reason": "client",
    }


@stepped
async def test_a_client_that_does_not_answer_a_close_is_waited_for_in_vain() -> None:
    """But not for long; the application is told its own code."""
    app, peer = await opened(config_of(websocket_close_timeout=5.0))
    await app.send({"type": "websocket.close", "code": 3000, "reason": "mine"})

    await advance(4.9)
    assert not peer.ended()
    await advance(0.6)

    assert peer.ended() == "closed"
    assert await app.receive() == {"type": "websocket.disconnect", "code": 3000, "reason": "mine"}


@stepped
async def test_a_client_that_reads_slowly_gets_all_before_the_close() -> None:
    """The time for its answer is not counted while much is to be read before our close frame."""
    app, peer = await opened(config_of(websocket_close_timeout=2.0))
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(200_000)})
    await app.send({"type": "websocket.close"})

    for _ in range(20):
        await advance(1)
        peer.transport.client_reads(15_000)
    assert sending.done()
    assert peer.ended() == "closed"
    frames = peer.frames()
    assert [opcode for opcode, _ in frames] == [BINARY, CLOSE]


@stepped
async def test_an_application_that_has_closed_may_not_send() -> None:
    """That is its mistake, unlike sending to a client that has left."""
    app, _ = await opened()
    await app.send({"type": "websocket.close"})

    for kind in ("websocket.send", "websocket.close", "websocket.accept"):
        with pytest.raises(ASGIMessageError, match="closed by the application"):
            await app.send({"type": kind, "text": ""})


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 5000, 0])
@stepped
async def test_a_code_that_must_not_be_sent_closes_nothing(code: int) -> None:
    """The application is told, and the WebSocket stays open."""
    app, peer = await opened()

    with pytest.raises(Exception, match=str(code)):
        await app.send({"type": "websocket.close", "code": code})

    await app.say("still here")
    assert peer.frames() == [(TEXT, b"still here")]


@stepped
async def test_a_long_reason_is_cut_at_a_character() -> None:
    """A close frame has room for 123 bytes of it."""
    app, peer = await opened()

    await app.send({"type": "websocket.close", "reason": "é" * 100})

    assert peer.closed_with() == (1000, "é" * 61)


@stepped
async def test_unread_messages_come_before_the_end() -> None:
    """What the client has sent before it closed is delivered first."""
    app, peer = await opened()
    peer.send(text("one") + frame(BINARY, b"two") + close_frame(4000))
    await turns()

    assert await app.receive() == {"type": "websocket.receive", "text": "one"}
    assert await app.receive() == {"type": "websocket.receive", "bytes": b"two"}
    assert (await app.receive())["code"] == 4000


@stepped
async def test_unread_messages_come_before_a_loss() -> None:
    """Also those that were not delivered yet, because too many waited."""
    app, peer = await opened(config_of(websocket_max_queue=2))
    peer.send(b"".join(text(str(number)) for number in range(50)))
    peer.transport.client_leaves()
    await turns()

    with pytest.raises(ClientDisconnected):
        await app.say("x")
    assert [(await app.receive())["text"] for _ in range(50)] == [str(n) for n in range(50)]
    assert (await app.receive())["code"] == 1006


@stepped
async def test_a_close_frame_behind_a_full_queue_counts_though_the_client_is_gone() -> None:
    """The application is told the client's code, not that it was lost."""
    app, peer = await opened(config_of(websocket_max_queue=2))
    peer.send(text("x") * 5 + close_frame(4000))
    peer.transport.client_leaves()
    await turns()

    for _ in range(5):
        assert (await app.receive())["text"] == "x"
    assert (await app.receive())["code"] == 4000


@pytest.mark.parametrize(
    ("end", "code"),
    [(close_frame(4000), 4000), (frame(TEXT, b"\xff"), 1007), (close_frame(4000) + b"x", 4000)],
)
@stepped
async def test_messages_are_answered_before_the_end_in_the_same_read(end: bytes, code: int) -> None:
    """An application that answers at once is not told that it was too slow."""
    told: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        told.append(message["code"])

    peer = await ask(app)
    peer.send(text("one") + text("two") + end)
    await turns()

    *answers, (opcode, payload) = peer.frames()
    assert answers == [(TEXT, b"one"), (TEXT, b"two")]
    assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, code)
    assert told == [code]
    assert peer.ended() or peer.transport.eof_sent


@pytest.mark.parametrize("how", ["ends", "leaves"])
@stepped
async def test_a_close_frame_before_the_end_of_the_stream_counts(how: str) -> None:
    """Though the application had its turn to come."""
    app, peer = await opened()
    peer.send(text("one") + close_frame(4000))

    if how == "ends":
        peer.transport.client_ends()
    else:
        peer.transport.client_leaves()
    await turns()

    assert (await app.receive())["text"] == "one"
    assert (await app.receive())["code"] == 4000
    if how == "ends":
        assert peer.closed_with() == (4000, "")
    assert not peer.wire.serving.connections


@stepped
async def test_an_application_may_close_in_the_turn_that_it_has() -> None:
    """Its own close is the answer to the client's then."""
    app, peer = await opened()

    peer.send(text("one") + close_frame(4000))
    assert (await app.receive())["text"] == "one"
    coroutine = app._send({"type": "websocket.close", "code": 4001})
    with contextlib.suppress(StopIteration, ClientDisconnected):
        coroutine.send(None)  # type: ignore[attr-defined]  # a coroutine
    await turns()

    assert peer.closed_with()[0] in (4000, 4001)
    assert peer.ended() == "closed"
    assert (await app.receive())["code"] == 4000


@stepped
async def test_an_error_in_the_midst_of_messages_comes_behind_them() -> None:
    """What was right before it is delivered."""
    app, peer = await opened()
    peer.send(text("one") + frame(TEXT, b"\xff"))
    await turns()

    assert (await app.receive())["text"] == "one"
    assert (await app.receive())["code"] == 1007


@stepped
async def test_a_client_that_goes_on_after_an_error_can_read_why() -> None:
    """It is read for a while, so that no reset takes the close frame back."""
    _, peer = await opened(config_of(proto=SMALL))
    peer.send(frame(BINARY, bytes(2000))[:1500])
    await turns()

    assert peer.closed_with()[0] == 1009
    assert not peer.ended()
    assert peer.transport.eof_sent
    await advance(3)
    assert peer.ended() == "aborted"
    assert not peer.wire.serving.endings


@stepped
async def test_a_small_frame_that_inflates_to_much_is_too_large() -> None:
    """The limit is that of the message, not of the frame."""
    app = Puppet()
    peer = await ask(
        app,
        config_of(proto=ProtoConfig(websocket_max_message_size=100_000)),
        fields=b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
    )
    await app.accept()
    assert b"permessage-deflate" in peer.wire.take()
    deflater = zlib.compressobj(wbits=-15)
    data = deflater.compress(bytes(1_000_000)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    assert len(data) < 2_000

    peer.send(frame(BINARY, data[:-4], rsv=4))
    await turns()

    assert peer.closed_with()[0] == 1009
    assert (await app.receive())["code"] == 1009


@stepped
async def test_in_debug_the_reason_of_1011_is_the_exception() -> None:
    """Where strangers connect, they learn nothing; in debug they do."""
    app, peer = await opened(config_of(debug=True))

    await app_raises(app, peer)
    await turns()

    assert peer.closed_with() == (1011, "ValueError: boom")


@stepped
async def test_what_an_application_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; but not if it follows from the client's leaving."""
    app, peer = await opened()
    await app_raises(app, peer)
    await turns()
    assert "The application failed on GET /ws" in caplog.text
    assert "boom" in caplog.text
    caplog.clear()

    app, peer = await opened()
    peer.transport.client_leaves()
    await turns()
    app.end.set_exception(ClientDisconnected())
    await turns()
    assert caplog.text == ""


@stepped
async def test_returning_after_the_end_is_fine(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever ended it: nothing is sent, nothing logged."""
    for name in ("code", "lost", "drain", "application closes"):
        app, peer = await opened()
        await ROWS[name].cause(app, peer)
        await turns()
        peer.frames()
        app.end.set_result(None)
        await turns()
        assert peer.frames() == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "cancelled"),
    [
        *(("code", True), ("lost", True), ("bad text", True), ("does not read", True)),
        *(("application closes", False), ("drain", False), ("idle", False)),
    ],
)
@stepped
async def test_an_application_is_cancelled_where_configured(name: str, *, cancelled: bool) -> None:
    """If its client has left; not if the server or the application itself has closed."""
    changes = {"write_timeout": 2.0, "websocket_idle_timeout": 30.0}
    app, peer = await opened(config_of(cancel_on_disconnect=True, **changes))

    await ROWS[name].cause(app, peer)
    await turns()

    assert app.cancelled is cancelled


@stepped
async def test_pings_are_answered_also_while_the_application_is_busy() -> None:
    """Each with its own payload."""
    _, peer = await opened()

    assert await peer.exchange(frame(PING, b"one")) == [(PONG, b"one")]
    assert await peer.exchange(text("x") + frame(PING)) == [(PONG, b"")]
    assert await peer.exchange(frame(PONG, b"unasked")) == []


@stepped
async def test_an_application_that_returns_in_the_handshakes_own_read() -> None:
    """All of a WebSocket's life may pass within one call from the loop."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": (await receive())["type"]})
        await send({"type": "websocket.send", "text": (await receive())["text"]})

    peer = await ask(app, behind=text("early"))

    frames = peer.frames()
    assert frames == [(TEXT, b"websocket.connect"), (TEXT, b"early"), (CLOSE, b"\x03\xe8")]


@stepped
async def test_closing_frees_everything() -> None:
    """No connection, no call and no ending is left; the handshake has been counted."""
    serving = make_serving(app := Puppet())
    await opened(serving=serving, app=app)
    assert not serving.is_idle()

    (connection,) = serving.connections
    connection.data_received(close_frame(1000))  # type: ignore[attr-defined]  # a WebSocket's
    app.end.set_result(None)
    await turns()

    assert serving.is_idle()
    assert not serving.endings
    assert serving.requests_served == 1
