"""How one HTTP/1.1 connection comes to its end when its worker does."""

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import (
    GET,
    Held,
    advance,
    connect,
    hello,
    make_serving,
    post,
    stepped,
    turns,
    wire,
)
from tests.worker.wire_format import only

LATEST_S = 0.625


@stepped
async def test_a_drain_lets_idle_clients_go_soon() -> None:
    """After a moment for what they have sent already; fresh ones too."""
    idle, fresh = wire(hello), wire(hello)
    await idle.exchange(GET)
    for line in (idle, fresh):
        line.serving.start_draining()

    await advance(0.125)
    assert only(await idle.exchange(GET)).closes
    await advance(0.25 + LATEST_S)
    assert fresh.ended == "closed"


@stepped
async def test_a_drain_waits_for_requests_under_way() -> None:
    """Their responses say that the connection closes."""
    app = Held()
    line = wire(app)
    line.send(GET)
    await turns()
    line.serving.start_draining()
    await advance(9)
    assert line.ended == ""

    app.go_on.set()
    await turns()

    assert only(line.take()).closes
    assert line.ended == "closed"


@stepped
async def test_a_drain_does_not_wait_for_a_body_that_nobody_wants() -> None:
    """The response is sent; the rest of the request is no reason to stay."""
    line = wire(hello)
    await line.exchange(post(b"x", length=100))

    line.serving.start_draining()

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
    line.serving.start_draining()
    await turns()

    assert seen == ["http.disconnect"]
    assert only(line.take()).body == b"abye"
    assert line.ended == "closed"


@stepped
async def test_new_clients_are_refused_during_a_drain() -> None:
    """Each gets 503 when its request is here, or after a second."""
    serving = make_serving(hello)
    serving.start_draining()
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
