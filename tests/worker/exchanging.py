"""An exchange on a stream that takes notes instead of sending."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from serverkit_proto.events import RequestReceived
from serverkit_proto.response import ResponseHead, ResponseHeads
from serverkit_worker.asgi import ASGIApp, Receive, Scope, Send
from serverkit_worker.errors import (
    ErrorReply,
)
from serverkit_worker.exchange import HTTPExchange
from tests.worker.driving import turns

EXTENSIONS = ("early_hint", "pathsend", "trailers")


class FakeStream:
    """Notes what an exchange asks for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.must_wait = False
        self.taken = 0
        self.awaited = 0
        self.resumed = asyncio.Event()

    def respond(self, head: ResponseHead, body: bytes) -> None:
        self.calls.append(("respond", head.status, body))

    def start_response(self, head: ResponseHead, *, trailers: bool) -> None:
        self.calls.append(("start", head.status, trailers))

    def send_body(self, data: bytes, *, more: bool) -> bool:
        self.calls.append(("body", data, more))
        return self.must_wait

    def send_trailers(self, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.calls.append(("trailers", trailers))

    def send_early_hint(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.calls.append(("hint", fields))

    async def drained(self) -> None:
        await self.resumed.wait()

    def body_awaited(self) -> None:
        self.awaited += 1

    def body_taken(self, size: int) -> None:
        self.taken += size

    def fail(self, reply: ErrorReply, exc: BaseException | None) -> None:
        self.calls.append(("fail", reply, exc))


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Return at once."""


def exchange_of(
    app: ASGIApp = nothing, *, body: bool = False, extensions: tuple[str, ...] = EXTENSIONS
) -> tuple[HTTPExchange, FakeStream]:
    """Return an exchange on a stream that takes notes."""
    stream = FakeStream()
    method = "POST" if body else "GET"
    request = RequestReceived(
        method=method,
        target=b"/",
        raw_path=b"/",
        query_string=b"",
        headers=[],
        http_version="1.1",
        content_length=None,
        end=not body,
        expect_continue=False,
        accepts_trailers=True,
        upgrade=False,
    )
    offered = {f"http.response.{name}": dict[str, object]() for name in extensions}
    scope: Scope = {"type": "http", "path": "/p", "extensions": offered}
    return HTTPExchange(app, ResponseHeads(), stream, request, scope), stream


async def started[T](coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Let a coroutine run until it waits."""
    task = asyncio.create_task(coroutine)
    await turns(3)
    return task
