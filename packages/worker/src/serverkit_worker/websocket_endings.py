"""How WebSockets end: by each cause, what the client is sent and what the application is told.

Source: RFC 6455 section 7.4; ASGI HTTP & WebSocket message format 2.5, "Disconnect".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from serverkit_worker.observation import EndReason, StreamEndReason

# What an application is told where there was no close frame, or none with a code.
NO_CLOSE_FRAME: Final = 1006
NO_STATUS: Final = 1005


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One row of the table.

    Args:
        cause: why a WebSocket ends.
        sent: the code of our close frame; None: nothing is sent, or not for us to choose.
        told: the code the application is told; None: nobody is told, or not for us to choose.
        reason: in words, for both.
        sent_note: what the documentation says of `sent` where it is None.
        told_note: what the documentation says of `told` where it is None.
        stream: how collectors see the end of the stream.
        connection: how collectors see the end of its connection.
    """

    cause: str
    sent: int | None = None
    told: int | None = None
    reason: str = ""
    sent_note: str = "nothing"
    told_note: str = "nothing: it has ended"
    stream: StreamEndReason = "complete"
    connection: EndReason = "complete"


CLIENT_CLOSED = Ending(
    cause="the client closes with a code",
    sent_note="the client's code and reason",
    told_note="the client's code and reason",
)
CLIENT_CLOSED_WITHOUT_CODE = Ending(
    cause="the client closes without a code",
    told=NO_STATUS,
    sent_note="a close frame without a code",
)
PROTOCOL_ERROR = Ending(
    cause="the client breaks the protocol, or sends a close code that must not be sent",
    sent=1002,
    told=1002,
    stream="error",
    connection="error",
)
INVALID_DATA = Ending(
    cause="a text or a reason is not UTF-8, or deflated data cannot be inflated",
    sent=1007,
    told=1007,
    stream="error",
    connection="error",
)
TOO_BIG = Ending(
    cause="a message is larger than `websocket_max_message_size`, or has more frames than "
    "`websocket_max_fragments`",
    sent=1009,
    told=1009,
    stream="error",
    connection="error",
)
PING_TIMEOUT = Ending(
    cause="the client is silent for `websocket_ping_timeout` after a ping",
    sent=1011,
    told=NO_CLOSE_FRAME,
    reason="keepalive ping timeout",
    stream="client_disconnect",
    connection="timeout",
)
LOST = Ending(
    cause="the connection breaks down, or ends without a close frame",
    told=NO_CLOSE_FRAME,
    stream="client_disconnect",
    connection="client_disconnect",
)
NOT_READING = Ending(
    cause="the client reads too little for `write_timeout`",
    told=NO_CLOSE_FRAME,
    sent_note="nothing: the connection is reset",
    stream="client_disconnect",
    connection="write_timeout",
)
IDLE = Ending(
    cause="there is no message for `websocket_idle_timeout`",
    sent=1001,
    told=1001,
    reason="idle",
    connection="timeout",
)
APP_CLOSED = Ending(
    cause="the application closes",
    sent_note="the application's code and reason",
    told_note="the client's code and reason; its own where the client does not answer",
)
APP_RETURNED = Ending(cause="the application returns without closing", sent=1000)
APP_FAILED = Ending(cause="the application raises", sent=1011, stream="error", connection="error")
DRAINED = Ending(
    cause="the server stops, or a newer worker takes over",
    sent=1012,
    told=1012,
    reason="service restart",
    stream="drain",
)
ABORTED = Ending(
    cause="the server is cut short, or a drain takes longer than `shutdown_timeout` or "
    "`reload_timeout`",
    told=NO_CLOSE_FRAME,
    sent_note="nothing: the connection is reset",
    stream="drain",
    connection="error",
)

ENDINGS: Final[tuple[Ending, ...]] = (
    CLIENT_CLOSED,
    CLIENT_CLOSED_WITHOUT_CODE,
    PROTOCOL_ERROR,
    INVALID_DATA,
    TOO_BIG,
    PING_TIMEOUT,
    LOST,
    NOT_READING,
    IDLE,
    APP_CLOSED,
    APP_RETURNED,
    APP_FAILED,
    DRAINED,
    ABORTED,
)
"""The table."""

BROKEN_BY_CLIENT: Final[Mapping[int, Ending]] = MappingProxyType(
    {1002: PROTOCOL_ERROR, 1007: INVALID_DATA, 1009: TOO_BIG}
)
"""By the close code that the protocol has chosen."""
