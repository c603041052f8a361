"""One HTTP/1.1 connection: the order of its requests, its limits, and how it ends."""

import asyncio
import logging
from pathlib import Path

import pytest

from serverkit_proto.config import Http1Engine, ProtoConfig
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.driving import (
    BODY,
    GET,
    START,
    Held,
    advance,
    connect,
    hello,
    make_serving,
    stepped,
    turns,
    wire,
)
from tests.worker.wire_format import only, responses


async def path_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path; paths that begin with /slow wait for a few turns of the loop."""
    if scope["path"].startswith("/slow"):
        await turns(3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def get(path: str, version: str = "1.1", fields: str = "") -> bytes:
    """Return a request without a body."""
    return f"GET {path} HTTP/{version}\r\nHost: a\r\n{fields}\r\n".encode()


@pytest.mark.parametrize("engine", ["fast", "h11"])
@stepped
async def test_a_request_is_answered_in_one_write(engine: Http1Engine) -> None:
    """The common app is done within the call that brought the request."""
    line = wire(hello, WorkerConfig(proto=ProtoConfig(http1=engine)))

    line.send(GET)

    assert only(line.take()).body == b"hello"
    assert line.transport.write_count == 1


@pytest.mark.parametrize("engine", ["fast", "h11"])
@stepped
async def test_pipelined_requests_are_answered_in_order(engine: Http1Engine) -> None:
    """Also when the first takes longer than the second."""
    line = wire(path_app, WorkerConfig(proto=ProtoConfig(http1=engine)))

    sent = await line.exchange(get("/slow/1") + get("/2") + get("/slow/3") + get("/4"))
    await turns(40)

    bodies = [r.body for r in responses(sent + line.take())]
    assert bodies == [b"/slow/1", b"/2", b"/slow/3", b"/4"]


@stepped
async def test_only_one_pipelined_request_is_in_the_application() -> None:
    """The next one is given to it when the one before is answered."""
    app = Held()
    line = wire(app)

    line.send(get("/1") + get("/2"))
    await turns()
    assert [scope["path"] for scope in app.calls] == ["/1"]

    app.go_on.set()
    await turns()
    assert [scope["path"] for scope in app.calls] == ["/1", "/2"]


@stepped
async def test_pipelined_requests_are_bounded() -> None:
    """What waits behind a slow request is left with the client beyond 64 KiB."""
    app = Held()
    line = wire(app)
    request = get("/" + "x" * 1_000)

    line.send(request)
    for _ in range(400):
        line.send(request)
    assert not line.transport.reading
    assert line.transport.kernel_holds > 250_000

    app.go_on.set()
    for _ in range(60):
        await turns(60)
    assert len(responses(line.take())) == 401
    assert line.transport.reading


@stepped
async def test_a_request_may_come_one_byte_at_a_time() -> None:
    """Nothing is answered before it is complete."""
    line = wire(hello)

    for byte in GET[:-1]:
        line.send(bytes([byte]))
    assert line.take() == b""
    line.send(GET[-1:])

    assert only(line.take()).status == 200


@stepped
async def test_two_requests_are_served_one_after_the_other() -> None:
    """The connection is kept."""
    line = wire(path_app)

    assert only(await line.exchange(get("/1"))).body == b"/1"
    assert only(await line.exchange(get("/slow/2"))).body == b"/slow/2"
    assert line.ended == ""
    assert line.connection.requests_served == 2


@stepped
async def test_what_a_client_pipelines_without_reading_is_bounded() -> None:
    """It cannot make the server remember requests while it takes no answers."""

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000})

    line = wire(large)
    line.transport.room = 0
    for _ in range(200):
        line.send(get("/" + "x" * 2_000))
    await turns()

    assert not line.transport.reading
    assert line.transport.kernel_holds > 300_000

    line.transport.client_reads(float("inf"))
    for _ in range(30):
        await turns(60)
    assert len(responses(line.take())) == 200


@stepped
async def test_a_request_behind_an_unread_response_is_not_late() -> None:
    """It is the client that does not read; its next request is complete and waits for that."""
    line = wire(path_app, WorkerConfig(header_timeout=1, write_timeout=30))
    line.transport.room = 0
    line.send(get("/" + "x" * 16_000) * 10)
    await turns()
    line.send(get("/last"))
    await advance(3)
    line.transport.client_reads(float("inf"))
    await turns(60)

    found = responses(line.take())
    assert found[-1].body == b"/last"
    assert {response.status for response in found} == {200}


@stepped
async def test_a_request_after_one_that_closes_is_not_served() -> None:
    """What follows is not even parsed."""
    app = Held()
    app.go_on.set()
    line = wire(app)

    sent = await line.exchange(get("/1", fields="Connection: close\r\n") + get("/2"))

    assert only(sent).closes
    assert len(app.calls) == 1
    assert line.ended == "closed"


@stepped
async def test_a_half_closed_client_gets_its_answers() -> None:
    """It has said that it sends no more, not that it is gone."""
    app = Held()
    line = wire(app)

    line.send(get("/1") + get("/2"))
    line.transport.client_ends()
    await turns()
    assert line.ended == ""
    app.go_on.set()
    await turns(40)

    assert len(responses(line.take())) == 2
    assert line.ended == "closed"


@stepped
async def test_a_client_that_leaves_between_requests_is_let_go() -> None:
    """Nothing is said to it."""
    line = wire(hello)
    assert only(await line.exchange(GET)).status == 200

    line.transport.client_ends()
    await turns()

    assert line.take() == b""
    assert line.ended == "closed"
    assert line.serving.is_idle()


@stepped
async def test_bytes_that_are_no_request_are_refused() -> None:
    """With 400 and the reason as a code; a good request behind them is not served."""
    line = wire(hello)

    response = only(await line.exchange(b"GET nonsense\r\n\r\n" + GET))

    assert response.status == 400
    assert response.closes
    assert (response.code or "").startswith("PARSE_")


@stepped
async def test_nonsense_behind_a_good_request_is_refused_after_its_answer() -> None:
    """In order."""
    line = wire(path_app)

    sent = await line.exchange(get("/slow") + b"\x00\r\n\r\n")

    assert [r.status for r in responses(sent)] == [200, 400]


@stepped
async def test_an_http_1_0_client_is_answered_and_let_go() -> None:
    """Unless it asks to be kept."""
    line = wire(hello)
    assert only(await line.exchange(get("/", "1.0"))).closes
    assert line.ended == "closed"

    line = wire(hello)
    kept = only(await line.exchange(get("/", "1.0", "Connection: keep-alive\r\n")))
    assert kept["connection"] == "keep-alive"
    assert line.ended == ""


@stepped
async def test_the_last_request_of_a_connection_says_so() -> None:
    """After max_requests_per_connection of them it closes."""
    line = wire(hello, WorkerConfig(max_requests_per_connection=2))

    assert not only(await line.exchange(GET)).closes
    assert only(await line.exchange(GET)).closes
    assert line.ended == "closed"


@stepped
async def test_only_so_many_requests_are_in_the_application_at_a_time() -> None:
    """The next is answered 503 and told when to come back."""
    app = Held()
    serving = make_serving(app, WorkerConfig(limit_concurrency=2))
    first, second, third = (connect(serving) for _ in range(3))
    first.send(GET)
    second.send(GET)
    await turns()

    refused = only(await third.exchange(GET))

    assert (refused.status, refused.code) == (503, "LIMIT_CONCURRENCY")
    assert refused["retry-after"] == "1"
    assert len(app.calls) == 2
    app.go_on.set()
    await turns()
    assert only(await connect(serving).exchange(GET)).status == 200


@stepped
async def test_more_connections_than_allowed_are_refused() -> None:
    """With 503 once their request is here; one that closes makes room."""
    serving = make_serving(hello, max_connections=1)
    first, second = connect(serving), connect(serving)

    refused = only(await second.exchange(GET))
    assert (refused.status, refused.code) == (503, "LIMIT_CONNECTIONS")
    assert refused["retry-after"] == "5"
    assert only(await first.exchange(GET)).status == 200
    first.transport.client_ends()
    await turns()
    assert only(await connect(serving).exchange(GET)).status == 200


@pytest.mark.parametrize("cancel", [True, False])
@stepped
async def test_a_client_that_leaves_cancels_the_application_if_so_configured(
    *, cancel: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it is left to finish its work, and learns that nobody hears it."""
    seen: list[str] = []
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await go_on.wait()
            seen.append((await receive())["type"])
            seen.append((await receive())["type"])
            await send(START)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        except OSError:
            seen.append("OSError")
            raise

    line = wire(app, WorkerConfig(cancel_on_disconnect=cancel))
    line.send(GET)
    await turns()
    line.transport.client_leaves()
    await turns()
    go_on.set()
    await turns()

    assert seen == (["cancelled"] if cancel else ["http.request", "http.disconnect", "OSError"])
    assert line.serving.is_idle()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", ["/stream", "/file"])
@stepped
async def test_an_application_that_only_sends_learns_that_its_client_left(
    path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Though it never lets the loop go round; it is no failure of its own."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10_000_000)
    learned: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            if scope["path"] == "/file":
                await send({"type": "http.response.pathsend", "path": str(file)})
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        except OSError:
            learned.append(line.transport.write_count)
            raise

    line = wire(app)
    line.transport.breaks_after = 1_000
    await line.exchange(get(path))

    assert learned
    assert learned[0] <= 10
    assert caplog.records == []
    assert line.serving.is_idle()


@stepped
async def test_the_end_of_what_a_client_sends_cancels_if_so_configured() -> None:
    """Few clients half-close; most who end the stream have left."""
    app = Held()
    line = wire(app, WorkerConfig(cancel_on_disconnect=True))
    line.send(GET)
    await turns()

    line.transport.client_ends()
    await turns()

    assert line.serving.tasks == set()
    assert line.ended == "closed"


@stepped
async def test_an_application_that_has_responded_finishes_its_work() -> None:
    """Its client may ask for more meanwhile, and may leave."""
    go_on = asyncio.Event()
    done: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(BODY)
        await go_on.wait()
        done.append(True)

    line = wire(app, WorkerConfig(cancel_on_disconnect=True))
    assert len(responses(await line.exchange(GET + GET))) == 2
    line.transport.client_leaves()
    await turns()
    assert not line.serving.is_idle()
    go_on.set()
    await turns()

    assert done == [True, True]
    assert line.serving.is_idle()
