"""An application that sends every client to the same place by https."""

import re
from typing import Final

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.errors import ErrorReply, error_response

_PORT: Final = re.compile(rb":\d*$")

NO_HOST: Final = ErrorReply(
    code="SERVERKIT_PARSE_MISSING_HOST",
    status=400,
    message="Bad Request.",
    hint="Without a Host there is nowhere to redirect to.",
)


class HTTPSRedirect:
    """An ASGI application that answers every request with 308 (Permanent Redirect).

    The status lets clients repeat the request as it was, method and body included.

    Threads: any; it never changes.

    Source: RFC 9110 section 15.4.9.
    """

    def __init__(self, port: int) -> None:
        """Prepare.

        Args:
            port: that speaks https. 443 is left out, as URLs do.
        """
        self._port = b"" if port == 443 else b":%d" % port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer; the body of the request is left to the connection."""
        # At most one, and it is well-formed, or the request would not have come here.
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        name = _PORT.sub(b"", hosts[0]) if hosts else b""
        if name:
            status, headers, body = 308, [(b"location", self._target(name, scope))], b""
            headers.append((b"content-length", b"0"))
        else:
            status, headers, body = error_response(NO_HOST)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _target(self, name: bytes, scope: Scope) -> bytes:
        path: bytes = scope["raw_path"]
        if path == b"*":  # The server as a whole: RFC 9112 section 3.2.4
            path = b""
        query: bytes = scope["query_string"]
        return b"https://%b%b%b%b" % (name, self._port, path, b"?" + query if query else b"")
