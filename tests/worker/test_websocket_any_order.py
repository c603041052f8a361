"""Whatever client, application and server do in whatever order, a WebSocket comes to its end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError
from serverkit_worker.errors import ASGIMessageError, ClientDisconnected
from tests.worker.driving import advance, make_serving, stepped, the_loop, turns
from tests.worker.test_websocket_observation import Watch
from tests.worker.websocket_driving import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Peer,
    Puppet,
    ask,
    close_frame,
    config_of,
    frame,
    text,
)

CLIENT = {
    "text": text("hello"),
    "binary": frame(BINARY, bytes(3_000)),
    "many": text("x") * 10,
    "ping": frame(PING, b"?"),
    "pong": frame(PONG),
    "fragment": frame(TEXT, b"a", fin=False),
    "half a frame": text("hello")[:4],
    "too large": frame(BINARY, bytes(20_000)),
    "garbage": b"\xff\xff\xff",
    "close": close_frame(4000, "bye"),
    "close without code": close_frame(None),
    "text and close": text("last") + close_frame(4000),
}
APP: Mapping[str, Mapping[str, Any]] = {
    "accept": {"type": "websocket.accept"},
    "send": {"type": "websocket.send", "text": "hi"},
    "send much": {"type": "websocket.send", "bytes": bytes(50_000)},
    "close it": {"type": "websocket.close", "code": 3000},
    "close it wrongly": {"type": "websocket.close", "code": 1005},
    "deny": {"type": "websocket.http.response.start", "status": 401},
    "denied": {"type": "websocket.http.response.body", "body": b"no"},
}
OTHERS = (
    *("receive", "return", "raise", "leave", "end", "stall", "read", "drain", "turn", "wait"),
    *("wait long", "abort"),
)
STEPS = st.lists(st.sampled_from([*CLIENT, *APP, *OTHERS]), max_size=25)
EXPECTED = (ASGIMessageError, ClientDisconnected, LocalProtocolError)


class Story:
    """One WebSocket, and what its application was told."""

    def __init__(self) -> None:
        self.faults: list[dict[str, Any]] = []
        the_loop().set_exception_handler(lambda _loop, context: self.faults.append(context))
        self.watch = Watch()
        config = config_of(
            websocket_max_queue=3,
            websocket_idle_timeout=20.0,
            websocket_ping_interval=4.0,
            websocket_ping_timeout=4.0,
            write_timeout=3.0,
            proto=ProtoConfig(websocket_max_message_size=10_000),
        )
        self.app = Puppet()
        self.serving = make_serving(self.app, config, observation=self.watch.observation)
        self.tasks: list[asyncio.Task[Any]] = []
        self.received: list[asyncio.Task[Any]] = []
        self.peer: Peer

    async def begin(self) -> None:
        """Ask for a WebSocket."""
        self.peer = await ask(self.app, serving=self.serving)

    async def step(self, name: str) -> None:
        """Do one thing."""
        if name in CLIENT:
            self.peer.send(CLIENT[name])
        elif name in APP:
            self.tasks.append(await self.app.sending(APP[name]))
        else:
            await self._others()[name]()

    def _others(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        transport, loop = self.peer.transport, the_loop()
        ends = self.app.end

        async def receive() -> None:
            self.received.append(await self.app.receiving())

        def now(action: Callable[[], object]) -> Callable[[], Awaitable[None]]:
            async def act() -> None:
                action()

            return act

        def open_only(action: Callable[[], None]) -> Callable[[], None]:
            return lambda: None if self.peer.ended() else action()

        def finish(exc: BaseException | None) -> None:
            if not ends.done():
                ends.set_exception(exc) if exc else ends.set_result(None)

        return {
            "receive": receive,
            "return": now(lambda: finish(None)),
            "raise": now(lambda: finish(ValueError("boom"))),
            "leave": now(open_only(transport.client_leaves)),
            "end": now(open_only(transport.client_ends)),
            "stall": now(lambda: setattr(transport, "room", 0)),
            "read": now(lambda: transport.client_reads(1_000_000)),
            "drain": now(lambda: self.serving.start_draining("shutdown")),
            "turn": lambda: turns(1),
            "wait": lambda: loop.advance(1),
            "wait long": lambda: loop.advance(10),
            "abort": now(self.serving.abort),
        }

    async def end(self) -> None:
        """Let everything come to its end."""
        self.peer.transport.client_reads(10_000_000)
        self.serving.start_draining("shutdown")
        if not self.app.end.done():
            self.app.end.set_result(None)
        await advance(40)
        for _ in range(100):
            self.received.append(await self.app.receiving())
        if not self.peer.ended():
            self.peer.transport.client_leaves()
        await turns()

    def messages(self) -> list[str]:
        """Return the types of what was received, in order."""
        found = []
        for task in self.received:
            assert task.done()
            if task.cancelled():
                continue
            exc = task.exception()
            assert exc is None or isinstance(exc, EXPECTED), exc
            if exc is None:
                found.append(task.result()["type"])
        return found


@settings(max_examples=150)
@given(STEPS)
def test_it_ends_whatever_happens(steps: list[str]) -> None:
    """Nothing is left, nothing breaks, and the application is told of the end once, at last."""
    _tell(steps)


@stepped
async def _tell(steps: list[str]) -> None:
    story = Story()
    await story.begin()
    with contextlib.suppress(*EXPECTED):
        for step in ["accept", *steps] if len(steps) % 3 else steps:
            await story.step(step)
    await story.end()

    assert story.faults == []
    assert story.serving.is_idle()
    assert not story.serving.endings
    assert all(task.done() for task in story.tasks)
    failures = [task.exception() for task in story.tasks if not task.cancelled()]
    assert all(each is None or isinstance(each, EXPECTED) for each in failures), failures
    messages = story.messages()
    assert messages[0] == "websocket.connect"
    assert messages[-1] == "websocket.disconnect"
    assert set(messages[1:-1]) <= {"websocket.receive"}
    names = [type(event).__name__ for event in story.watch.events()]
    assert names.count("ConnectionCompleted") == 1
    assert names.count("StreamOpened") == names.count("StreamClosed")
    # Behind a denial, frames are malformed requests.
    assert 1 <= len(story.watch.log.lines) <= 2
