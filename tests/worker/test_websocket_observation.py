"""What those who listen are told of WebSockets, and which bounds hold for them."""

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.collectors import BufferedCollector
from serverkit_worker.config import WorkerConfig
from serverkit_worker.lifecycle_events import (
    ConnectionCompleted,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
    StreamClosed,
    StreamOpened,
)
from serverkit_worker.observation import observe
from serverkit_worker.recycling import RequestLimit
from tests.worker.driving import GET, advance, connect, hello, make_serving, stepped, turns, wire
from tests.worker.listening import Lines, last
from tests.worker.websocket_causes import CONFIGS, ROWS, SMALL
from tests.worker.websocket_driving import (
    Peer,
    Puppet,
    ask,
    ask_on,
    close_frame,
    config_of,
    handshake,
    opened,
    text,
)
from tests.worker.wire_format import only

ACROSS = ("127.0.0.1", 50_000)


class Watch:
    """Listens to everything."""

    def __init__(self, *, collects: bool = True) -> None:
        self.log = Lines()
        self.collector = BufferedCollector() if collects else None
        self.observation = observe(self.collector, self.log, worker_id=3)

    def events(self) -> list[LifecycleEvent]:
        """Return what was told since the last call."""
        assert self.collector
        return list(self.collector.flush())


async def ended(name: str, watch: Watch) -> Peer:
    """Let a WebSocket end for one of the causes of the table."""
    app, peer = await opened(
        CONFIGS.get(name) or config_of(proto=SMALL), observation=watch.observation
    )
    await ROWS[name].cause(app, peer)
    await turns()
    if not peer.ended():
        peer.send(close_frame())
        await turns()
    if not peer.ended():
        peer.transport.client_leaves()
        await turns()
    return peer


@stepped
async def test_a_websocket_is_told_from_beginning_to_end() -> None:
    """As a request, whose response is a stream that lasts as long as the WebSocket."""
    watch = Watch()
    app, peer = await opened(config_of(), observation=watch.observation)
    assert [type(event).__name__ for event in watch.events()] == [
        "ConnectionOpened",
        "RequestStarted",
        "StreamOpened",
    ]

    await app.say("12345678")
    peer.send(close_frame(1000))
    await turns()

    closed, responded, completed = watch.events()
    assert isinstance(closed, StreamClosed)
    assert closed.reason == "complete"
    assert isinstance(responded, ResponseCompleted)
    assert (responded.status, responded.streaming, responded.path) == (101, True, "/ws")
    assert responded.bytes_sent == 2 + 8 + 2 + 2  # A message and a close frame.
    assert isinstance(completed, ConnectionCompleted)
    assert (completed.requests_served, completed.reason) == (1, "complete")
    assert completed.total_bytes_sent == responded.bytes_sent


@pytest.mark.parametrize("name", ROWS)
@stepped
async def test_each_end_is_told_once(name: str) -> None:
    """With the reasons that the table has for it."""
    watch = Watch()

    await ended(name, watch)

    events = watch.events()
    assert last(events, StreamClosed).reason == ROWS[name].ending.stream
    assert last(events, ConnectionCompleted).reason == ROWS[name].ending.connection
    last(events, RequestStarted)
    last(events, StreamOpened)
    left = [event for event in events if type(event).__name__ == "ClientDisconnected"]
    assert len(left) == (ROWS[name].ending.stream == "client_disconnect")


@stepped
async def test_an_accepted_handshake_is_a_line_with_101() -> None:
    """Written when it is accepted: a WebSocket may last for days. Its end has no line."""
    watch = Watch(collects=False)
    app, peer = await opened(config_of(), observation=watch.observation)
    assert watch.log.lines == [(ACROSS, "GET", b"/ws", "1.1", 101, 0)]

    await app.say("hello")
    peer.send(close_frame())
    await turns()

    assert len(watch.log.lines) == 1


@stepped
async def test_a_denied_handshake_is_a_line_with_its_status() -> None:
    """403, or what the application has answered; 500 where it failed."""
    watch = Watch()

    app = Puppet()
    await ask(app, observation=watch.observation)
    await app.send({"type": "websocket.close"})
    app = Puppet()
    await ask(app, observation=watch.observation)
    await app.send({"type": "websocket.http.response.start", "status": 401})
    await app.send({"type": "websocket.http.response.body", "body": b"no"})
    app = Puppet()
    await ask(app, observation=watch.observation)
    app.end.set_exception(ValueError("boom"))
    await turns()

    found = [(line[4], line[5]) for line in watch.log.lines]
    assert found[:2] == [(403, 0), (401, 2)]
    assert found[2][0] == 500
    assert [event.status for event in watch.events() if isinstance(event, ResponseCompleted)] == [
        403,
        401,
        500,
    ]


@stepped
async def test_a_wrong_handshake_is_a_line_with_its_request() -> None:
    """It was understood as far as that."""
    watch = Watch()
    wrong = handshake().replace(b": 13", b": 8")

    await connect(make_serving(hello, observation=watch.observation)).exchange(wrong)

    assert [line[1:5] for line in watch.log.lines] == [("GET", b"/ws", "1.1", 426)]


@stepped
async def test_a_client_that_leaves_before_the_accept_is_a_line_with_499() -> None:
    """As one that leaves before any other response."""
    watch = Watch()
    peer = await ask(Puppet(), observation=watch.observation)

    peer.transport.client_leaves()
    await turns()

    assert [line[4] for line in watch.log.lines] == [499]


@stepped
async def test_without_listeners_nothing_is_counted() -> None:
    """What is off costs nothing."""
    app, peer = await opened()
    await app.say("hello")
    (connection,) = peer.wire.serving.connections

    assert connection._exchange.bytes_sent == 0  # type: ignore[attr-defined]  # a WebSocket's


@stepped
async def test_websockets_count_as_connections() -> None:
    """Beyond max_connections the next client is refused, whatever it asks for."""
    app = Puppet()
    serving = make_serving(app, config_of(), max_connections=1)
    _, peer = await opened(serving=serving, app=app)

    refused = only(await connect(serving).exchange(handshake()))
    assert (refused.status, refused.code) == (503, "LIMIT_CONNECTIONS")

    peer.send(close_frame())
    await turns()
    again = await ask_on(connect(serving), handshake())
    assert again.response is None


@stepped
async def test_websockets_count_as_calls_of_the_application() -> None:
    """Beyond limit_concurrency a handshake is answered 503; an open WebSocket is a call."""
    app, peer = await opened(config_of(limit_concurrency=1))
    serving = peer.wire.serving

    for request in (handshake(), GET):
        refused = only(await connect(serving).exchange(request))
        assert (refused.status, refused.code) == (503, "LIMIT_CONCURRENCY")

    app.end.set_result(None)
    await turns()
    again = await ask_on(connect(serving), handshake())
    assert again.response
    assert again.response.status == 500  # Its application has ended already.


@stepped
async def test_a_handshake_counts_as_a_request() -> None:
    """For max_requests, when it is accepted."""
    reasons: list[str] = []
    app = Puppet()
    serving = make_serving(app, config_of())
    serving.request_limit = RequestLimit(2, 0.0, reasons.append)

    await opened(serving=serving, app=app)
    assert serving.requests_served == 1
    await advance(1)
    assert reasons == []
    serving.app = second = Puppet()
    await opened(serving=serving, app=second)
    await advance(1)

    assert serving.requests_served == 2
    assert reasons == ["it has served 2 requests"]


@stepped
async def test_a_handshake_counts_for_its_connection() -> None:
    """The last request that a connection may send can still be one for a WebSocket."""
    puppet = Puppet()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (hello if scope["type"] == "http" else puppet)(scope, receive, send)

    client = wire(app, WorkerConfig(max_requests_per_connection=2))
    assert not only(await client.exchange(GET)).closes

    peer = await ask_on(client, handshake())
    await puppet.accept()
    peer.wire.take()
    peer.send(text("x"))

    assert (await puppet.receive())["text"] == "x"
    assert client.serving.requests_served == 2
