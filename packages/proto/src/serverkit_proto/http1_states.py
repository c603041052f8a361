"""The states of an HTTP/1 connection: of the request that is read, of the response that is sent.

Rules:
    The two halves meet in two places only. A head that is read makes the response AWAITED; a
    response that is complete lets the next request be read, or none any more.
    What a caller may ask for is ALLOWED; everything else is a LocalProtocolError.

Reading, with who moves it on:

    HEAD -> LENGTH | CHUNKED | COMPLETE      the head, by what it says of the body
    LENGTH | CHUNKED -> COMPLETE | HEAD      the end of the body; HEAD if the response was first
    COMPLETE -> HEAD | CLOSED                the end of the response, by keep_alive
    LENGTH | CHUNKED -> ABANDONED            the end of a response without keep_alive
    HEAD -> CLOSED                           the end of the stream
    COMPLETE -> CLOSED                       a switch of protocols
    any -> ABANDONED                         an error of the peer
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType


class Reading(enum.Enum):
    """How far the request is."""

    HEAD = enum.auto()
    """Between messages, or within a head."""
    LENGTH = enum.auto()
    """Within a body of declared length."""
    CHUNKED = enum.auto()
    """Within a chunked body."""
    COMPLETE = enum.auto()
    """The request is complete; the next one waits for the end of the response."""
    CLOSED = enum.auto()
    """After the last message; nothing that comes is read any more."""
    ABANDONED = enum.auto()
    """Within a message; nothing that comes is read any more."""

    __hash__ = object.__hash__  # that of Enum is a Python function: slow


class Writing(enum.Enum):
    """How far the response is."""

    IDLE = enum.auto()
    """There is no request to respond to, or its response is complete."""
    AWAITED = enum.auto()
    COUNTED = enum.auto()
    """Within a body of declared length."""
    CHUNKED = enum.auto()
    UNTIL_CLOSE = enum.auto()
    """Within a body that the end of the connection ends."""
    BODYLESS = enum.auto()
    """Within the body of a response that has none: what is sent of it is dropped."""
    TRAILERS = enum.auto()
    """The chunks are complete, the trailer section is not sent yet."""
    DROPPED_TRAILERS = enum.auto()
    """The body is complete; it is not chunked, so the trailers to come are dropped."""

    __hash__ = object.__hash__


class Action(enum.Enum):
    """What a caller may ask for."""

    INFORM = "an interim response"
    START = "the response"
    BODY = "body data"
    TRAILERS = "trailers"
    SWITCH = "a switch of protocols"

    __hash__ = object.__hash__


_IN_BODY = frozenset({Action.BODY, Action.TRAILERS})
ALLOWED: Mapping[Writing, frozenset[Action]] = MappingProxyType(
    {
        Writing.IDLE: frozenset(),
        Writing.AWAITED: frozenset({Action.INFORM, Action.START, Action.SWITCH}),
        Writing.COUNTED: _IN_BODY,
        Writing.CHUNKED: _IN_BODY,
        Writing.UNTIL_CLOSE: _IN_BODY,
        Writing.BODYLESS: _IN_BODY,
        Writing.TRAILERS: frozenset({Action.TRAILERS}),
        Writing.DROPPED_TRAILERS: frozenset({Action.TRAILERS}),
    }
)
"""What may be sent when."""
