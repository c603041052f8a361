"""The limits of the protocol layer."""

from dataclasses import dataclass
from typing import Literal, get_args

type Http1Engine = Literal["fast", "h11"]

_POSITIVE = (
    "max_header_size",
    "max_headers",
    "max_target_size",
    "websocket_max_message_size",
    "websocket_max_fragments",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoConfig:
    """What a peer may ask for, and which engine reads it.

    Attributes:
        max_header_size: Largest head of a request in bytes, with request line and empty line
            (else 431); also the largest trailer section.
        max_headers: Most header fields of a request (else 431), and most trailer fields.
        max_target_size: Longest request target in bytes (else 414).
        http1: Which engine reads HTTP/1: "fast" is ours, "h11" reads with the h11 package.
        websocket_max_message_size: Largest message of a WebSocket in bytes, after inflating (else
            it is closed with 1009).
        websocket_max_fragments: Most frames of one message (else closed with 1009).
        websocket_compression: Whether permessage-deflate is agreed to where it is offered.

    Raises:
        ValueError: A value is out of range; the message names field and value.
    """

    max_header_size: int = 65_536
    max_headers: int = 100
    max_target_size: int = 16_384
    http1: Http1Engine = "fast"
    websocket_max_message_size: int = 16_777_216
    websocket_max_fragments: int = 100_000
    websocket_compression: bool = True

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a positive integer, not {value!r}")
        if type(self.websocket_compression) is not bool:
            raise ValueError(
                f"websocket_compression must be a bool, not {self.websocket_compression!r}"
            )
        engines = get_args(Http1Engine.__value__)
        if self.http1 not in engines:
            raise ValueError(f"http1 must be one of {engines}, not {self.http1!r}")
