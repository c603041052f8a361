"""HTTP bytes to protocol events and back, without I/O, clock, threads or logging."""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import HTTPConnection, new_connection
from serverkit_proto.errors import (
    LocalProtocolError,
    ProtocolError,
    Recovery,
    RemoteProtocolError,
    WebSocketError,
)
from serverkit_proto.events import BodyReceived, Event, Headers, RequestReceived
from serverkit_proto.response import (
    InformationalHead,
    ResponseHead,
    ResponseHeads,
    make_trailers,
)
from serverkit_proto.websocket import (
    CloseReceived,
    MessageReceived,
    PongReceived,
    WebSocket,
    WebSocketEvent,
)
from serverkit_proto.websocket_deflate import DeflateParameters
from serverkit_proto.websocket_handshake import (
    Handshake,
    accept_head,
    is_websocket_upgrade,
    read_handshake,
)

__all__ = (
    "BodyReceived",
    "CloseReceived",
    "DeflateParameters",
    "Event",
    "HTTPConnection",
    "Handshake",
    "Headers",
    "InformationalHead",
    "LocalProtocolError",
    "MessageReceived",
    "PongReceived",
    "ProtoConfig",
    "ProtocolError",
    "Recovery",
    "RemoteProtocolError",
    "RequestReceived",
    "ResponseHead",
    "ResponseHeads",
    "WebSocket",
    "WebSocketError",
    "WebSocketEvent",
    "__version__",
    "accept_head",
    "is_websocket_upgrade",
    "make_trailers",
    "new_connection",
    "read_handshake",
)

__version__ = "0.1.0"
