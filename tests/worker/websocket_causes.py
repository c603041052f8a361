"""What can end a WebSocket: each cause, with what the client is sent and the application told."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from serverkit_proto.config import ProtoConfig
from serverkit_worker.websocket_endings import (
    ABORTED,
    APP_CLOSED,
    APP_FAILED,
    APP_RETURNED,
    CLIENT_CLOSED,
    CLIENT_CLOSED_WITHOUT_CODE,
    DRAINED,
    IDLE,
    INVALID_DATA,
    LOST,
    NOT_READING,
    PING_TIMEOUT,
    PROTOCOL_ERROR,
    TOO_BIG,
    Ending,
)
from tests.worker.driving import advance
from tests.worker.websocket_driving import (
    BINARY,
    CLOSE,
    TEXT,
    Peer,
    Puppet,
    close_frame,
    config_of,
    frame,
)

type Cause = Callable[[Puppet, Peer], Awaitable[None]]


def sends(data: bytes) -> Cause:
    """Let the client send something."""

    async def cause(app: Puppet, peer: Peer) -> None:
        peer.send(data)

    return cause


async def breaks_down(app: Puppet, peer: Peer) -> None:
    """Let the connection break down."""
    peer.transport.client_leaves()


async def ends(app: Puppet, peer: Peer) -> None:
    """Let the client end its sending side."""
    peer.transport.client_ends()


async def is_silent(app: Puppet, peer: Peer) -> None:
    """Let a ping and then the time for its answer pass."""
    await advance(11)


async def stops_reading(app: Puppet, peer: Peer) -> None:
    """Let the client read nothing of much that it is sent."""
    peer.transport.room = 0
    await app.sending({"type": "websocket.send", "bytes": bytes(100_000)})
    await advance(5)


async def says_nothing(app: Puppet, peer: Peer) -> None:
    """Let no message come or go for long."""
    await advance(31)


async def app_closes(app: Puppet, peer: Peer) -> None:
    """Let the application close, and the client answer."""
    await app.send({"type": "websocket.close", "code": 4321, "reason": "enough"})
    peer.send(close_frame(4321, "enough"))


async def app_returns(app: Puppet, peer: Peer) -> None:
    """Let the application return."""
    app.end.set_result(None)


async def app_raises(app: Puppet, peer: Peer) -> None:
    """Let the application raise."""
    app.end.set_exception(ValueError("boom"))


async def drains(app: Puppet, peer: Peer) -> None:
    """Let the worker come to its end."""
    peer.wire.serving.start_draining("shutdown")


async def aborts(app: Puppet, peer: Peer) -> None:
    """Let the worker end at once."""
    peer.wire.serving.abort()


class Row(NamedTuple):
    """One row of the table."""

    ending: Ending
    cause: Cause
    sent: tuple[int | None, str] | None
    """Code and reason of our close frame, None for no frame."""
    told: tuple[int, str] | None
    """What the application is told, None if there is nobody to tell."""


NO_FRAME = None
ROWS = {
    "code": Row(CLIENT_CLOSED, sends(close_frame(4001, "bye")), (4001, "bye"), (4001, "bye")),
    "code alone": Row(CLIENT_CLOSED, sends(close_frame(1001)), (1001, ""), (1001, "")),
    "no code": Row(CLIENT_CLOSED_WITHOUT_CODE, sends(close_frame(None)), (None, ""), (1005, "")),
    "half a code": Row(PROTOCOL_ERROR, sends(frame(CLOSE, b"\x03")), (1002, "*"), (1002, "*")),
    "forbidden code": Row(PROTOCOL_ERROR, sends(close_frame(1005)), (1002, "*"), (1002, "*")),
    "unknown opcode": Row(PROTOCOL_ERROR, sends(frame(3)), (1002, "*"), (1002, "*")),
    "not masked": Row(PROTOCOL_ERROR, sends(b"\x81\x01a"), (1002, "*"), (1002, "*")),
    "bad reason": Row(INVALID_DATA, sends(frame(CLOSE, b"\x03\xe8\xff")), (1007, "*"), (1007, "*")),
    "bad text": Row(INVALID_DATA, sends(frame(TEXT, b"a\xff")), (1007, "*"), (1007, "*")),
    "too large": Row(TOO_BIG, sends(frame(BINARY, bytes(1001))), (1009, "*"), (1009, "*")),
    "too many frames": Row(
        TOO_BIG,
        sends(frame(TEXT, b"a", fin=False) + frame(0, b"a", fin=False) * 10),
        (1009, "*"),
        (1009, "*"),
    ),
    "no pong": Row(PING_TIMEOUT, is_silent, (1011, "keepalive ping timeout"), (1006, "")),
    "lost": Row(LOST, breaks_down, NO_FRAME, (1006, "")),
    "no close frame": Row(LOST, ends, NO_FRAME, (1006, "")),
    "does not read": Row(NOT_READING, stops_reading, NO_FRAME, (1006, "")),
    "idle": Row(IDLE, says_nothing, (1001, "idle"), (1001, "idle")),
    "application closes": Row(APP_CLOSED, app_closes, (4321, "enough"), (4321, "enough")),
    "application returns": Row(APP_RETURNED, app_returns, (1000, ""), None),
    "application raises": Row(APP_FAILED, app_raises, (1011, ""), None),
    "drain": Row(DRAINED, drains, (1012, "service restart"), (1012, "service restart")),
    "abort": Row(ABORTED, aborts, NO_FRAME, (1006, "")),
}
CONFIGS = {
    "no pong": config_of(websocket_ping_interval=5.0, websocket_ping_timeout=5.0),
    "does not read": config_of(write_timeout=2.0),
    "idle": config_of(websocket_idle_timeout=30.0),
}
SMALL = ProtoConfig(websocket_max_message_size=1000, websocket_max_fragments=10)
