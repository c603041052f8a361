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

from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket_deflate import Inflater
from serverkit_proto.websocket_pieces import Pieces, ends_in_surrogate, not_utf8
from serverkit_proto.websocket_sequence import FrameSequence

BAD_GATEWAY = 1014
"""A registered close code that wsproto takes for a reserved one."""

_BAD_GATEWAY, _NORMAL = BAD_GATEWAY.to_bytes(2), CloseReason.NORMAL_CLOSURE.to_bytes(2)
_NO_BITS = RsvBits(rsv1=False, rsv2=False, rsv3=False)
_RSV1 = RsvBits(rsv1=True, rsv2=False, rsv3=False)


class Message(NamedTuple):
    """A message, of however many frames."""

    data: str | bytes


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


type Frame = Message | Ping | Pong | Close


class FrameReader:
    """Reads the frames it is given, in whatever state their message is.

    Owner: one WebSocket.

    Args:
        sequence: Knows all data frames, also those that do not come here.
        inflater: None if no message may be deflated.
    """

    __slots__ = ("_binary", "_limits", "_protocol", "_text")

    def __init__(self, sequence: FrameSequence, inflater: Inflater | None) -> None:
        self._limits = _Limits(sequence, inflater)
        self._protocol = FrameProtocol(client=False, extensions=[self._limits])
        self._text = Pieces("")
        self._binary = Pieces(b"")

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
                    return Close(BAD_GATEWAY if self._limits.bad_gateway else int(code), reason)
                if isinstance(payload, str):
                    self._text.append(payload)
                    return Message(self._text.take()) if frame.message_finished else None
                if frame.opcode is Opcode.PING:
                    return Ping(payload)
                if frame.opcode is Opcode.PONG:
                    return Pong(payload)
                self._binary.append(payload)
                return Message(self._binary.take()) if frame.message_finished else None
        except ParseFailed as error:
            if error.code is not CloseReason.INVALID_FRAME_PAYLOAD_DATA:
                raise WebSocketError(1002, str(error)) from None
            if self._limits.opcode is Opcode.CLOSE:
                raise WebSocketError(1007, "the reason of a close frame is not UTF-8") from None
            raise not_utf8() from None
        return None


class _Limits(Extension):
    """What wsproto asks at the header, the payload and the end of each frame."""

    name = "serverkit"

    def __init__(self, sequence: FrameSequence, inflater: Inflater | None) -> None:
        self._sequence = sequence
        self._inflater = inflater
        self.opcode = Opcode.CONTINUATION  # of the frame that comes
        self.bad_gateway = False  # the close frame has the code that wsproto does not know
        self._last = b""  # two bytes of a text, as far as it has come, or of the one before

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
        self.opcode = opcode
        if opcode.iscontrol():
            return _NO_BITS
        begins = opcode is not Opcode.CONTINUATION
        is_deflated = begins and rsv.rsv1 and self._inflater is not None
        self._sequence.begin_frame(opcode, payload_length, is_deflated=is_deflated)
        return _RSV1 if is_deflated else _NO_BITS

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  wsproto's interface
        data: bytes,
    ) -> bytes:
        """Inflate what has come of a payload."""
        if self.opcode is Opcode.CLOSE and data.startswith(_BAD_GATEWAY):
            self.bad_gateway = True
            return _NORMAL + data[2:]
        if self.opcode.iscontrol():
            return data
        if self._sequence.is_deflated and self._inflater is not None:
            data = self._inflater.inflate(data, end=False)
        if self._sequence.is_text and data:
            self._last = (self._last + data[-2:])[-2:]
            if ends_in_surrogate(self._last):
                raise not_utf8()
        return data

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  wsproto's interface
        fin: bool,  # noqa: FBT001  wsproto's interface
    ) -> bytes | None:
        """Inflate what a message has kept back until its end."""
        if self.opcode.iscontrol():
            return None
        self._sequence.end_frame(fin=fin)
        if not fin or not self._sequence.is_deflated or self._inflater is None:
            return None
        return self._inflater.inflate(b"", end=True)
