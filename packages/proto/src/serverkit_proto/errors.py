"""What can go wrong on the wire, along two axes: who broke it, and what can still be done.

```
ProtocolError
├── RemoteProtocolError   the peer broke it: status, code and recovery say how to react
│   └── WebSocketError    after the handshake: with the close code the peer is told
└── LocalProtocolError    we or the application broke it: nothing wrong has been sent
```

The codes are stable: they are never renamed nor used for something else.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Recovery(enum.Enum):
    """What can still be done after the peer broke the protocol."""

    ANSWER = "answer"
    """Send a response with the error's status, then close the connection."""
    RESET = "reset"
    """Reset this one stream; the connection goes on (never with HTTP/1)."""
    CLOSE = "close"
    """Close the connection: a response is under way already, or none could be read."""


class ProtocolError(Exception):
    """Somebody broke the protocol.

    Attributes:
        message: What is wrong, in one sentence for people.
        code: The stable name of the error, `SERVERKIT_...`.
    """

    message: str
    code: str

    def __str__(self) -> str:
        return self.message


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Attributes:
        status: The status of the response that tells the peer, if one can still be sent.
        recovery: What can still be done.
        fields: What the response has to have beside its usual fields.
    """

    def __init__(
        self,
        message: str,
        code: str = "SERVERKIT_PARSE_MALFORMED",
        status: int = 400,
        recovery: Recovery = Recovery.ANSWER,
        fields: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message, code, status, recovery, fields)  # all, so that it pickles
        self.message = message
        self.code = code
        self.status = status
        self.recovery = recovery
        self.fields = fields


class WebSocketError(RemoteProtocolError):
    """The peer broke the protocol of WebSocket; the close frame that says so is queued.

    Attributes:
        close_code: What the peer is told: 1002, 1007 or 1009.
        reason: What the peer is told in words.
    """

    def __init__(self, close_code: int, reason: str) -> None:
        code = WEBSOCKET_CODES[close_code]
        super().__init__(reason, code, 400, Recovery.CLOSE)
        self.args = (close_code, reason)
        self.close_code = close_code
        self.reason = reason


class LocalProtocolError(ProtocolError):
    """We, or the application, asked for something that must not be sent.

    Raised before anything of it is sent, so that the connection is as it was before.
    """

    def __init__(self, message: str, code: str = "SERVERKIT_APP_MISUSE") -> None:
        super().__init__(message, code)
        self.message = message
        self.code = code


class Refusal(NamedTuple):
    """How one kind of bad request is answered."""

    status: int
    message: str


WEBSOCKET_CODES: Mapping[int, str] = MappingProxyType(
    {
        1002: "SERVERKIT_WEBSOCKET_PROTOCOL_ERROR",
        1007: "SERVERKIT_WEBSOCKET_INVALID_DATA",
        1009: "SERVERKIT_WEBSOCKET_TOO_BIG",
    }
)
"""Every code a WebSocketError can have, by the close code that the peer is told."""

REFUSALS: Mapping[str, Refusal] = MappingProxyType(
    {
        # The request line (RFC 9112 section 3)
        "SERVERKIT_PARSE_MALFORMED_REQUEST_LINE": Refusal(
            400, "the request line is not 'method SP target SP version'"
        ),
        "SERVERKIT_PARSE_BAD_METHOD": Refusal(400, "the method is not a token"),
        "SERVERKIT_PARSE_CONNECT": Refusal(501, "CONNECT is for proxies"),
        "SERVERKIT_PARSE_BAD_TARGET": Refusal(
            400, "the request target is in none of the forms of RFC 9112 section 3.2"
        ),
        "SERVERKIT_PARSE_TARGET_TOO_LONG": Refusal(414, "the request target is too long"),
        "SERVERKIT_PARSE_BAD_VERSION": Refusal(400, "the version is not 'HTTP/' and two digits"),
        "SERVERKIT_PARSE_UNSUPPORTED_VERSION": Refusal(
            505, "only HTTP/1.0 and HTTP/1.1 are spoken here"
        ),
        "SERVERKIT_PARSE_TOO_MANY_EMPTY_LINES": Refusal(
            400, "there are too many empty lines before the request line"
        ),
        # The fields (RFC 9112 section 5)
        "SERVERKIT_PARSE_BARE_LINE_END": Refusal(400, "a CR or an LF stands alone; lines end CRLF"),
        "SERVERKIT_PARSE_OBSOLETE_FOLDING": Refusal(
            400, "a field line begins with white space (obsolete line folding)"
        ),
        "SERVERKIT_PARSE_BAD_HEADER_NAME": Refusal(
            400, "a field name is not a token directly before its colon"
        ),
        "SERVERKIT_PARSE_BAD_HEADER_VALUE": Refusal(
            400, "a field value contains a control character"
        ),
        "SERVERKIT_PARSE_HEADERS_TOO_LARGE": Refusal(431, "the head of the request is too large"),
        "SERVERKIT_PARSE_TOO_MANY_HEADERS": Refusal(431, "the request has too many header fields"),
        "SERVERKIT_PARSE_MISSING_HOST": Refusal(400, "an HTTP/1.1 request has no Host"),
        "SERVERKIT_PARSE_DUPLICATE_HOST": Refusal(400, "the request has more than one Host"),
        "SERVERKIT_PARSE_BAD_HOST": Refusal(400, "the Host is not 'host' or 'host:port'"),
        # Framing (RFC 9112 section 6)
        "SERVERKIT_PARSE_DUPLICATE_CONTENT_LENGTH": Refusal(
            400, "the request has more than one Content-Length"
        ),
        "SERVERKIT_PARSE_NEGATIVE_CONTENT_LENGTH": Refusal(400, "the Content-Length is negative"),
        "SERVERKIT_PARSE_BAD_CONTENT_LENGTH": Refusal(
            400, "the Content-Length is not 1 to 19 decimal digits"
        ),
        "SERVERKIT_PARSE_SMUGGLING_CL_TE": Refusal(
            400, "the request has both Content-Length and Transfer-Encoding"
        ),
        "SERVERKIT_PARSE_TE_ON_HTTP10": Refusal(400, "an HTTP/1.0 request has Transfer-Encoding"),
        "SERVERKIT_PARSE_BAD_TRANSFER_ENCODING": Refusal(
            400, "the Transfer-Encoding is not one final 'chunked'"
        ),
        "SERVERKIT_PARSE_UNKNOWN_TRANSFER_ENCODING": Refusal(
            501, "the only transfer coding known here is 'chunked'"
        ),
        # The chunked body (RFC 9112 section 7)
        "SERVERKIT_PARSE_BAD_CHUNK_SIZE": Refusal(
            400, "a chunk size is not 1 to 16 hexadecimal digits"
        ),
        "SERVERKIT_PARSE_BAD_CHUNK_EXTENSION": Refusal(400, "a chunk extension is malformed"),
        "SERVERKIT_PARSE_CHUNK_EXTENSIONS_TOO_LARGE": Refusal(
            400, "the chunk extensions are too large"
        ),
        "SERVERKIT_PARSE_BAD_CHUNK_END": Refusal(400, "the data of a chunk does not end with CRLF"),
        "SERVERKIT_PARSE_BAD_TRAILER": Refusal(400, "the trailer section is malformed"),
        "SERVERKIT_PARSE_FORBIDDEN_TRAILER": Refusal(
            400, "a field stands in the trailer section that must not"
        ),
        "SERVERKIT_PARSE_TRAILERS_TOO_LARGE": Refusal(400, "the trailer section is too large"),
        # The end of the connection
        "SERVERKIT_PARSE_INCOMPLETE_HEAD": Refusal(
            400, "the connection ended within the head of a request"
        ),
        "SERVERKIT_PARSE_INCOMPLETE_BODY": Refusal(
            400, "the connection ended within the body of a request"
        ),
        # The handshake of a WebSocket (RFC 6455 section 4.2.1)
        "SERVERKIT_WEBSOCKET_BAD_METHOD": Refusal(400, "a WebSocket is asked for with GET only"),
        "SERVERKIT_WEBSOCKET_BODY": Refusal(400, "the handshake of a WebSocket has no body"),
        "SERVERKIT_WEBSOCKET_BAD_VERSION": Refusal(
            426, "the only version of WebSocket spoken here is 13"
        ),
        "SERVERKIT_WEBSOCKET_BAD_KEY": Refusal(
            400, "the handshake has not one Sec-WebSocket-Key of 16 bytes in base64"
        ),
        "SERVERKIT_WEBSOCKET_BAD_SUBPROTOCOL": Refusal(
            400, "Sec-WebSocket-Protocol is not a list of different tokens"
        ),
        "SERVERKIT_WEBSOCKET_BAD_EXTENSION": Refusal(
            400, "Sec-WebSocket-Extensions is not a list of extensions with parameters"
        ),
        # The other engine
        "SERVERKIT_PARSE_H11_REJECTED": Refusal(400, "h11 refused the request"),
    }
)
"""Every code a RemoteProtocolError can have, with its status and message."""


def refuse(name: str) -> RemoteProtocolError:
    """Make the error for a bad request.

    Args:
        name: A key of REFUSALS without its prefix, such as "BAD_METHOD".
    """
    code = f"SERVERKIT_PARSE_{name}"
    status, message = REFUSALS[code]
    return RemoteProtocolError(message, code, status)


def refuse_handshake(
    name: str, fields: tuple[tuple[bytes, bytes], ...] = ()
) -> RemoteProtocolError:
    """Make the error for a bad handshake of a WebSocket.

    Args:
        name: A key of REFUSALS without its prefix, such as "BAD_KEY".
        fields: What the answer has to have beside its usual fields.
    """
    code = f"SERVERKIT_WEBSOCKET_{name}"
    status, message = REFUSALS[code]
    return RemoteProtocolError(message, code, status, Recovery.ANSWER, fields)
