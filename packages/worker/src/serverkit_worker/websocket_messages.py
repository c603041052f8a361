"""What an application may send of a WebSocket, and when: the order as a table, the values checked.

Source: ASGI HTTP & WebSocket message format 2.5, "WebSocket"; ASGI extension "Websocket Denial
Response".
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

from serverkit_worker.errors import ASGIMessageError

CONNECT: Final = "websocket.connect"
ACCEPT: Final = "websocket.accept"
RECEIVE: Final = "websocket.receive"
SEND: Final = "websocket.send"
DISCONNECT: Final = "websocket.disconnect"
CLOSE: Final = "websocket.close"
DENIAL_START: Final = "websocket.http.response.start"
DENIAL_BODY: Final = "websocket.http.response.body"


class WebSocketState(enum.Enum):
    """How far the application is with its WebSocket."""

    CONNECTING = "not accepted yet"
    DENYING = "denied, its response under way"
    DENIED = "denied"
    OPEN = "open"
    CLOSED = "closed by the application"


# What may be sent in each state; anything else is the application's mistake.
WEBSOCKET_STATES: Final[Mapping[WebSocketState, tuple[str, ...]]] = {
    WebSocketState.CONNECTING: (ACCEPT, CLOSE, DENIAL_START),
    WebSocketState.DENYING: (DENIAL_BODY,),
    WebSocketState.DENIED: (),
    WebSocketState.OPEN: (SEND, CLOSE),
    WebSocketState.CLOSED: (),
}


def check_websocket_order(state: WebSocketState, kind: object) -> str:
    """Return the type of a message that may be sent now.

    Args:
        state: how far the application is.
        kind: the message's type as the application gave it.

    Raises:
        ASGIMessageError: it is no text, unknown, or not its turn.
    """
    allowed = WEBSOCKET_STATES[state]
    if isinstance(kind, str) and kind in allowed:
        return kind
    expected = " or ".join(repr(name) for name in allowed) or "nothing more"
    raise ASGIMessageError(f"{expected} (the WebSocket is {state.value})", repr(kind))


def payload_of(message: Mapping[str, Any]) -> str | bytes:
    """Return what a message is to send.

    Raises:
        ASGIMessageError: it has neither text nor bytes, both, or something else in their place.
    """
    text, data = message.get("text"), message.get("bytes")
    if text is None and data is None:
        raise ASGIMessageError(f"'text' or 'bytes' in {SEND!r}", "neither")
    if text is not None and data is not None:
        raise ASGIMessageError(f"'text' or 'bytes' in {SEND!r}", "both")
    if data is None:
        if not isinstance(text, str):
            raise ASGIMessageError(f"a str as 'text' of {SEND!r}", type(text).__name__)
        return text
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    raise ASGIMessageError(f"bytes as 'bytes' of {SEND!r}", type(data).__name__)


def close_of(message: Mapping[str, Any]) -> tuple[int, str]:
    """Return code and reason of a message that closes; which codes are right, RFC 6455 says.

    Raises:
        ASGIMessageError: the code is no int, or the reason no str.
    """
    code, reason = message.get("code"), message.get("reason")
    if code is None:
        code = 1000
    if not isinstance(code, int) or isinstance(code, bool):
        raise ASGIMessageError(f"an int as 'code' of {CLOSE!r}", type(code).__name__)
    if reason is None:
        reason = ""
    if not isinstance(reason, str):
        raise ASGIMessageError(f"a str as 'reason' of {CLOSE!r}", type(reason).__name__)
    return int(code), reason


def accept_of(message: Mapping[str, Any]) -> tuple[str | None, list[tuple[bytes, bytes]]]:
    """Return subprotocol and headers of a message that accepts; they are judged elsewhere.

    Raises:
        ASGIMessageError: the subprotocol is no str, or the headers are no pairs.
    """
    subprotocol = message.get("subprotocol")
    if subprotocol is not None and not isinstance(subprotocol, str):
        raise ASGIMessageError(f"a str as 'subprotocol' of {ACCEPT!r}", type(subprotocol).__name__)
    headers: Iterable[tuple[bytes, bytes]] | None = message.get("headers")
    try:
        fields = [(name, value) for name, value in headers or ()]
    except (TypeError, ValueError):
        raise ASGIMessageError(f"pairs as 'headers' of {ACCEPT!r}", repr(headers)) from None
    return subprotocol, fields
