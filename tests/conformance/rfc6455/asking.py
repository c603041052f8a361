"""Handshakes as clients send them, and what is answered."""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import new_connection
from serverkit_proto.errors import RemoteProtocolError
from serverkit_proto.events import RequestReceived
from serverkit_proto.response import InformationalHead, ResponseHeads
from serverkit_proto.websocket_handshake import (
    Handshake,
    accept_head,
    is_websocket_upgrade,
    read_handshake,
)
from tests.proto.driving import octets

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
FIELDS = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
CONFIG = ProtoConfig()


def asked(
    *more: tuple[str, str],
    line: str = "GET /chat HTTP/1.1",
    after: bytes = b"",
    whole: bool = True,
    **changed: str | None,
) -> RequestReceived:
    """Return a handshake as HTTP reads it; fields are changed, or left out with None."""
    data = written(*more, line=line, **changed) + after
    connection = new_connection(CONFIG)
    for piece in [data] if whole else octets(data):
        connection.receive_data(piece)
        event = connection.next_event()
        if event is not None:
            assert isinstance(event, RequestReceived)
            return event
    raise AssertionError


def written(
    *more: tuple[str, str], line: str = "GET /chat HTTP/1.1", **changed: str | None
) -> bytes:
    """Return a handshake as bytes."""
    fields = dict(FIELDS)
    for name, value in changed.items():
        known = next(known for known in FIELDS if known.lower() == name.replace("_", "-"))
        if value is None:
            del fields[known]
        else:
            fields[known] = value
    lines = [line, *(f"{name}: {value}" for name, value in [*fields.items(), *more])]
    return "".join(f"{each}\r\n" for each in lines).encode("latin-1") + b"\r\n"


def understood(request: RequestReceived, config: ProtoConfig = CONFIG) -> Handshake:
    """Return what the handshake says."""
    assert is_websocket_upgrade(request)
    return read_handshake(request, config)


def refused(request: RequestReceived) -> RemoteProtocolError:
    """Return the error with which a handshake is refused."""
    assert is_websocket_upgrade(request)
    try:
        read_handshake(request, CONFIG)
    except RemoteProtocolError as error:
        return error
    raise AssertionError


def accepted(
    handshake: Handshake,
    *fields: tuple[bytes, bytes],
    subprotocol: str | None = None,
    heads: ResponseHeads | None = None,
) -> InformationalHead:
    """Return the head of the response that accepts."""
    return accept_head(heads or ResponseHeads(), handshake, subprotocol=subprotocol, fields=fields)
