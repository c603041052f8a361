"""What a WebSocket waits for, and for how long: pongs, messages, reading, the end."""

import pytest

from serverkit_worker.errors import ClientDisconnected
from tests.worker.driving import advance, make_serving, stepped, the_loop, turns
from tests.worker.websocket_driving import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Puppet,
    close_frame,
    config_of,
    frame,
    opened,
    text,
)

PINGING = config_of(websocket_ping_interval=20.0, websocket_ping_timeout=20.0)


@stepped
async def test_a_client_is_asked_whether_it_is_there() -> None:
    """A ping per interval, as long as it answers."""
    app, peer = await opened(PINGING)

    await advance(0.5)
    for _ in range(5):
        await advance(19)
        assert peer.frames() == []
        await advance(1)
        assert peer.frames() == [(PING, b"")]
        peer.send(frame(PONG))

    await app.say("still here")
    assert peer.frames() == [(TEXT, b"still here")]


@stepped
async def test_without_an_interval_nobody_is_asked() -> None:
    """0 switches pings off."""
    _, peer = await opened(config_of())

    await advance(1_000)

    assert peer.frames() == []
    assert not peer.ended()


@stepped
async def test_a_client_that_does_not_answer_is_given_up() -> None:
    """After interval and timeout, not before, and not long after."""
    app, peer = await opened(PINGING)
    start = the_loop().now

    await advance(39.9)
    assert not peer.ended()
    while not peer.ended():
        await advance(0.125)

    assert 40 <= the_loop().now - start <= 41
    assert peer.closed_with() == (1011, "keepalive ping timeout")
    assert (await app.receive())["code"] == 1006
    assert not peer.wire.serving.connections


@pytest.mark.parametrize(
    "sign", [frame(PONG, b"of another ping"), text("hi"), frame(PING), b"\x81"]
)
@stepped
async def test_any_byte_is_a_sign_of_life(sign: bytes) -> None:
    """A client that sends is there, though it sends no pong, or only half a frame."""
    _, peer = await opened(PINGING)
    await advance(21)

    peer.send(sign)
    await advance(19.5)

    assert not peer.ended()


@stepped
async def test_a_sign_of_life_counts_for_one_ping() -> None:
    """The next one wants its own."""
    _, peer = await opened(PINGING)
    await advance(21)
    peer.send(frame(PONG))

    await advance(18.5)
    assert not peer.ended()
    await advance(22)

    assert peer.ended()


@stepped
async def test_without_a_timeout_no_answer_is_needed() -> None:
    """0: pings are sent, which keep the ways in between open, and nobody is given up."""
    _, peer = await opened(config_of(websocket_ping_interval=5.0, websocket_ping_timeout=0.0))

    await advance(100)

    assert not peer.ended()
    assert len(peer.frames()) >= 19


@stepped
async def test_a_timeout_longer_than_the_interval_is_kept() -> None:
    """It counts from the first ping that was not answered."""
    _, peer = await opened(config_of(websocket_ping_interval=2.0, websocket_ping_timeout=10.0))

    await advance(11.5)
    assert not peer.ended()
    await advance(1.5)

    assert peer.ended()


@stepped
async def test_a_client_that_is_not_read_may_be_silent() -> None:
    """Its pong may wait behind messages that the application does not take."""
    app, peer = await opened(
        config_of(websocket_ping_interval=5.0, websocket_ping_timeout=5.0, websocket_max_queue=2)
    )
    for _ in range(4):
        peer.send(text("x"))
    assert not peer.transport.reading

    await advance(60)
    assert not peer.ended()
    for _ in range(4):
        await app.receive()
    await advance(20)

    assert peer.ended()


@stepped
async def test_pings_stop_with_our_close() -> None:
    """The answer to that is all that is awaited then."""
    app, peer = await opened(
        config_of(
            websocket_ping_interval=1.0, websocket_ping_timeout=1.0, websocket_close_timeout=10.0
        )
    )
    await app.send({"type": "websocket.close"})

    await advance(9)

    assert not peer.ended()
    assert peer.closed_with() == (1000, "")


@stepped
async def test_a_websocket_without_messages_is_idle() -> None:
    """Pings and pongs are no messages."""
    app, peer = await opened(config_of(websocket_idle_timeout=10.0, websocket_ping_interval=1.0))
    for _ in range(9):
        await advance(1)
        peer.send(frame(PONG))
    assert all(opcode == PING for opcode, _ in peer.frames())

    await advance(2)

    assert peer.closed_with() == (1001, "idle")
    assert await app.receive() == {"type": "websocket.disconnect", "code": 1001, "reason": "idle"}


@pytest.mark.parametrize("direction", ["from the client", "to the client"])
@stepped
async def test_a_message_in_either_direction_is_a_sign_of_business(direction: str) -> None:
    """Each one starts the time anew."""
    app, peer = await opened(config_of(websocket_idle_timeout=10.0))

    for _ in range(5):
        await advance(8)
        if direction == "from the client":
            peer.send(text("x"))
        else:
            await app.say("x")
    assert not any(opcode == CLOSE for opcode, _ in peer.frames())
    await advance(11)

    assert peer.closed_with() == (1001, "idle")


@stepped
async def test_without_an_idle_timeout_nothing_is_too_long() -> None:
    """0, the default: as long as the client answers to pings."""
    _, peer = await opened(config_of())

    await advance(800)

    assert not peer.ended()


@stepped
async def test_a_client_that_does_not_read_is_reset() -> None:
    """After write_timeout; `send` raises, and the application is told 1006."""
    app, peer = await opened(config_of(write_timeout=3.0))
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(100_000)})
    receiving = await app.receiving()

    await advance(2.9)
    assert not peer.ended()
    assert not sending.done()
    await advance(1)

    assert peer.ended() == "aborted"
    assert isinstance(sending.exception(), ClientDisconnected)
    assert receiving.result()["code"] == 1006


@stepped
async def test_our_close_does_not_wait_for_who_does_not_read() -> None:
    """Behind what has not made the writer wait, too: write_timeout bounds it, not the close's."""
    app, peer = await opened(config_of(write_timeout=3.0, websocket_close_timeout=60.0))
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(1_000)})
    assert sending.done()
    peer.wire.serving.start_draining("shutdown")

    await advance(2.9)
    assert not peer.ended()
    await advance(1)

    assert peer.ended() == "aborted"


@stepped
async def test_a_client_that_reads_slowly_is_waited_for() -> None:
    """As long as it reads what the bound of slow readers asks for."""
    app, peer = await opened(config_of(write_timeout=3.0))
    peer.transport.room = 0
    sending = await app.sending({"type": "websocket.send", "bytes": bytes(100_000)})

    for _ in range(20):
        await advance(1)
        peer.transport.client_reads(2_000)

    assert not peer.ended()
    peer.transport.client_reads(100_000)
    await turns()
    assert sending.done()
    assert peer.frames() == [(BINARY, bytes(100_000))]


@stepped
async def test_no_timer_is_made_for_a_message() -> None:
    """Deadlines are looked at by the sweep of the worker alone."""
    app, peer = await opened(PINGING)
    timers = len(the_loop()._scheduled)  # type: ignore[attr-defined]  # asyncio's own

    for _ in range(100):
        peer.send(text("x"))
        await app.receive()
        await app.say("x")
        assert len(the_loop()._scheduled) <= timers  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", ["reload", "shutdown"])
@stepped
async def test_a_drain_tells_everybody(reason: str) -> None:
    """Each client is sent 1012, each application told it; what they have to do, they may."""
    serving = make_serving(Puppet(), config_of())
    pairs = []
    for _ in range(3):
        puppet = Puppet()
        serving.app = puppet
        pairs.append(await opened(serving=serving, app=puppet))

    serving.start_draining("reload" if reason == "reload" else "shutdown")
    await turns()

    for app, peer in pairs:
        assert peer.closed_with() == (1012, "service restart")
        assert not peer.ended()
        assert (await app.receive())["code"] == 1012
        assert not app.cancelled
        peer.send(close_frame(1012))
    await turns()
    assert not serving.connections
    assert not serving.is_idle()  # The calls of the applications are still under way.
    for app, _ in pairs:
        app.end.set_result(None)
    await turns()
    assert serving.is_idle()


@stepped
async def test_a_second_drain_changes_nothing() -> None:
    """A shutdown may overtake a reload: there is one close frame."""
    _, peer = await opened()
    peer.wire.serving.start_draining("reload")

    peer.wire.serving.start_draining("shutdown")
    await turns()

    assert peer.closed_with() == (1012, "service restart")


@stepped
async def test_a_client_that_never_answers_does_not_hold_a_drain_up() -> None:
    """Not for longer than websocket_close_timeout."""
    _, peer = await opened(config_of(websocket_close_timeout=2.0))

    peer.wire.serving.start_draining("reload")
    await advance(3)

    assert peer.ended()
    assert not peer.wire.serving.connections
