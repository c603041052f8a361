"""One call of the probe application: what it was given, and short ways to answer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from tests.support.apps.journal import Journal

type Message = MutableMapping[str, Any]
type Headers = list[tuple[bytes, bytes]]

JOURNAL = Journal()


class Request:
    """One call of the application: what it was given, and short ways to answer."""

    def __init__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.query = dict(
            parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )
        self.name = self.query.get("name", "")

    def note(self, text: str) -> None:
        """Note something under the name of this request."""
        JOURNAL.note(self.name, text)

    async def start(self, status: int = 200, headers: Headers = [], **more: object) -> None:  # noqa: B006
        """Send the start of the response."""
        message = {"type": "http.response.start", "status": status, "headers": headers}
        await self.send(message | more)

    async def body(self, data: bytes = b"", *, more: bool = False) -> None:
        """Send a piece of the response."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, data: bytes = b"", status: int = 200, headers: Headers = []) -> None:  # noqa: B006
        """Send a whole response with its Content-Length."""
        await self.start(status, [*headers, (b"content-length", b"%d" % len(data))])
        await self.body(data)

    async def read(self) -> bytes:
        """Return the whole body of the request; note a disconnect."""
        parts = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self.note("disconnect")
                break
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self.note("complete")
                break
        return b"".join(parts)
