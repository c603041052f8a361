"""What an application is given and may do while its WebSocket is open."""

import asyncio

import pytest

from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected
from tests.worker.driving import advance, stepped, turns
from tests.worker.websocket_driving import (
    BINARY,
    CLOSE,
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


@stepped
async def test_a_message_has_the_key_it_needs_and_no_other() -> None:
    """Text as text, binary as bytes; the empty ones, too."""
    app, peer = await opened()
    peer.send(text("é") + frame(BINARY, b"\x00") + text("") + frame(BINARY))

    assert await app.receive() == {"type": "websocket.receive", "text": "é"}
    assert await app.receive() == {"type": "websocket.receive", "bytes": b"\x00"}
    assert await app.receive() == {"type": "websocket.receive", "text": ""}
    assert await app.receive() == {"type": "websocket.receive", "bytes": b""}


@stepped
async def test_a_fragmented_message_is_one() -> None:
    """However many frames it came in, with a ping between them."""
    app, peer = await opened()
    peer.send(frame(TEXT, b"one ", fin=False) + frame(9) + frame(0, b"two"))

    assert await app.receive() == {"type": "websocket.receive", "text": "one two"}
    assert peer.frames() == [(PONG, b"")]


@stepped
async def test_a_message_that_comes_byte_by_byte_is_one() -> None:
    """How the bytes were cut on their way is of no interest."""
    app, peer = await opened()
    for byte in text("hello") + frame(BINARY, bytes(300)):
        peer.send(bytes([byte]))

    assert (await app.receive())["text"] == "hello"
    assert (await app.receive())["bytes"] == bytes(300)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@stepped
async def test_messages_of_all_sizes_are_sent(size: int) -> None:
    """Each in one frame."""
    app, peer = await opened()

    await app.send({"type": "websocket.send", "bytes": bytes(size)})
    await app.say("x" * size)

    assert peer.frames() == [(BINARY, bytes(size)), (TEXT, b"x" * size)]


@stepped
async def test_a_text_that_cannot_be_encoded_sends_nothing() -> None:
    """A lone surrogate is no text; the WebSocket stays open."""
    app, peer = await opened()

    with pytest.raises(LocalProtocolError, match="UTF-8"):
        await app.say("\ud800")

    await app.say("ok")
    assert peer.frames() == [(TEXT, b"ok")]


@stepped
async def test_malformed_messages_send_nothing() -> None:
    """The error names the field; the WebSocket stays open."""
    app, peer = await opened()

    for message in ({}, {"text": b"x"}, {"bytes": "x"}, {"text": "x", "bytes": b"x"}):
        with pytest.raises(ASGIMessageError, match=r"websocket\.send"):
            await app.send({"type": "websocket.send", **message})

    assert peer.frames() == []
    await app.say("ok")


@stepped
async def test_a_message_is_written_at_once() -> None:
    """Nothing waits for the next turn of the loop where nothing else is to be answered."""
    app, peer = await opened()
    before = peer.transport.write_count

    coroutine = app._send({"type": "websocket.send", "text": "now"})
    with pytest.raises(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]  # a coroutine

    assert peer.transport.write_count == before + 1
    assert peer.frames() == [(TEXT, b"now")]


@stepped
async def test_answers_to_messages_that_wait_leave_together() -> None:
    """One write for many small ones, in the turn of the loop in which they were sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    peer = await ask(app, config_of())
    before = peer.transport.write_count

    frames = await peer.exchange(b"".join(text(str(number)) for number in range(20)))

    assert frames == [(TEXT, str(number).encode()) for number in range(20)]
    assert peer.transport.write_count - before <= 2


@stepped
async def test_what_is_gathered_leaves_though_the_application_goes_elsewhere() -> None:
    """An answer does not wait until the application takes the next message."""
    app, peer = await opened()
    peer.send(text("one") + text("two"))
    await app.receive()

    await app.say("answer")

    assert peer.frames() == [(TEXT, b"answer")]


@stepped
async def test_what_is_gathered_is_bounded() -> None:
    """Much is written at once, though more messages wait to be answered."""
    app, peer = await opened()
    peer.send(text("one") + text("two"))
    await app.receive()
    peer.transport.room = 0

    sending = await app.sending({"type": "websocket.send", "bytes": bytes(100_000)})

    assert not sending.done()
    peer.transport.client_reads(200_000)
    await turns()
    assert sending.done()


@stepped
async def test_what_is_gathered_comes_before_a_close() -> None:
    """And the close is the last."""
    app, peer = await opened()
    peer.send(text("one") + text("two"))
    await app.receive()

    send = asyncio.gather(
        app._send({"type": "websocket.send", "text": "answer"}),
        app._send({"type": "websocket.close"}),
    )
    await turns()
    await send

    assert peer.frames() == [(TEXT, b"answer"), (CLOSE, b"\x03\xe8")]


@stepped
async def test_receive_returns_at_once_when_a_message_waits() -> None:
    """Without a turn of the loop."""
    app, peer = await opened()
    peer.send(text("here"))

    coroutine = app._receive()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)  # type: ignore[attr-defined]  # a coroutine

    assert stop.value.value == {"type": "websocket.receive", "text": "here"}


@stepped
async def test_sending_and_receiving_at_the_same_time() -> None:
    """One task waits for messages while another one sends."""
    app, peer = await opened()
    receiving = await app.receiving()

    await app.say("news")
    assert peer.frames() == [(TEXT, b"news")]
    assert not receiving.done()
    peer.send(text("answer"))

    assert (await receiving)["text"] == "answer"


@stepped
async def test_several_tasks_may_receive() -> None:
    """Each message goes to one of them; the end to one, the others learn that it is over."""
    app, peer = await opened()
    tasks = [await app.receiving() for _ in range(4)]

    peer.send(text("one") + text("two"))
    await turns()
    done = [task for task in tasks if task.done()]
    assert sorted(task.result()["text"] for task in done) == ["one", "two"]
    peer.send(close_frame())
    await turns()

    assert all(task.done() for task in tasks)
    left = [task for task in tasks if task not in done]
    failures = [task.exception() for task in left]
    assert [type(failure) for failure in failures if failure] == [ClientDisconnected]
    (last,) = [task.result() for task in left if not task.exception()]
    assert last["type"] == "websocket.disconnect"


@stepped
async def test_a_message_is_not_lost_with_who_waited_for_it() -> None:
    """A task that is cancelled in the moment in which the message comes has not taken it."""
    app, peer = await opened()
    receiving = await app.receiving()

    peer.send(text("kept"))
    receiving.cancel()
    await turns()

    assert receiving.cancelled()
    assert (await app.receive())["text"] == "kept"


@stepped
async def test_a_receive_that_is_given_up_leaves_nothing_behind() -> None:
    """Applications that poll with a timeout do so all the time."""
    app, peer = await opened()
    for _ in range(50):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await app._receive()
    (connection,) = peer.wire.serving.connections

    assert connection._exchange._waiters == []  # type: ignore[attr-defined]  # a WebSocket's
    peer.send(text("here"))
    assert (await app.receive())["text"] == "here"


@stepped
async def test_websocket_disconnect_comes_once() -> None:
    """Whoever asks again is told that it has been given; the loop is not blocked by it."""
    app, peer = await opened()
    peer.send(close_frame(1000) + text("behind"))
    await turns()

    assert (await app.receive())["type"] == "websocket.disconnect"
    for _ in range(3):
        with pytest.raises(ClientDisconnected, match="received already"):
            await app.receive()


@stepped
async def test_an_application_may_receive_after_its_own_close() -> None:
    """It is told how the client has answered."""
    app, peer = await opened()
    await app.send({"type": "websocket.close", "code": 3000})
    receiving = await app.receiving()
    assert not receiving.done()

    peer.send(close_frame(3000))
    await turns()

    assert receiving.result() == {"type": "websocket.disconnect", "code": 3000, "reason": ""}


@stepped
async def test_messages_that_waited_are_given_after_a_close_of_the_application() -> None:
    """Those that came before it; those that come after it are of no interest."""
    app, peer = await opened()
    peer.send(text("before"))
    await app.send({"type": "websocket.close"})
    peer.send(text("after") + close_frame())
    await turns()

    assert (await app.receive())["text"] == "before"
    assert (await app.receive())["type"] == "websocket.disconnect"


@stepped
async def test_an_application_that_is_cancelled_closes_its_websocket() -> None:
    """By whomever: it has ended without closing, and not as it should."""
    tasks: list[asyncio.Task[None] | None] = []
    puppet = Puppet()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        await puppet(scope, receive, send)

    peer = await ask(app, config_of())
    await puppet.accept()
    peer.wire.take()

    assert tasks[0]
    tasks[0].cancel()
    await turns()

    assert peer.closed_with() == (1011, "")


@stepped
async def test_state_of_the_lifespan_is_copied_and_time_passes() -> None:
    """A WebSocket lives on for as long as both want, whatever the timeouts of HTTP."""
    app, peer = await opened(config_of(keep_alive_timeout=1.0, header_timeout=1.0))

    await advance(300)

    peer.send(text("still"))
    assert (await app.receive())["text"] == "still"
