"""What those who listen are told: events and lines of the access log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from serverkit_worker import observation
from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.collectors import BufferedCollector, NoopCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.lifecycle_events import (
    ClientDisconnected,
    ConnectionCompleted,
    ConnectionOpened,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
    StreamClosed,
    StreamOpened,
)
from serverkit_worker.observation import observe
from tests.worker.driving import (
    BODY,
    GET,
    START,
    STREAM_START,
    Held,
    Wire,
    advance,
    connect,
    hello,
    make_serving,
    post,
    stepped,
    turns,
)
from tests.worker.listening import Lines, Watched, last


@stepped
async def test_a_request_is_told_from_beginning_to_end() -> None:
    """On a connection that is opened and completed."""
    watched = Watched(hello)

    events = await watched.run(b"GET /a%20b?q=1 HTTP/1.1\r\nHost: a\r\n\r\n")

    opened, started, responded, completed = events
    assert isinstance(opened, ConnectionOpened)
    assert (opened.client_addr, opened.client_port) == ("127.0.0.1", 50_000)
    assert (opened.server_addr, opened.server_port) == ("127.0.0.1", 8000)
    assert (opened.protocol, opened.worker_id) == ("http/1.1", 3)
    assert isinstance(started, RequestStarted)
    assert (started.method, started.path, started.http_version) == ("GET", "/a b", "1.1")
    assert isinstance(responded, ResponseCompleted)
    assert (responded.status, responded.bytes_sent, responded.streaming) == (200, 5, False)
    assert (responded.method, responded.path) == ("GET", "/a b")
    assert responded.duration_ms >= 0
    assert isinstance(completed, ConnectionCompleted)
    assert (completed.requests_served, completed.total_bytes_sent) == (1, 5)
    assert completed.reason == "complete"
    assert {event.connection_id for event in events} == {opened.connection_id}
    assert [event.timestamp_ns for event in events] == sorted(e.timestamp_ns for e in events)


@stepped
async def test_a_request_is_logged_as_it_was_sent() -> None:
    """With its query, and how many bytes the body of the response had."""
    watched = Watched(hello)

    await watched.run(b"GET /a%20b?q=1 HTTP/1.1\r\nHost: a\r\n\r\n")

    client = ("127.0.0.1", 50_000)
    assert watched.log.lines == [(client, "GET", b"/a%20b?q=1", "1.1", 200, 5)]
    assert 0 <= watched.log.durations_s[0] < 60


@stepped
async def test_connections_are_told_apart() -> None:
    """By a number of their own."""
    watched = Watched(hello)
    connect(watched.serving)

    first, second = watched.events()

    assert first.connection_id < second.connection_id


@stepped
async def test_a_stream_is_opened_and_closed() -> None:
    """With all that it sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send({**BODY, "more_body": True})
        await send(BODY)

    watched = Watched(app)
    events = await watched.run(GET)

    kinds = [type(event) for event in events[1:-1]]
    assert kinds == [RequestStarted, StreamOpened, StreamClosed, ResponseCompleted]
    assert last(events, StreamOpened).path == "/"
    assert last(events, StreamClosed).reason == "complete"
    responded = last(events, ResponseCompleted)
    assert (responded.bytes_sent, responded.streaming) == (10, True)
    assert watched.log.lines[0][4:] == (200, 10)


@stepped
async def test_a_failed_application_is_told_as_what_its_client_got() -> None:
    """500, and how large the error was."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise ValueError

    watched = Watched(app)
    await watched.line.exchange(GET)
    size = len(watched.line.take().partition(b"\r\n\r\n")[2])
    sent = bytes(watched.line.transport.sent).partition(b"\r\n\r\n")[2]
    events = watched.events()

    assert size == 0
    responded = last(events, ResponseCompleted)
    assert (responded.status, responded.bytes_sent) == (500, len(sent))
    assert last(events, ConnectionCompleted).reason == "error"
    assert last(events, ConnectionCompleted).requests_served == 0
    assert watched.log.lines[0][4:] == (500, len(sent))


@stepped
async def test_a_stream_that_fails_says_so() -> None:
    """Its status was sent already."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send({**BODY, "more_body": True})
        raise ValueError

    events = await Watched(app).run(GET)

    assert last(events, StreamClosed).reason == "error"
    assert last(events, ResponseCompleted).status == 200
    assert last(events, ConnectionCompleted).reason == "error"


@pytest.mark.parametrize("before", [(), (START,), (STREAM_START, {**BODY, "more_body": True})])
@stepped
async def test_a_client_that_leaves_is_told_once(before: tuple[dict[str, object], ...]) -> None:
    """Instead of a completed response; the log has a status of its own for it."""
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        await go_on.wait()
        await send(START)

    streams = len(before) == 2
    watched = Watched(app)
    events = await watched.run(GET)
    go_on.set()
    await turns()

    assert last(events, ClientDisconnected).during_streaming is streams
    assert not [event for event in events if isinstance(event, ResponseCompleted)]
    if streams:
        assert last(events, StreamClosed).reason == "client_disconnect"
    completed = last(events, ConnectionCompleted)
    assert completed.reason == "client_disconnect"
    assert completed.total_bytes_sent == (5 if streams else 0)
    assert watched.events() == []
    (line,) = watched.log.lines
    assert line[4:] == ((200, 5) if streams else (499, 0))


@pytest.mark.parametrize(
    ("data", "config", "status", "requested"),
    [
        (b"nonsense\r\n\r\n", WorkerConfig(), 400, "-"),
        (post(length=11), WorkerConfig(max_request_size=10), 413, "POST"),
        (b"GET / HTTP/9.9\r\n\r\n", WorkerConfig(), 505, "-"),
    ],
)
@stepped
async def test_what_is_rejected_is_logged(
    data: bytes, config: WorkerConfig, status: int, requested: str
) -> None:
    """With what is known of it."""
    watched = Watched(hello, config)

    events = await watched.run(data)

    (line,) = watched.log.lines
    assert (line[1], line[4]) == (requested, status)
    completed = last(events, ConnectionCompleted)
    assert completed.reason == "error"
    assert completed.requests_served == 0
    assert completed.total_bytes_sent == line[5]


@stepped
async def test_who_is_refused_is_told_as_well() -> None:
    """A full server shows it."""
    watched = Watched(hello)
    watched.events()
    watched.serving.max_connections = 1
    turned_away = connect(watched.serving)

    await turned_away.exchange(GET)

    opened, completed = watched.events()
    assert isinstance(opened, ConnectionOpened)
    assert isinstance(completed, ConnectionCompleted)
    assert completed.reason == "backpressure"
    (line,) = watched.log.lines
    assert line[1:5] == ("GET", b"/", "1.1", 503)
    leaving = connect(watched.serving)
    leaving.transport.client_leaves()
    await turns()
    assert watched.names() == ["ConnectionOpened", "ConnectionCompleted"]


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"GET /204 HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (GET, 5),
    ],
)
@stepped
async def test_only_what_is_sent_is_counted(head: bytes, size: int) -> None:
    """A response that has no body has none in the log, whatever the application sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status = 204 if scope["path"] == "/204" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send(BODY)

    watched = Watched(app)
    events = await watched.run(head)

    assert watched.log.lines[0][5] == size
    assert last(events, ResponseCompleted).bytes_sent == size
    assert last(events, ConnectionCompleted).total_bytes_sent == size


async def idle(line: Wire) -> None:
    """Say nothing more after a request."""
    await line.exchange(GET)
    await advance(6)


async def silent(line: Wire) -> None:
    """Say nothing at all."""
    await advance(11)


async def half(line: Wire) -> None:
    """Say half a head."""
    line.send(GET[:9])
    await advance(11)


async def half_body(line: Wire) -> None:
    """Say half a body, which has its answer already."""
    await line.exchange(post(b"x", length=9))
    await advance(31)


async def deaf(line: Wire) -> None:
    """Read nothing."""
    line.transport.room = 0
    line.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    await advance(70)


async def asks_to_close(line: Wire) -> None:
    """Ask for the end."""
    await line.exchange(GET[:-2] + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (idle, "timeout"),
        (silent, "timeout"),
        (half, "error"),
        (half_body, "timeout"),
        (deaf, "write_timeout"),
        (asks_to_close, "complete"),
    ],
)
@stepped
async def test_each_end_has_its_reason(
    client: Callable[[Wire], Awaitable[None]], reason: str
) -> None:
    """Told once, as the last of a connection."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b"x" * 1_000_000 if scope["path"] == "/large" else b""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body[:100_000], "more_body": True})
        await send({"type": "http.response.body", "body": body[100_000:]})

    watched = Watched(app)
    await client(watched.line)
    events = watched.events()

    completed = last(events, ConnectionCompleted)
    assert completed is events[-1]
    assert completed.reason == reason
    ends = [e for e in events if isinstance(e, ResponseCompleted | ClientDisconnected)]
    assert len(ends) == len([e for e in events if isinstance(e, RequestStarted)])


@stepped
async def test_what_is_cut_off_at_the_end_of_a_drain_is_told() -> None:
    """Every request that was started comes to an end, before its connection does."""
    watched = Watched(Held())
    watched.line.send(GET)
    await turns()
    watched.serving.start_draining("shutdown")

    watched.serving.abort()
    await turns()

    names = watched.names()
    assert names[-2:] == ["ResponseCompleted", "ConnectionCompleted"]
    assert len(watched.log.lines) == 1


@stepped
async def test_a_collector_that_fails_harms_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """It is reported once."""

    class Broken:
        def record(self, event: LifecycleEvent) -> None:
            raise ValueError("full")

    serving = make_serving(hello, observation=observe(Broken(), None, worker_id=0))
    line = connect(serving)

    sent = await line.exchange(GET + GET)

    assert sent.count(b"hello") == 2
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("serverkit.error", logging.ERROR)


def test_where_nobody_listens_there_is_nobody_to_tell() -> None:
    """A collector that does nothing is nobody."""
    assert observe(None, None, worker_id=0) is None
    assert observe(NoopCollector(), None, worker_id=0) is None
    assert observe(BufferedCollector(), None, worker_id=0) is not None
    assert observe(None, Lines(), worker_id=0) is not None


@pytest.mark.parametrize("logs", [False, True])
@stepped
async def test_nothing_is_built_that_nobody_hears(
    monkeypatch: pytest.MonkeyPatch, *, logs: bool
) -> None:
    """Neither an event without a collector, nor a time without a log."""
    log = Lines() if logs else None

    def never(*_: object, **__: object) -> None:
        raise AssertionError("built for nobody")

    for name in observation.__dict__:
        event = getattr(observation, name)
        if isinstance(event, type) and issubclass(event, LifecycleEvent):
            monkeypatch.setattr(observation, name, never)
    if log is None:
        monkeypatch.setattr(observation, "_monotonic", never)
    watch = observe(NoopCollector(), log, worker_id=0)
    line = connect(make_serving(hello, observation=watch))

    assert b"hello" in await line.exchange(GET)
    assert b"400" in await line.exchange(b"nonsense\r\n\r\n")
    assert log is None or len(log.lines) == 2


@stepped
async def test_the_log_is_flushed_while_there_are_connections() -> None:
    """With each tick."""
    watched = Watched(hello)
    before = watched.log.flushed

    await advance(2)

    assert watched.log.flushed >= before + 8
