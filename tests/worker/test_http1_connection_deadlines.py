"""Every wait for a client is bounded: for a head, a body, the next request, and to be read."""

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from tests.worker.driving import (
    BODY,
    CHUNKED,
    GET,
    START,
    BodyReader,
    Held,
    Wire,
    advance,
    chunk,
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

SHORT = WorkerConfig(header_timeout=2, keep_alive_timeout=1, request_timeout=3, write_timeout=4)
TICK_S = 0.25
LATEST_S = 2 * TICK_S + 0.125


async def seconds_until_end(line: Wire) -> float:
    """Return after how long the connection is closed for the client."""
    start = the_loop().now
    while not (line.ended or line.transport.eof_sent):
        await advance(0.125)
        assert the_loop().now < start + 100
    return the_loop().now - start


@stepped
async def test_a_silent_client_is_let_go() -> None:
    """After header_timeout, without an answer: it has asked for nothing."""
    line = wire(hello, SHORT)

    assert 2 <= await seconds_until_end(line) <= 2 + LATEST_S
    assert line.take() == b""
    await turns()
    assert line.serving.is_idle()


@stepped
async def test_a_dripped_head_is_cut_off() -> None:
    """The deadline is that of the whole head, however steadily it drips."""
    line = wire(hello, SHORT)
    start = the_loop().now

    for byte in b"GET / HTTP/1.1\r\nHost: " + b"a" * 100:
        line.send(bytes([byte]))
        await advance(0.125)
        if line.transport.eof_sent:
            break

    assert 2 <= the_loop().now - start <= 2 + LATEST_S
    response = only(line.take())
    assert (response.status, response.code) == (408, "TIMEOUT_REQUEST_HEAD")
    assert response.closes


@stepped
async def test_the_head_of_a_later_request_is_bounded_from_its_first_byte() -> None:
    """Not by the time that the connection was idle."""
    line = wire(hello, SHORT)
    await line.exchange(GET)
    await advance(0.75)
    line.send(GET[:9])

    assert 2 <= await seconds_until_end(line) <= 2 + LATEST_S
    assert only(line.take()).status == 408


@stepped
async def test_an_idle_connection_is_closed() -> None:
    """After keep_alive_timeout, in silence."""
    line = wire(hello, SHORT)
    await line.exchange(GET)

    assert 1 <= await seconds_until_end(line) <= 1 + LATEST_S
    assert line.take() == b""


@stepped
async def test_each_request_starts_the_idle_time_anew() -> None:
    """A connection in use is not idle."""
    line = wire(hello, SHORT)

    for _ in range(10):
        assert only(await line.exchange(GET)).status == 200
        await advance(0.875)
    assert line.ended == ""


@stepped
async def test_a_stalled_body_is_cut_off() -> None:
    """With 408; the application learns it by http.disconnect."""
    app = BodyReader()
    app.allow()
    line = wire(app, SHORT)
    line.send(post(b"x" * 10, length=100))

    assert 3 <= await seconds_until_end(line) <= 3 + LATEST_S
    response = only(line.take())
    assert (response.status, response.code) == (408, "TIMEOUT_REQUEST_BODY")
    assert app.messages[-1]["type"] == "http.disconnect"


@stepped
async def test_a_dripped_body_is_cut_off() -> None:
    """Each byte buys the time that it takes at the lowest rate allowed, no more."""
    app = BodyReader()
    app.allow()
    line = wire(app, SHORT)
    line.send(CHUNKED)
    start = the_loop().now

    while not line.transport.eof_sent:
        line.send(chunk(b"x"))
        await advance(0.125)
        assert the_loop().now - start < 10

    assert 3 <= the_loop().now - start <= 4
    assert only(line.take()).status == 408


@stepped
async def test_a_slow_but_steady_body_is_taken() -> None:
    """However long it takes, above the lowest rate."""
    app = BodyReader()
    app.allow()
    line = wire(app, SHORT)
    line.send(post(length=60_000))

    for _ in range(60):
        line.send(b"x" * 1_000)
        await advance(1)

    assert only(line.take()).status == 200
    assert len(app.body) == 60_000


@stepped
async def test_a_slow_application_is_not_its_client_s_fault() -> None:
    """While the body waits for the application, the client has no deadline."""
    app = BodyReader()
    line = wire(app, WorkerConfig(request_timeout=3))
    line.send(post(b"x" * 100_000, length=101_000))
    await turns()
    assert not line.transport.reading

    await advance(20)
    assert line.take() == b""
    app.allow()
    await turns(40)
    await advance(2)
    line.send(b"x" * 1_000)
    await turns()

    assert only(line.take()).status == 200


@stepped
async def test_a_client_that_is_not_asked_for_its_body_is_not_late() -> None:
    """It waits for 100 (Continue), by right; from then on it has its time."""
    app = BodyReader()
    line = wire(app, WorkerConfig(request_timeout=3))
    line.send(post(length=6, fields=b"Expect: 100-continue\r\n"))

    await advance(20)
    assert line.take() == b""
    app.allow()
    await turns()
    assert only(line.take()).status == 100
    assert 3 <= await seconds_until_end(line) <= 3 + LATEST_S
    assert only(line.take()).status == 408


@pytest.mark.parametrize("sent", [GET, post(b"x" * 100_000, length=101_000)])
@stepped
async def test_an_application_that_takes_too_long_is_cancelled(sent: bytes) -> None:
    """With 504 for its client, also while the body waits for it."""
    app = Held()
    line = wire(app, WorkerConfig(handler_timeout=5))
    line.send(sent)

    assert 5 <= await seconds_until_end(line) <= 5 + LATEST_S
    response = only(line.take())
    assert (response.status, response.code) == (504, "TIMEOUT_HANDLER")
    await turns()
    assert line.serving.tasks == set()


@stepped
async def test_an_application_may_take_its_time() -> None:
    """Unless a bound is configured."""
    app = Held()
    line = wire(app)
    line.send(GET)

    await advance(1_000)
    app.go_on.set()
    await turns()

    assert only(line.take()).status == 200


@pytest.mark.parametrize("length", [100, 70_000 + 60_000])
@stepped
async def test_a_body_that_nobody_wants_is_bounded_too(length: int) -> None:
    """A client that stalls after its response is let go, and others with it."""
    line = wire(hello, SHORT)
    other = wire(hello, SHORT)
    response = only(await line.exchange(post(b"x" * min(70_000, length - 1), length=length)))
    assert response.status == 200

    assert 3 <= await seconds_until_end(line) <= 3 + LATEST_S
    assert line.take() == b""
    await turns()
    assert other.ended == "closed"


@stepped
async def test_deadlines_of_others_survive_a_stalled_body() -> None:
    """One sweep serves all connections of a worker."""
    serving = make_serving(hello, SHORT)
    stalled = connect(serving)
    await stalled.exchange(post(b"x", length=100))
    await advance(2.5)
    later = connect(serving)
    await later.exchange(GET)

    assert 1 <= await seconds_until_end(later) <= 1 + LATEST_S
    await advance(LATEST_S)
    assert stalled.transport.eof_sent


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a megabyte in one piece."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 1_000_000})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a megabyte in many pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("app", [large, stream])
@stepped
async def test_a_client_that_does_not_read_is_reset(app: object) -> None:
    """So that it does not take the part that it has for the whole."""
    assert callable(app)
    line = wire(app, SHORT)
    line.transport.room = 100_000
    line.send(GET)

    start = the_loop().now
    while not line.ended:
        await advance(0.125)
        assert the_loop().now < start + 20

    assert line.ended == "aborted"
    assert 4 <= the_loop().now - start <= 4 + 1 + 2 * LATEST_S
    await turns()
    assert line.serving.is_idle()


@pytest.mark.parametrize("app", [large, stream])
@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"])
@stepped
async def test_a_client_that_reads_steadily_gets_it_all(app: object, closes: bytes) -> None:
    """However long it takes, also when the connection closes afterwards."""
    assert callable(app)
    line = wire(app, SHORT)
    line.transport.room = 0
    line.send(GET[:-2] + closes + b"\r\n")

    for _ in range(400):
        line.transport.client_reads(3_000)
        await advance(1)

    assert len(only(line.take()).body) == 1_000_000
    assert line.ended == "closed"


@pytest.mark.parametrize("app", [large, stream])
@stepped
async def test_a_client_that_hardly_reads_is_reset(app: object) -> None:
    """A byte now and then does not hold a connection for ever."""
    assert callable(app)
    line = wire(app, SHORT)
    line.transport.room = 0
    line.send(GET)

    for _ in range(20):
        line.transport.client_reads(10)
        await advance(1)

    assert line.ended == "aborted"


@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"])
@stepped
async def test_the_last_bytes_have_a_deadline_as_well(closes: bytes) -> None:
    """A client that reads nearly everything and then stops does not stay."""
    line = wire(large, SHORT)
    line.transport.room = 0
    line.send(GET[:-2] + closes + b"\r\n")
    await turns()
    line.transport.client_reads(990_000)

    await advance(1 + 4 + 4 + 4 * LATEST_S)

    assert line.ended == "aborted"


@stepped
async def test_a_client_that_reads_late_may_ask_again() -> None:
    """Its idle time starts when it has read what it was sent."""
    line = wire(large, SHORT)
    line.transport.room = 0
    line.send(GET)
    await advance(3)
    line.transport.client_reads(float("inf"))
    await advance(0.5)
    line.send(GET)
    await turns()

    assert [r.status for r in responses(line.take())] == [200, 200]


@stepped
async def test_the_client_has_two_seconds_to_read_a_last_answer() -> None:
    """While it may still send; then it is cut off."""
    line = wire(hello, WorkerConfig(max_request_size=10))
    assert only(await line.exchange(post(length=100))).status == 413

    await advance(1.9)
    assert line.ended == ""
    await advance(0.1 + LATEST_S)
    assert line.ended == "aborted"
    await turns()
    assert line.serving.endings == set()


@stepped
async def test_a_response_sent_just_in_time_is_whole() -> None:
    """The deadline of the application is over once it has answered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(BODY)
        await Held().go_on.wait()

    line = wire(app, WorkerConfig(handler_timeout=5))
    assert only(await line.exchange(GET)).status == 200
    for _ in range(8):
        await advance(0.875)
        assert only(await line.exchange(GET)).status == 200
    assert len(line.serving.tasks) == 9
    line.serving.abort()
    await turns()
