"""What a connection says it has received.

Named tuples, because two of them are made for every request and a frozen dataclass takes
several times as long to make: docs/decisions/0002-events-are-named-tuples.md.
"""

from typing import NamedTuple

type Headers = list[tuple[bytes, bytes]]
"""Fields in the order they came: lower-case name, value without surrounding white space."""


class RequestReceived(NamedTuple):
    """The head of a request.

    Source: RFC 9112 sections 2 to 6, RFC 9110 section 10.1.
    """

    method: str
    """As sent: methods are case-sensitive."""
    target: bytes
    """As sent."""
    raw_path: bytes
    """The path of the target, still percent-encoded, without the query; b"*" for the server."""
    query_string: bytes
    """Without the question mark; empty when there is none."""
    headers: Headers
    """Owned by the receiver. A target in absolute form has replaced the Host."""
    http_version: str
    """"1.0" or "1.1"."""
    content_length: int | None
    """Declared length of the body in bytes; None for no body, or a chunked one."""
    end: bool
    """No body follows."""
    expect_continue: bool
    """The client waits for 100 (Continue) before it sends the body."""
    accepts_trailers: bool
    """The client said `TE: trailers`."""
    upgrade: bool
    """HTTP/1.1 with the connection option "upgrade": the client asks for what the field Upgrade
    lists (RFC 9110 section 7.8)."""


class BodyReceived(NamedTuple):
    """A piece of the body of the request."""

    data: bytes
    """May be empty."""
    more: bool
    """False: the request is complete."""
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    """The trailer fields of a chunked body, with its last piece."""


type Event = RequestReceived | BodyReceived
