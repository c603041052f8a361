"""The ASGI application the HTTP/1 tests talk to: each path behaves, or misbehaves, in one way.

`?name=x` names a request; under that name the application notes what it sees, and waits at a gate.
The test reads the notes with GET /journal, opens the gate with GET /open and marks a place in the
output with GET /mark, see `Probe`.
SIGUSR1 opens every gate, for tests in which the server takes no more requests.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable

from tests.support.apps.journal import PATIENCE_S
from tests.support.apps.probe_request import JOURNAL, Message, Request


async def hello(request: Request) -> None:
    """Answer at once, without a look at the body."""
    await request.answer(b"hello", headers=[(b"content-type", b"text/plain")])


async def echo(request: Request) -> None:
    """Answer with the body of the request, once it is complete."""
    await request.answer(await request.read())


async def stream_echo(request: Request) -> None:
    """Answer each piece of the body as it comes."""
    await request.start()
    more = True
    while more:
        message = await request.receive()
        more = message.get("more_body", False)
        if data := message.get("body"):
            await request.body(data, more=True)
    await request.body()


async def scope_types(request: Request) -> None:
    """Answer with the scope, each value beside the name of its type."""

    def typed(value: object) -> list[object]:
        match value:
            case bytes():
                return ["bytes", value.decode("latin-1")]
            case dict():
                return ["dict", {key: typed(item) for key, item in value.items()}]
            case list() | tuple():
                return [type(value).__name__, [typed(item) for item in value]]
            case _:
                return [type(value).__name__, value]

    data = json.dumps(typed(dict(request.scope))[1]).encode()
    await request.answer(data, headers=[(b"content-type", b"application/json")])


async def status(request: Request) -> None:
    """Answer with the status asked for and a body, if one is asked for."""
    body = request.query.get("body", "").encode()
    headers = [(b"content-length", b"%d" % len(body))] if "length" in request.query else []
    await request.start(int(request.query["status"]), headers)
    await request.body(body)


async def gated(request: Request) -> None:
    """Note the call, wait at the gate, answer with the name."""
    request.note("called")
    try:
        await JOURNAL.pass_gate(request.name)
    except asyncio.CancelledError:
        request.note("cancelled")
        raise
    await request.answer(request.name.encode())


async def pieces(request: Request) -> None:
    """Stream three pieces without a declared length."""
    await request.start(headers=[(b"content-type", b"text/plain")])
    for piece in (b"one,", b"two,", b"three"):
        await request.body(piece, more=True)
    await request.body()


async def gated_stream(request: Request) -> None:
    """Send a first piece, wait at the gate, send the last piece."""
    await request.start()
    await request.body(b"first,", more=True)
    request.note("first")
    await JOURNAL.pass_gate(request.name)
    await request.body(b"last")


async def trailers(request: Request) -> None:
    """Stream a body, then trailers, one message for each."""
    offered = "http.response.trailers" in request.scope["extensions"]
    await request.start(headers=[(b"x-offered", str(offered).encode())], trailers=True)
    await request.body(b"body")
    for more, field in ((True, (b"x-sum", b"42")), (False, (b"x-last", b"yes"))):
        message = {"type": "http.response.trailers", "headers": [field], "more_trailers": more}
        await request.send(message)


async def early_hint(request: Request) -> None:
    """Send early hints twice, then the response."""
    for link in (b"</a.css>; rel=preload", b"</b.js>; rel=preload"):
        await request.send({"type": "http.response.early_hint", "links": [link]})
    await request.answer(b"hinted")


async def pathsend(request: Request) -> None:
    """Send the file at ?path."""
    length = request.query.get("length")
    await request.start(headers=[(b"content-length", length.encode())] if length else [])
    try:
        await request.send({"type": "http.response.pathsend", "path": request.query["path"]})
    except OSError:
        request.note("refused")
        raise
    request.note("sent")


async def wait_for_disconnect(request: Request) -> None:
    """Start a response if ?stream, receive until the disconnect, try to finish the response."""
    if "stream" in request.query:
        await request.start()
        await request.body(b"open,", more=True)
    request.note("waiting")
    while (await request.receive())["type"] != "http.disconnect":
        request.note("received")
    request.note("disconnect")
    if "stream" in request.query:
        await request.body(b"bye")
        request.note("done")


async def watch(request: Request) -> None:
    """Watch for a disconnect, as frameworks do, until the gate opens; then answer."""
    await request.read()
    watching = asyncio.ensure_future(request.receive())
    request.note("watching")
    await JOURNAL.pass_gate(request.name)
    request.note("left" if watching.done() else "there")
    watching.cancel()
    await asyncio.wait([watching])
    await request.answer(request.name.encode())


async def receive_after(request: Request) -> None:
    """Answer whole, then note what receive gives, twice."""
    await request.answer(b"answered")
    for _ in range(2):
        request.note((await request.receive())["type"])


async def work_after(request: Request) -> None:
    """Answer whole, then work on until the gate opens."""
    await request.answer(b"answered")
    request.note("answered")
    try:
        await JOURNAL.pass_gate(request.name)
    except asyncio.CancelledError:
        request.note("cancelled")
        raise
    request.note("worked")


async def send_until_refused(request: Request) -> None:
    """Send little pieces, one after the other, until the client is found to be gone."""
    await request.start()
    await request.body(b"first", more=True)
    request.note("first")
    await JOURNAL.pass_gate(request.name)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await request.body(b"more", more=True)
                await asyncio.sleep(0.01)
    except OSError as error:
        request.note("refused" if not isinstance(error, TimeoutError) else "never refused")


async def outrun(request: Request) -> None:
    """Send ?megabytes as fast as send allows; note how many bytes were out when it waited."""
    piece, size = bytes(65_536), int(request.query["megabytes"]) * 1_048_576
    await request.start(headers=[(b"content-length", b"%d" % size)])
    noted = False
    for sent in range(0, size, len(piece)):
        sending = asyncio.ensure_future(request.body(piece, more=True))
        done, _ = await asyncio.wait([sending], timeout=None if noted else 0.5)
        if not done:
            noted = True
            request.note("waiting")
            request.note(str(sent))
        try:
            await sending
        except OSError:
            request.note("refused")
            return
    await request.body()
    request.note("complete")


async def torrent(request: Request) -> None:
    """Send as much as send takes, and await nothing else, until the client is gone."""
    piece = bytes(4096)
    await request.start()
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            await request.body(piece, more=True)
    except OSError:
        request.note("refused")
    else:
        request.note("never refused")


HANDLERS: dict[str, Callable[[Request], Awaitable[None]]] = {
    "/": hello,
    "/echo": echo,
    "/stream-echo": stream_echo,
    "/scope": scope_types,
    "*": scope_types,
    "/status": status,
    "/gated": gated,
    "/pieces": pieces,
    "/gated-stream": gated_stream,
    "/trailers": trailers,
    "/early-hint": early_hint,
    "/pathsend": pathsend,
    "/wait-for-disconnect": wait_for_disconnect,
    "/watch": watch,
    "/receive-after": receive_after,
    "/work-after": work_after,
    "/send-until-refused": send_until_refused,
    "/outrun": outrun,
    "/torrent": torrent,
}


async def about_the_journal(request: Request) -> bool:
    """Answer what tests ask about other requests; say whether it was such a question."""
    match request.scope["path"]:
        case "/journal":
            until, count = request.query.get("until", ""), int(request.query.get("count", "1"))
            found = await JOURNAL.notes(request.name, until, count)
            await request.answer(json.dumps(found).encode())
        case "/open":
            JOURNAL.open_gate(request.name)
            await request.answer()
        case "/calls":
            await request.answer(b"%d" % JOURNAL.calls)
        case "/mark":
            sys.stderr.write(f"mark {request.name}\n")
            await request.answer()
        case _:
            return False
    return True


async def lifespan(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Put something into the state, and open every gate on SIGUSR1."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            scope.get("state", {})["greeting"] = "from startup"
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, JOURNAL.open_every_gate)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Behave as the path says; 404 with what the scope says of the path for unknown paths."""
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    if scope["type"] != "http":
        raise NotImplementedError(f"this application does not speak {scope['type']}")
    request = Request(scope, receive, send)
    if await about_the_journal(request):
        return None
    JOURNAL.calls += 1
    handler = HANDLERS.get(scope["path"])
    if handler is None:
        paths = [scope["path"], scope["raw_path"].decode("latin-1"), scope["root_path"]]
        return await request.answer(json.dumps(paths).encode(), 404)
    return await handler(request)
