"""What goes wrong in a worker: the exceptions, and what a client is answered.

    Exception
    +-- RuntimeError
    |   +-- ASGIMessageError       the application broke the protocol; raised into it
    |   +-- WorkerStartupError     the application did not let its worker start; raised by `run`
    +-- OSError
        +-- ClientDisconnected     the client left; raised into the application that still sends

Rules:
    A code is never changed and never given a second meaning; new ones are added.
    Every code stands in docs/reference/error-codes.md.
    A client learns the code by a header; how the server is made, it learns in debug only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

from serverkit_proto.errors import RemoteProtocolError

ERROR_CODE_HEADER: Final = b"x-serverkit-error-code"


class ASGIMessageError(RuntimeError):
    """The application called `send` with something that ASGI does not allow at this point.

    Args:
        expected: what would have been right, such as "http.response.start".
        received: what came instead, in words that name the message or the value.

    Nothing was sent because of the message; the application may still send a right one.
    """

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(expected, received)
        self.expected = expected
        self.received = received

    def __str__(self) -> str:
        return f"expected {self.expected}, the application sent {self.received}"


class WorkerStartupError(RuntimeError):
    """The application failed as its worker started, and the worker is not to serve without it.

    The application's own exception is the cause. Nothing was accepted.
    """


class ClientDisconnected(OSError):
    """The client left before the response was complete; what is sent reaches nobody.

    Source: ASGI HTTP message format 2.4, "Disconnected Client - send exception".
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """What a client is answered when the server answers for itself.

    Args:
        code: stable, for machines: SERVERKIT_<category>_<what>.
        status: of the response, 400 to 599.
        message: one sentence for whoever sees the response.
        hint: for who runs the server or wrote the application; shown in debug.
        retry_after_s: when it makes sense to come back, in seconds.
        fields: what the response has to have beside its usual fields.
    """

    code: str
    status: int
    message: str
    hint: str
    retry_after_s: int | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()


DRAINING = ErrorReply(
    code="SERVERKIT_WORKER_DRAINING",
    status=503,
    message="The server is shutting down. Please try again.",
    hint="The worker finishes what it has and accepts nothing new.",
    retry_after_s=1,
)
LIMIT_CONNECTIONS = ErrorReply(
    code="SERVERKIT_LIMIT_CONNECTIONS",
    status=503,
    message="The server has too many connections. Please try again.",
    hint="max_connections is reached. Raise it, or look for clients that hold many.",
    retry_after_s=5,
)
TLS_EXPECTED = ErrorReply(
    code="SERVERKIT_TLS_EXPECTED",
    status=400,
    message="This port speaks TLS. Please use https.",
    hint="The first bytes of the connection were no TLS handshake.",
)
LIMIT_CONCURRENCY = ErrorReply(
    code="SERVERKIT_LIMIT_CONCURRENCY",
    status=503,
    message="The server is busy. Please try again.",
    hint="limit_concurrency requests are in the application. Raise it if it can do more at once.",
    retry_after_s=1,
)
LIMIT_REQUEST_TOO_LARGE = ErrorReply(
    code="SERVERKIT_LIMIT_REQUEST_TOO_LARGE",
    status=413,
    message="The body of the request is too large.",
    hint="It is larger than max_request_size.",
)
TIMEOUT_REQUEST_HEAD = ErrorReply(
    code="SERVERKIT_TIMEOUT_REQUEST_HEAD",
    status=408,
    message="The head of the request took too long.",
    hint="It was not complete within header_timeout.",
)
TIMEOUT_REQUEST_BODY = ErrorReply(
    code="SERVERKIT_TIMEOUT_REQUEST_BODY",
    status=408,
    message="The body of the request took too long.",
    hint="Nothing of it came for request_timeout, or too little over a longer time.",
)
TIMEOUT_HANDLER = ErrorReply(
    code="SERVERKIT_TIMEOUT_HANDLER",
    status=504,
    message="The application took too long.",
    hint="It was cancelled after handler_timeout.",
)
TIMEOUT_WEBSOCKET_HANDSHAKE = ErrorReply(
    code="SERVERKIT_TIMEOUT_WEBSOCKET_HANDSHAKE",
    status=504,
    message="The application took too long.",
    hint="It neither accepted nor denied the WebSocket within websocket_handshake_timeout, and "
    "was cancelled.",
)
APP_ERROR = ErrorReply(
    code="SERVERKIT_APP_ERROR",
    status=500,
    message="The application failed.",
    hint="It raised an exception. The traceback is in the log.",
)
APP_NO_RESPONSE = ErrorReply(
    code="SERVERKIT_APP_NO_RESPONSE",
    status=500,
    message="The application did not respond.",
    hint="It returned without sending http.response.start.",
)
APP_BAD_RESPONSE = ErrorReply(
    code="SERVERKIT_APP_BAD_RESPONSE",
    status=500,
    message="The application's response is not valid.",
    hint="Its status or one of its headers breaks HTTP. Which one is in the log.",
)

ERROR_REPLIES: Final[Mapping[str, ErrorReply]] = MappingProxyType(
    {
        reply.code: reply
        for reply in (
            DRAINING,
            LIMIT_CONNECTIONS,
            TLS_EXPECTED,
            LIMIT_CONCURRENCY,
            LIMIT_REQUEST_TOO_LARGE,
            TIMEOUT_REQUEST_HEAD,
            TIMEOUT_REQUEST_BODY,
            TIMEOUT_HANDLER,
            TIMEOUT_WEBSOCKET_HANDSHAKE,
            APP_ERROR,
            APP_NO_RESPONSE,
            APP_BAD_RESPONSE,
        )
    }
)


def reply_to_protocol_error(error: RemoteProtocolError) -> ErrorReply:
    """Return the answer to a request that broke the protocol.

    Code and status are those of the error; its message, which may quote the request, is the hint.
    """
    return ErrorReply(
        code=error.code,
        status=error.status,
        message=f"{HTTPStatus(error.status).phrase}.",
        hint=error.message,
        fields=error.fields,
    )


class ErrorResponse(NamedTuple):
    """A complete response, to be framed and sent.

    Args:
        status: of the response.
        headers: lower-case names, with content-type and content-length; nothing about the
            connection, which is the connection's own business.
        body: text in UTF-8.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def error_response(reply: ErrorReply, *, debug: bool = False) -> ErrorResponse:
    """Build the plain-text response for an error.

    Args:
        reply: what to answer.
        debug: show code and hint in the body. The code is in the header in any case.
    """
    text = f"{reply.message}\n\n{reply.code}: {reply.hint}\n" if debug else f"{reply.message}\n"
    return text_error_response(reply, b"text/plain; charset=utf-8", text.encode(errors="replace"))


def text_error_response(reply: ErrorReply, content_type: bytes, body: bytes) -> ErrorResponse:
    """Build the response for an error with a body of its own, such as the debug page."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (ERROR_CODE_HEADER, reply.code.encode("ascii")),
        *reply.fields,
    ]
    if reply.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % reply.retry_after_s))
    return ErrorResponse(reply.status, headers, body)
