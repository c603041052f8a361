"""An ASGI application that breaks the rules: each path breaks one of them, see FAULTS."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Message = dict[str, Any]
type Script = list[Message | type[Exception]]

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"body"}
MORE: Message = BODY | {"more_body": True}


def start(*headers: tuple[object, object], **more: object) -> Message:
    """Return the start of a response with these headers."""
    return {"type": "http.response.start", "status": 200, "headers": list(headers)} | more


def length(count: int) -> Message:
    """Return the start of a response that declares its length."""
    return start((b"content-length", b"%d" % count))


# Broken before anything was sent: the client is to get a 500.
BEFORE_START: dict[str, Script] = {
    "raise": [RuntimeError],
    "raise-after-start-message": [START, RuntimeError],
    "nothing": [],
    "body-first": [BODY],
    "unknown-message": [{"type": "http.response.nonsense"}],
    "no-type": [{"status": 200}],
    "value-crlf": [start((b"x-a", b"1\r\nx-injected: yes")), BODY],
    "value-crlfcrlf": [start((b"x-a", b"1\r\n\r\n<script>")), BODY],
    "value-lf": [start((b"x-a", b"1\nx-injected: yes")), BODY],
    "value-cr": [start((b"x-a", b"1\rx-injected: yes")), BODY],
    "value-nul": [start((b"x-a", b"1\x00")), BODY],
    "name-crlf": [start((b"x-a: 1\r\nx-injected", b"yes")), BODY],
    "name-space": [start((b"x a", b"1")), BODY],
    "name-colon": [start((b"x-a:", b"1")), BODY],
    "name-empty": [start((b"", b"1")), BODY],
    "value-str": [start((b"x-a", "text")), BODY],
    "status-str": [start(status="200 OK\r\nx-injected: yes"), BODY],
    "status-huge": [start(status=20000), BODY],
    "status-small": [start(status=42), BODY],
    "hint-crlf": [
        {"type": "http.response.early_hint", "links": [b"</a>\r\nx-injected: yes"]},
        *(START, BODY),
    ],
    "length-word": [start((b"content-length", b"four")), BODY],
    "length-negative": [start((b"content-length", b"-4")), BODY],
    "length-twice": [start((b"content-length", b"4"), (b"content-length", b"5")), BODY],
    "too-long-at-once": [length(2), BODY],
}
# Broken in the midst of the response: the client must be able to tell that it is not whole.
AFTER_START: dict[str, Script] = {
    "raise": [START, MORE, RuntimeError],
    "raise-with-length": [length(8), MORE, RuntimeError],
    "return": [START, MORE],
    "return-with-length": [length(8), MORE],
    "too-short": [length(8), BODY],
    "too-long": [length(6), MORE, BODY],
    "start-twice": [START, MORE, START],
    "body-str": [START, MORE, {"type": "http.response.body", "body": "text"}],
    "trailer-crlf": [
        *(start(trailers=True), BODY),
        {"type": "http.response.trailers", "headers": [(b"x-a", b"1\r\nx-injected: yes")]},
    ],
    "trailer-of-framing": [
        *(start(trailers=True), BODY),
        {"type": "http.response.trailers", "headers": [(b"content-length", b"4")]},
    ],
    "trailers-unannounced": [START, MORE, {"type": "http.response.trailers", "headers": []}],
}
# Broken after the response: the client has it whole and must not notice.
AFTER_END: dict[str, Script] = {
    "raise": [length(4), BODY, RuntimeError],
    "body-again": [length(4), BODY, BODY],
    "start-again": [length(4), BODY, START],
}
FAULTS = {"before": BEFORE_START, "midst": AFTER_START, "end": AFTER_END}


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Play the script that the path names, /before/raise for instance; /fine is without fault."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/fine":
        script: Script = [length(4), BODY]
    else:
        _, when, name = scope["path"].split("/")
        script = FAULTS[when][name]
    for step in script:
        if isinstance(step, type):
            raise step("<b>told</b> & tried")
        await send(dict(step))
