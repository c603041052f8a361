"""What waits is bounded: messages for the application, and messages for the client."""

import asyncio

import pytest

from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.errors import ClientDisconnected
from serverkit_worker.websocket_exchange import QUEUE_BYTES, WebSocketExchange
from tests.worker.driving import stepped, turns
from tests.worker.websocket_driving import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Peer,
    close_frame,
    config_of,
    frame,
    opened,
    text,
)


def exchange_of(peer: Peer) -> WebSocketExchange:
    """Return the exchange of the only connection."""
    (connection,) = peer.wire.serving.connections
    exchange: WebSocketExchange = connection._exchange  # type: ignore[attr-defined]  # a WebSocket's
    return exchange


@stepped
async def test_a_client_that_floods_is_not_read() -> None:
    """While the application takes nothing, no more than the queue and two reads are kept."""
    app, peer = await opened(config_of(websocket_max_queue=32))

    for number in range(1_000):
        peer.send(text(f"{number:0100}"))

    assert len(exchange_of(peer)._queue) == 32
    assert not peer.transport.reading
    assert peer.transport.kernel_holds > 90_000
    for number in range(1_000):
        assert (await app.receive())["text"] == f"{number:0100}"
    assert peer.transport.kernel_holds == 0


@stepped
async def test_large_messages_are_bounded_in_bytes() -> None:
    """A few of them fill the queue, whatever their number."""
    app, peer = await opened()

    for _ in range(20):
        peer.send(frame(BINARY, bytes(30_000)))

    queue = exchange_of(peer)._queue
    assert sum(len(message["bytes"]) for message in queue) <= QUEUE_BYTES + 30_000
    assert not peer.transport.reading
    for _ in range(20):
        assert (await app.receive())["bytes"] == bytes(30_000)


@stepped
async def test_many_messages_in_one_read_wait_as_bytes() -> None:
    """What one read brings is made messages only as the queue has room."""
    app, peer = await opened(config_of(websocket_max_queue=4))

    peer.send(b"".join(text(str(number)) for number in range(2_000)))

    assert len(exchange_of(peer)._queue) == 4
    for number in range(2_000):
        assert not peer.transport.reading or number > 1_990
        assert (await app.receive())["text"] == str(number)
    await turns()
    assert peer.transport.reading


@stepped
async def test_one_large_message_for_who_waits_pauses_nothing() -> None:
    """It is taken at once: to pause and to resume would be two system calls for nothing."""
    app, peer = await opened()
    calls: list[str] = []
    peer.transport.pause_reading = lambda: calls.append("pause")  # type: ignore[method-assign]

    for _ in range(5):
        receiving = await app.receiving()
        peer.send(frame(BINARY, bytes(200_000)))
        await turns()
        assert len(receiving.result()["bytes"]) == 200_000

    assert calls == []


@stepped
async def test_pings_behind_a_full_queue_are_answered_once_there_is_room() -> None:
    """Frames are acted on in their order."""
    app, peer = await opened(config_of(websocket_max_queue=1))
    peer.send(text("one") + text("two") + frame(PING, b"x"))
    assert peer.frames() == []

    await app.receive()
    await app.receive()

    assert peer.frames() == [(PONG, b"x")]


@stepped
async def test_closing_reads_on() -> None:
    """The client's close frame is awaited though the queue was full and nothing was read."""
    app, peer = await opened(config_of(websocket_max_queue=1))
    for _ in range(10):
        peer.send(text("x"))
    assert not peer.transport.reading

    await app.send({"type": "websocket.close"})
    peer.send(close_frame())
    await turns()

    assert peer.ended() == "closed"
    assert (await app.receive())["text"] == "x"
    assert (await app.receive())["code"] == 1000


@stepped
async def test_an_application_that_ends_with_a_full_queue_is_closed_behind() -> None:
    """What it has not taken is dropped."""
    app, peer = await opened(config_of(websocket_max_queue=1))
    for _ in range(10):
        peer.send(text("x"))

    app.end.set_result(None)
    await turns()
    peer.send(close_frame())
    await turns()

    assert peer.closed_with() == (1000, "")
    assert peer.ended() == "closed"


@stepped
async def test_send_waits_for_a_client_that_does_not_read() -> None:
    """And goes on when it has read enough."""
    app, peer = await opened()
    peer.transport.room = 0

    sending = await app.sending({"type": "websocket.send", "bytes": bytes(80_000)})
    assert not sending.done()
    peer.transport.client_reads(10_000)
    await turns()
    assert not sending.done()
    peer.transport.client_reads(60_000)
    await turns()

    assert sending.done()


@stepped
async def test_every_sender_waits() -> None:
    """Several tasks that send all wait, and all go on."""
    app, peer = await opened()
    peer.transport.room = 0

    tasks = [
        await app.sending({"type": "websocket.send", "bytes": bytes(80_000)}) for _ in range(3)
    ]
    assert not any(task.done() for task in tasks)
    peer.transport.client_reads(400_000)
    await turns()

    assert all(task.done() for task in tasks)
    assert [len(payload) for _, payload in peer.frames()] == [80_000] * 3


@stepped
async def test_who_waits_to_send_learns_of_a_loss() -> None:
    """It would wait for ever."""
    app, peer = await opened()
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(80_000)})

    peer.transport.client_leaves()
    await turns()

    assert isinstance(sending.exception(), ClientDisconnected)


@stepped
async def test_who_waits_to_send_learns_of_a_close() -> None:
    """A client that closes and reads no more need not be waited for."""
    app, peer = await opened()
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(80_000)})

    peer.send(close_frame())
    await turns()

    assert isinstance(sending.exception(), ClientDisconnected)


@stepped
async def test_an_application_that_only_sends_learns_of_a_loss() -> None:
    """Though it never lets the loop tell it."""
    app, peer = await opened()
    peer.transport.breaks_after = 10_000

    async def send_on() -> None:
        while True:
            await app._send({"type": "websocket.send", "bytes": bytes(1_000)})

    with pytest.raises(ClientDisconnected):
        async with asyncio.timeout(0):
            await send_on()


@stepped
async def test_a_client_that_was_slow_in_http_stays_so() -> None:
    """Responses that wait for the client keep what the WebSocket writes waiting, too."""
    app, peer = await opened()
    (connection,) = peer.wire.serving.connections
    client: ClientTransport = connection._client  # type: ignore[attr-defined]  # a WebSocket's
    client.write_paused = True

    sending = await app.sending({"type": "websocket.send", "text": "x"})

    assert not sending.done()
    assert peer.frames() == [(TEXT, b"x")]
    connection.resume_writing()  # type: ignore[attr-defined]
    await turns()
    assert sending.done()


@stepped
async def test_pongs_do_not_pile_up() -> None:
    """For a client that does not read only the latest are kept, and sent when it reads again."""
    app, peer = await opened()
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(80_000)})
    before = peer.transport.get_write_buffer_size()

    for number in range(1_000):
        peer.send(frame(PING, b"%d" % number))
    assert peer.transport.get_write_buffer_size() == before
    peer.transport.client_reads(1_000_000)
    await turns()

    assert sending.done()
    _, *pongs = peer.frames()
    assert 1 <= len(pongs) <= 100
    assert pongs[-1] == (PONG, b"999")
