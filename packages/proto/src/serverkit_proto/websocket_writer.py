"""The sending half of a WebSocket: messages in, bytes out."""

from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.outgoing import LARGE, join_small
from serverkit_proto.websocket_deflate import SMALLEST_DEFLATED, Deflater
from serverkit_proto.websocket_states import ALLOWED, TRANSITIONS, Action, Event, State

MAX_PONGS = 64
"""So many pongs wait to be sent; beyond that only the latest pings are answered."""
MAX_REASON_SIZE = 123
"""Largest reason of a close frame in bytes."""
MAX_CONTROL_SIZE = 125
"""Largest payload of a control frame, and the largest size a header of two bytes can say."""
NO_CODE = 1005
"""Stands for the code of a close frame that has none; never sent."""

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A  # first bytes, with FIN
_RSV1 = 0x40
_TEXT_HEADERS = tuple(bytes((_TEXT, size)) for size in range(MAX_CONTROL_SIZE + 1))
_BINARY_HEADERS = tuple(bytes((_BINARY, size)) for size in range(MAX_CONTROL_SIZE + 1))
_FORBIDDEN_CODES = frozenset({1004, NO_CODE, 1006, 1015})

# Looked up for every message: as globals in half the time.
_OPEN = State.OPEN


class MessageWriter:
    """Turns messages into frames.

    The reading half is a subclass: it answers pings and close frames.

    Owner: the worker's connection; one thread at a time.

    Attributes:
        has_pongs: Answers to pings are to be sent.
        holds_answer: Set by the owner, who calls `answer` then, so that messages that answer to
            those before the peer's end can still be sent.

    Source: RFC 6455 sections 5 and 6, RFC 7692 section 7.2.1.
    """

    __slots__ = (
        "_answer_due",
        "_deflater",
        "_out",
        "_pongs",
        "_state",
        "has_pongs",
        "holds_answer",
    )

    def __init__(self, deflater: Deflater | None) -> None:
        self._deflater = deflater
        self._state = State.OPEN
        self._out: list[bytes] = []
        self._pongs: list[bytes] = []
        self._answer_due: tuple[Event, int, str] | None = None
        self.has_pongs = False
        self.holds_answer = False

    def send_message(self, data: str | bytes) -> None:
        """Send a message: text or binary, by its type.

        Raises:
            LocalProtocolError: It cannot be encoded in UTF-8, or the WebSocket is not open.
                Nothing is sent then.
        """
        if self._state is not _OPEN:
            self._require(Action.MESSAGE)
        first, headers = _BINARY, _BINARY_HEADERS
        if isinstance(data, str):
            first, headers = _TEXT, _TEXT_HEADERS
            try:
                data = data.encode()
            except UnicodeEncodeError as error:
                raise LocalProtocolError(
                    f"a text cannot be encoded in UTF-8: {error}", "SERVERKIT_APP_BAD_MESSAGE"
                ) from None
        size = len(data)
        if size >= SMALLEST_DEFLATED and self._deflater is not None:
            self._queue(first | _RSV1, self._deflater.deflate(data))
        elif size <= MAX_CONTROL_SIZE:
            self._out.append(headers[size] + data)
        else:
            self._queue(first, data)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping.

        Args:
            payload: At most 125 bytes; comes back with the pong.

        Raises:
            LocalProtocolError: The payload is too long, or the WebSocket is not open.
        """
        self._require(Action.PING)
        if len(payload) > MAX_CONTROL_SIZE:
            raise LocalProtocolError(f"a ping has at most 125 bytes, not {len(payload)}")
        self._queue(_PING, payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, the last but for pongs.

        Args:
            code: Says why (RFC 6455 section 7.4).
            reason: Says more; cut to 123 bytes, at the end of a character.

        Raises:
            LocalProtocolError: The code must not be sent, or the WebSocket is not open.
        """
        self._require(Action.CLOSE)
        if not _may_be_sent(code):
            raise LocalProtocolError(
                f"the close code must be from 1000 to 4999 and none of "
                f"{sorted(_FORBIDDEN_CODES)}, not {code!r}",
                "SERVERKIT_APP_BAD_CLOSE_CODE",
            )
        self._queue_close(code, reason)
        self._follow(Event.CLOSE_SENT)

    def answer(self) -> None:
        """Queue the close frame that answers to the peer's end, if one is due; only once."""
        if self._answer_due is None:
            return
        event, code, reason = self._answer_due
        self._answer_due = None
        if Action.CLOSE in ALLOWED[self._state]:
            self._queue_close(code, reason)
        self._follow(event)

    def data_to_send(self) -> list[bytes]:
        """Take the bytes to write now, in order: small ones joined, large ones not copied."""
        if self.has_pongs:
            self._queue_pongs()
        out = self._out
        self._out = []
        return out if len(out) < 2 else join_small(out)

    # What a caller sees.

    @property
    def close_sent(self) -> bool:
        """Whether our close frame is sent or queued, so that nothing more can be sent."""
        return self._state is not State.OPEN

    @property
    def close_received(self) -> bool:
        """Whether the peer's close frame has come."""
        return self._state is State.CLOSED

    # What follows what the peer sends; only for the reading half.

    def _answer_ping(self, payload: bytes) -> None:
        if len(self._pongs) == MAX_PONGS:
            del self._pongs[0]  # RFC 6455 section 5.5.3: the most recent one may answer for it
        self._pongs.append(payload)
        self.has_pongs = True

    def _end(self, event: Event, code: int, reason: str) -> None:
        """Close because of the peer, unless we have closed already."""
        self._answer_due = event, code, reason
        if not self.holds_answer:
            self.answer()

    # How it is done.

    def _require(self, action: Action) -> None:
        if action not in ALLOWED[self._state]:
            raise LocalProtocolError(
                f"{action.value} cannot be sent now: the WebSocket is {self._state.name}"
            )

    def _follow(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]

    def _queue(self, first: int, payload: bytes) -> None:
        size = len(payload)
        if size <= MAX_CONTROL_SIZE:
            self._out.append(b"%c%c%b" % (first, size, payload))
        elif size < LARGE:
            self._out.append(b"%c\x7e%b%b" % (first, size.to_bytes(2), payload))
        else:
            self._out += (b"%c\x7f%b" % (first, size.to_bytes(8)), payload)

    def _queue_pongs(self) -> None:
        for payload in self._pongs:
            self._queue(_PONG, payload)
        self._pongs.clear()
        self.has_pongs = False

    def _queue_close(self, code: int, reason: str) -> None:
        self._queue_pongs()
        payload = b""
        if code != NO_CODE:
            cut = reason.encode("utf-8", "replace")[:MAX_REASON_SIZE]
            whole = cut.decode("utf-8", "ignore")  # without a character that was cut
            payload = code.to_bytes(2) + whole.encode()
        self._queue(_CLOSE, payload)


def _may_be_sent(code: object) -> bool:
    return isinstance(code, int) and 1000 <= code < 5000 and code not in _FORBIDDEN_CODES
