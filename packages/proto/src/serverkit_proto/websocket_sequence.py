"""What the frames of a message have to keep to: their order, their number and their size."""

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError

CONTINUATION, TEXT = 0, 1
"""Opcodes (RFC 6455 section 5.2)."""


class FrameSequence:
    """Follows the data frames of a WebSocket, whoever reads them.

    Owner: one WebSocket.

    Attributes:
        in_message: A message has begun and is not complete.
        is_text: That message is a text.
        is_deflated: That message is deflated.
    """

    __slots__ = (
        "_fragments",
        "_max_fragments",
        "_max_size",
        "_size",
        "in_message",
        "is_deflated",
        "is_text",
    )

    def __init__(self, config: ProtoConfig) -> None:
        self.in_message = self.is_text = self.is_deflated = False
        self._max_size = config.websocket_max_message_size
        self._max_fragments = config.websocket_max_fragments
        self._size = 0  # of the message, as it is sent
        self._fragments = 0

    def begin_frame(self, opcode: int, length: int, *, is_deflated: bool) -> None:
        """Count a data frame.

        Args:
            opcode: 0, 1 or 2.
            length: Of its payload, in bytes.
            is_deflated: It says so of the message that it begins.

        Raises:
            WebSocketError: It must not come here (1002), or makes the message too large as it is
                sent, or one of too many frames (1009). What is inflated is not counted here.

        Source: RFC 6455 section 5.4.
        """
        if opcode == CONTINUATION:
            if not self.in_message:
                raise WebSocketError(1002, "a continuation frame continues nothing")
        elif self.in_message:
            raise WebSocketError(1002, "a message begins before the end of the last one")
        else:
            self.in_message = True
            self.is_text = opcode == TEXT
            self.is_deflated = is_deflated
            self._size = self._fragments = 0
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise WebSocketError(1009, "a message has too many fragments")
        self._size += length
        if self._size > self._max_size and not self.is_deflated:
            raise WebSocketError(1009, "a message is too large")

    def end_frame(self, *, fin: bool) -> None:
        """Take note of the end of a data frame: with `fin` of its message as well."""
        self.in_message = not fin
