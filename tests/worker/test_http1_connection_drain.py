"""How one HTTP/1.1 connection comes to its end when its worker does."""

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.client_transport import ClientTransport
from serverkit_worker.config import WorkerConfig
from serverkit_worker.deadlines import DrainReason
from serverkit_worker.http1_connection import HTTP1Connection
from tests.worker.driving import (
    GET,
    STREAM_START,
    Held,
    advance,
    connect,
    hello,
    make_serving,
    post,
    stepped,
    the_loop,
    turns,
    wire,
)
from tests.worker.wire_format import only, responses

LATEST_S = 0.625


EVERY_REASON = pytest.mark.parametrize("reason", ["reload", "shutdown"])


@stepped
async def test_a_shutdown_lets_idle_clients_go_soon() -> None:
    """After a moment for what they have sent already; fresh ones too."""
    idle, fresh = wire(hello), wire(hello)
    await idle.exchange(GET)
    for line in (idle, fresh):
        line.serving.start_draining("shutdown")

    await advance(0.125)
    assert only(await idle.exchange(GET)).closes
    await advance(0.25 + LATEST_S)
    assert fresh.ended == "closed"


@stepped
async def test_a_reload_gives_idle_clients_a_second() -> None:
    """A request that comes in it is answered, and is the last."""
    asking, silent = wire(hello), wire(hello)
    for line in (asking, silent):
        await line.exchange(GET)
        line.serving.start_draining("reload")

    await advance(0.875)
    assert only(await asking.exchange(GET)).closes
    assert (asking.ended, silent.ended) == ("closed", "")
    await advance(0.125 + LATEST_S)
    assert silent.ended == "closed"


@stepped
async def test_a_reload_does_not_hurry_fresh_clients() -> None:
    """They have connected to ask something, and cannot know; silent ones have their deadline."""
    config = WorkerConfig(header_timeout=10)
    asking, silent = wire(hello, config), wire(hello, config)
    for line in (asking, silent):
        line.serving.start_draining("reload")

    await advance(9.5)
    assert only(await asking.exchange(GET)).closes
    assert silent.ended == ""
    await advance(0.5 + LATEST_S)
    assert silent.ended == "closed"


@stepped
async def test_a_shutdown_overtakes_a_reload() -> None:
    """The patience with clients that say nothing ends."""
    idle, fresh = wire(hello), wire(hello)
    await idle.exchange(GET)
    for line in (idle, fresh):
        line.serving.start_draining("reload")
        line.serving.start_draining("shutdown")

    await advance(0.25 + LATEST_S)

    assert (idle.ended, fresh.ended) == ("closed", "closed")


@EVERY_REASON
@stepped
async def test_the_grace_is_whole_after_a_stall(reason: DrainReason) -> None:
    """However long the loop had no time to look at its clock."""
    line = wire(hello)
    await line.exchange(GET)
    the_loop().now += 3
    line.serving.start_draining(reason)

    await advance(0.125)
    assert only(await line.exchange(GET)).closes


@stepped
async def test_a_transport_that_comes_during_a_shutdown_has_a_moment() -> None:
    """It was accepted before, and is served."""
    serving = make_serving(hello)
    asking, silent = HTTP1Connection(serving), HTTP1Connection(serving)
    serving.start_draining("shutdown")
    lines = [connect(serving, connection=each) for each in (asking, silent)]

    assert only(await lines[0].exchange(GET)).status == 200
    await advance(0.25 + LATEST_S)
    assert lines[1].ended == "closed"


@EVERY_REASON
@stepped
async def test_what_was_pipelined_is_answered(reason: DrainReason) -> None:
    """The last response says that it is the last."""
    app = Held()
    line = wire(app)
    line.send(GET + GET + GET)
    await turns()
    line.serving.start_draining(reason)
    app.go_on.set()
    await turns()

    found = responses(line.take())
    assert [response.closes for response in found] == [False, False, True]
    assert line.ended == "closed"


@EVERY_REASON
@stepped
async def test_a_response_that_could_not_say_so_is_not_the_last(reason: DrainReason) -> None:
    """Its client may ask once more, and is told then."""
    app = Held()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await app.go_on.wait()
        await send({"type": "http.response.body", "body": b"b"})

    line = wire(stream)
    line.send(GET)
    await turns()
    line.serving.start_draining(reason)
    app.go_on.set()
    await turns()

    assert only(line.take()).body == b"ab"
    assert line.ended == ""
    assert only(await line.exchange(GET)).closes
    assert line.ended == "closed"


@stepped
async def test_a_reload_reads_the_rest_of_a_body_that_nobody_wants() -> None:
    """Its response did not say that it was the last."""
    line = wire(hello)
    await line.exchange(post(b"x", length=100))
    line.serving.start_draining("reload")

    assert await line.exchange(b"x" * 99) == b""
    assert only(await line.exchange(GET)).closes


@stepped
async def test_a_client_whose_bytes_wait_in_the_kernel_is_not_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop was busy: it reads them first."""
    line = wire(hello)
    await line.exchange(GET)
    line.serving.start_draining("shutdown")
    monkeypatch.setattr(ClientTransport, "has_more", lambda _: True)
    await advance(0.25 + LATEST_S)
    assert line.ended == ""

    monkeypatch.undo()
    assert only(await line.exchange(GET)).closes


@stepped
async def test_the_last_answer_is_not_reset_by_what_comes_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that has sent more is read until it closes."""
    monkeypatch.setattr(ClientTransport, "has_more", lambda _: True)
    line = wire(hello)
    line.serving.start_draining("reload")

    assert only(await line.exchange(GET)).closes
    assert line.transport.eof_sent
    assert line.ended == ""


@EVERY_REASON
@stepped
async def test_a_drain_waits_for_requests_under_way(reason: DrainReason) -> None:
    """Their responses say that the connection closes."""
    app = Held()
    line = wire(app)
    line.send(GET)
    await turns()
    line.serving.start_draining(reason)
    await advance(9)
    assert line.ended == ""

    app.go_on.set()
    await turns()

    assert only(line.take()).closes
    assert line.ended == "closed"


@stepped
async def test_a_shutdown_does_not_wait_for_a_body_that_nobody_wants() -> None:
    """The response is sent; the rest of the request is no reason to stay."""
    line = wire(hello)
    await line.exchange(post(b"x", length=100))

    line.serving.start_draining("shutdown")

    assert line.transport.eof_sent


@stepped
async def test_a_drain_tells_streams_to_end() -> None:
    """By http.disconnect; what they still send arrives."""
    seen: list[str] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        seen.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"bye"})

    line = wire(endless)
    line.send(GET)
    await turns()
    assert seen == []
    line.serving.start_draining("shutdown")
    await turns()

    assert seen == ["http.disconnect"]
    assert only(line.take()).body == b"abye"
    await advance(0.25 + LATEST_S)
    assert line.ended == "closed"


@stepped
async def test_new_clients_are_refused_during_a_drain() -> None:
    """Each gets 503 when its request is here, or after a second."""
    serving = make_serving(hello)
    serving.start_draining("shutdown")
    asking, silent = connect(serving), connect(serving)

    response = only(await asking.exchange(GET))
    assert (response.status, response.code) == (503, "WORKER_DRAINING")
    assert response["retry-after"] == "1"
    assert response.closes
    assert asking.transport.eof_sent
    await advance(1 + LATEST_S)
    assert only(silent.take()).status == 503


@stepped
async def test_aborting_ends_everything() -> None:
    """Whatever is under way; the application is told and cancelled."""
    app = Held()
    line = wire(app)
    line.send(GET)
    await turns()

    line.serving.abort()
    await turns()

    assert line.ended == "aborted"
    assert line.serving.is_idle()
    assert app.finished == 0
