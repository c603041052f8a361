"""HTTP bytes to protocol events and back, without I/O, clock, threads or logging."""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import HTTPConnection, new_connection
from serverkit_proto.errors import (
    LocalProtocolError,
    ProtocolError,
    Recovery,
    RemoteProtocolError,
)
from serverkit_proto.events import BodyReceived, Event, Headers, RequestReceived
from serverkit_proto.response import (
    InformationalHead,
    ResponseHead,
    ResponseHeads,
    make_trailers,
)

__all__ = (
    "BodyReceived",
    "Event",
    "HTTPConnection",
    "Headers",
    "InformationalHead",
    "LocalProtocolError",
    "ProtoConfig",
    "ProtocolError",
    "Recovery",
    "RemoteProtocolError",
    "RequestReceived",
    "ResponseHead",
    "ResponseHeads",
    "__version__",
    "make_trailers",
    "new_connection",
)

__version__ = "0.1.0"
