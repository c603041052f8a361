"""The states of a WebSocket after its handshake, as one of its two ends sees them.

Rules:
    What a caller may ask for is ALLOWED; everything else is a LocalProtocolError.
    Whoever closes, one close frame is sent, and nothing but pongs after it.
    After the peer's close frame, or an error of the peer, nothing is read any more.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.Enum):
    """How far the WebSocket is."""

    OPEN = enum.auto()
    """Messages go both ways."""
    CLOSING = enum.auto()
    """Our close frame is sent; messages of the peer may come until it has answered."""
    CLOSED = enum.auto()
    """The close frames of both ends are sent and received."""
    FAILED = enum.auto()
    """The peer broke the protocol; it has been told so, unless our close frame was sent before."""

    __hash__ = object.__hash__  # that of Enum is a Python function: slow


class Event(enum.Enum):
    """What changes the state."""

    CLOSE_SENT = "we close"
    CLOSE_RECEIVED = "the peer closes"
    ERROR = "the peer breaks the protocol"

    __hash__ = object.__hash__


class Action(enum.Enum):
    """What a caller may ask for."""

    MESSAGE = "a message"
    PING = "a ping"
    CLOSE = "a close frame"

    __hash__ = object.__hash__


TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.OPEN: MappingProxyType(
            {
                Event.CLOSE_SENT: State.CLOSING,
                Event.CLOSE_RECEIVED: State.CLOSED,
                Event.ERROR: State.FAILED,
            }
        ),
        State.CLOSING: MappingProxyType(
            {Event.CLOSE_RECEIVED: State.CLOSED, Event.ERROR: State.FAILED}
        ),
        State.CLOSED: MappingProxyType({}),
        State.FAILED: MappingProxyType({}),
    }
)
"""What follows in each state."""

ALLOWED: Mapping[State, frozenset[Action]] = MappingProxyType(
    {
        State.OPEN: frozenset(Action),
        State.CLOSING: frozenset(),
        State.CLOSED: frozenset(),
        State.FAILED: frozenset(),
    }
)
"""What may be sent when."""
