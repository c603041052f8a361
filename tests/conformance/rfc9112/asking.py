"""Makes a connection that has been asked, and reads its answer as a client does."""

import h11

from serverkit_proto.config import Http1Engine, ProtoConfig
from serverkit_proto.connection import HTTPConnection, new_connection

HOST = b" / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b" / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


def asked(engine: Http1Engine, data: bytes) -> HTTPConnection:
    """Return a connection that has read one request."""
    connection = new_connection(ProtoConfig(http1=engine))
    connection.receive_data(data)
    assert connection.next_event() is not None
    return connection


def answer(data: bytes, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes, bool]:
    """Read a response as h11 does: status, fields, body, and whether its end was seen."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    fields = dict(response.headers)
    return response.status_code, fields, body, isinstance(event, h11.EndOfMessage)
