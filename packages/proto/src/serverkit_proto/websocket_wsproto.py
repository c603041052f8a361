"""Frames as wsproto reads them, with our limits and our inflating.

The only module that imports wsproto.
"""

from typing import NamedTuple

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket_deflate import Inflater

_NO_BITS = RsvBits(rsv1=False, rsv2=False, rsv3=False)
_RSV1 = RsvBits(rsv1=True, rsv2=False, rsv3=False)


class DataPiece(NamedTuple):
    """A piece of a message."""

    data: str | bytes
    end: bool
    """The message is complete."""


class Ping(NamedTuple):
    """A ping."""

    payload: bytes


class Pong(NamedTuple):
    """A pong."""

    payload: bytes


class Close(NamedTuple):
    """A close frame."""

    code: int
    """1005 when there was none."""
    reason: str


type Frame = DataPiece | Ping | Pong | Close


class FrameReader:
    """Reads frames, of which those that matter together all have to come here.

    Owner: one WebSocket.
    """

    __slots__ = ("_limits", "_protocol")

    def __init__(self, config: ProtoConfig, inflater: Inflater | None) -> None:
        self._limits = _Limits(config, inflater)
        self._protocol = FrameProtocol(client=False, extensions=[self._limits])

    @property
    def in_message(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._limits.in_message

    def read(self, data: bytes) -> Frame | None:
        """Read what came of one frame.

        Args:
            data: From the first piece on with all of the frame's header; nothing beyond its end.

        Returns:
            None when more of the frame is needed, or a part of it says nothing.

        Raises:
            WebSocketError: The peer broke a rule of RFC 6455 or RFC 7692, or a limit.
        """
        self._protocol.receive_bytes(data)
        try:
            for frame in self._protocol.received_frames():
                payload = frame.payload
                if isinstance(payload, tuple):
                    code, reason = payload
                    return Close(int(code), reason)
                if isinstance(payload, str) or not frame.opcode.iscontrol():
                    return DataPiece(payload, frame.message_finished)
                return Ping(payload) if frame.opcode is Opcode.PING else Pong(payload)
        except ParseFailed as error:
            if error.code is CloseReason.INVALID_FRAME_PAYLOAD_DATA:
                raise WebSocketError(1007, "a text is not UTF-8") from None
            raise WebSocketError(1002, str(error)) from None
        return None


class _Limits(Extension):
    """What wsproto asks at the header, the payload and the end of each frame."""

    name = "serverkit"

    def __init__(self, config: ProtoConfig, inflater: Inflater | None) -> None:
        self.in_message = False
        self._max_size = config.websocket_max_message_size
        self._max_fragments = config.websocket_max_fragments
        self._inflater = inflater
        self._size = 0  # of the message, as it is sent
        self._fragments = 0
        self._compressed = False
        self._is_control = False

    def enabled(self) -> bool:
        """Say that this takes part."""
        return True

    def offer(self) -> bool:
        """Say that no client hears of this."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  wsproto's interface
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> RsvBits:
        """Check a header; give the reserved bits that may be set."""
        self._is_control = opcode.iscontrol()
        if self._is_control:
            return _NO_BITS
        if opcode is Opcode.CONTINUATION:
            if not self.in_message:
                raise WebSocketError(1002, "a continuation frame continues nothing")
        elif self.in_message:
            raise WebSocketError(1002, "a message begins before the end of the last one")
        else:
            self._size = self._fragments = 0
            self._compressed = rsv.rsv1 and self._inflater is not None
            self.in_message = True
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise WebSocketError(1009, "a message has too many fragments")
        self._size += payload_length
        if self._size > self._max_size and not self._compressed:
            raise WebSocketError(1009, "a message is too large")
        if opcode is Opcode.CONTINUATION or not self._compressed:
            return _NO_BITS
        return _RSV1

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  wsproto's interface
        data: bytes,
    ) -> bytes:
        """Inflate what has come of a payload."""
        if self._is_control or not self._compressed or self._inflater is None:
            return data
        return self._inflater.inflate(data, end=False)

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  wsproto's interface
        fin: bool,  # noqa: FBT001  wsproto's interface
    ) -> bytes | None:
        """Inflate what a message has kept back until its end."""
        if self._is_control or not fin:
            return None
        self.in_message = False
        if not self._compressed or self._inflater is None:
            return None
        return self._inflater.inflate(b"", end=True)
