"""What an application may send of a response, and when: the order as a table, the values checked.

Source: ASGI HTTP & WebSocket message format 2.5, "HTTP"; ASGI extensions "Early Hint",
"HTTP Trailers", "Path Send", "Debug".
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

from serverkit_worker.errors import ASGIMessageError

START: Final = "http.response.start"
BODY: Final = "http.response.body"
TRAILERS: Final = "http.response.trailers"
EARLY_HINT: Final = "http.response.early_hint"
PATHSEND: Final = "http.response.pathsend"
DEBUG: Final = "http.response.debug"


class ResponseState(enum.Enum):
    """How far the application is with its response."""

    NOT_STARTED = "not started"
    HEAD_HELD = "started, no body yet"
    HEAD_HELD_TRAILERS = "started, no body yet, trailers announced"
    STREAMING = "body under way"
    STREAMING_TRAILERS = "body under way, trailers announced"
    TRAILERS_DUE = "body complete, trailers to come"
    COMPLETE = "complete"


# What may be sent in each state; anything else is the application's mistake.
RESPONSE_STATES: Final[Mapping[ResponseState, tuple[str, ...]]] = {
    ResponseState.NOT_STARTED: (START, EARLY_HINT, DEBUG),
    ResponseState.HEAD_HELD: (BODY, PATHSEND),
    ResponseState.HEAD_HELD_TRAILERS: (BODY, PATHSEND),
    ResponseState.STREAMING: (BODY,),
    ResponseState.STREAMING_TRAILERS: (BODY,),
    ResponseState.TRAILERS_DUE: (TRAILERS,),
    ResponseState.COMPLETE: (),
}

# Messages of extensions, which only an exchange that offers the extension takes.
_EXTENSION_MESSAGES: Final = frozenset({EARLY_HINT, PATHSEND, DEBUG})


def check_order(state: ResponseState, kind: object, extensions: Mapping[str, object]) -> str:
    """Return the type of a message that may be sent now.

    Args:
        state: how far the response is.
        kind: the message's type as the application gave it.
        extensions: as in the scope, by name.

    Raises:
        ASGIMessageError: it is no text, unknown, not offered, or not its turn.
    """
    allowed = RESPONSE_STATES[state]
    if not isinstance(kind, str) or kind not in allowed:
        expected = " or ".join(repr(name) for name in allowed) or "nothing more"
        raise ASGIMessageError(f"{expected} (the response is {state.value})", repr(kind))
    if kind in _EXTENSION_MESSAGES and kind not in extensions:
        raise ASGIMessageError("only what scope['extensions'] offers", repr(kind))
    return kind


def body_of(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a body message.

    Raises:
        ASGIMessageError: the body is not bytes.
    """
    body = message.get("body", b"")
    if isinstance(body, bytes):
        return body
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    raise ASGIMessageError(f"bytes as 'body' of {BODY!r}", type(body).__name__)


def trailers_of(message: Mapping[str, Any]) -> tuple[list[tuple[bytes, bytes]], bool]:
    """Return the fields of a trailers message, and whether more of them follow.

    Raises:
        ASGIMessageError: the fields are no pairs.
    """
    headers: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
    try:
        fields = [(name, value) for name, value in headers]
    except (TypeError, ValueError):
        raise ASGIMessageError(f"pairs as 'headers' of {TRAILERS!r}", repr(headers)) from None
    return fields, bool(message.get("more_trailers"))


def early_hint_fields(message: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return the fields of the 103 response that an early hint asks for.

    Raises:
        ASGIMessageError: a link is not bytes.
    """
    links = message.get("links", ())
    if not isinstance(links, Iterable):
        raise ASGIMessageError(f"an iterable as 'links' of {EARLY_HINT!r}", type(links).__name__)
    links = list(links)
    for link in links:
        if not isinstance(link, bytes):
            raise ASGIMessageError(f"bytes in 'links' of {EARLY_HINT!r}", type(link).__name__)
    return [(b"link", link) for link in links]


def path_of(message: Mapping[str, Any]) -> str:
    """Return the path of a pathsend message.

    Raises:
        ASGIMessageError: it is not a text.
    """
    path = message.get("path")
    if not isinstance(path, str):
        raise ASGIMessageError(f"a str as 'path' of {PATHSEND!r}", type(path).__name__)
    return path
