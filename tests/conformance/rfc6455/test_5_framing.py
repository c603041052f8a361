"""RFC 6455 sections 5.1 to 5.4 and 5.8: frames, their masking and their fragmentation."""

import itertools

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.websocket import CloseReceived, MessageReceived, PongReceived, WebSocket
from tests.conformance.rfc6455.conftest import Read
from tests.proto.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    hear,
    sent_close,
    unframed,
)

END = close_frame()


# Masking (5.1, 5.3).


@pytest.mark.parametrize(
    ("opcode", "payload"),
    [
        *itertools.product([TEXT, BINARY, PING, PONG, CLOSE], [b"", b"\x03\xe8hello", b"x" * 125]),
        *itertools.product([TEXT, BINARY], [b"x" * 126, b"x" * 65_536]),
    ],
)
def test_a_frame_that_is_not_masked_ends_it(read: Read, opcode: int, payload: bytes) -> None:
    """The server closes, with 1002, when a client does not mask (5.1)."""
    heard = read(frame(payload, opcode, key=None) + frame(b"late"))
    assert heard.failed == 1002
    assert heard.events == []
    closed = sent_close(heard.sent)
    assert closed is not None
    assert closed[0] == 1002


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_the_server_does_not_mask(size: int) -> None:
    """No frame of the server has the bit set (5.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.send_message(b"x" * size)
    websocket.send_message("x" * size)
    websocket.ping()
    websocket.close()
    frames = unframed(b"".join(websocket.data_to_send()))  # which takes no key off
    assert [len(payload) for _, payload in frames] == [size, size, 0, 2]


@pytest.mark.parametrize("key", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x37\xfa\x21\x3d", b"abcd"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 63, 64, 65, 125, 126, 127, 1_000])
def test_the_mask_is_taken_off(read: Read, key: bytes, size: int) -> None:
    """Octet i is XORed with octet i MOD 4 of the key, whatever comes when (5.3, 6.2)."""
    payload = bytes(range(256)) * 4
    heard = read(frame(payload[:size], BINARY, key=key) + END)
    assert heard.messages == [payload[:size]]
    assert heard.closed == (1000, "")


# The header (5.2).


@pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_reserved_bits_are_zero(read: Read, rsv: int, opcode: int) -> None:
    """A bit that no extension has defined fails the connection (5.2)."""
    heard = read(frame(b"", opcode, rsv=rsv) + frame(b"late"))
    assert heard.failed == 1002
    assert heard.events == []


@pytest.mark.parametrize("rsv", [1, 2, 3, 5, 6, 7])
def test_an_extension_defines_its_bits_only(read: Read, rsv: int) -> None:
    """With permessage-deflate the other two bits still fail the connection (5.2)."""
    assert read(frame(b"\x00", TEXT, rsv=rsv), DEFLATE).failed == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"hello"])
def test_opcodes_not_known_end_it(read: Read, opcode: int, payload: bytes) -> None:
    """A reserved opcode fails the connection (5.2)."""
    heard = read(frame(b"first") + frame(payload, opcode) + frame(b"late"))
    assert heard.messages == ["first"]
    assert heard.failed == 1002


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_lengths_of_each_kind(fast: bool, size: int, opcode: int) -> None:  # noqa: FBT001  a fixture
    """Lengths of 7, 16 and 64 bits, in network byte order, up to their limits (5.2)."""
    websocket = WebSocket(ProtoConfig(), None, _fast=fast)
    websocket.receive_data(frame(b"x" * size, opcode) * 2)
    message = MessageReceived("x" * size if opcode == TEXT else b"x" * size)
    assert [websocket.next_event() for _ in range(3)] == [message, message, None]
    websocket.send_message(message.data)
    sent = b"".join(websocket.data_to_send())
    assert unframed(sent) == [(0x80 | opcode, b"x" * size)]
    header = 2 if size < 126 else 4 if size < 65_536 else 10
    assert len(sent) == header + size  # as few bytes as can say it


@pytest.mark.parametrize(
    ("length", "width"), [(0, 2), (125, 2), (0, 8), (126, 8), (65_535, 8), (1 << 63, 8)]
)
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION])
def test_lengths_are_said_in_as_few_bytes_as_can(
    read: Read, opcode: int, length: int, width: int
) -> None:
    """A longer form than needed fails the connection; so does a length with the top bit (5.2)."""
    before = frame(b"", TEXT, fin=False) if opcode == CONTINUATION else b""
    heard = read(before + frame(b"x" * min(length, 200), opcode, length=length, width=width))
    assert heard.failed == 1002
    assert heard.events == []


# Fragmentation (5.4).


def fragments(*payloads: bytes, opcode: int = TEXT, between: bytes = b"") -> bytes:
    """Return a message in fragments, with frames between them."""
    first, *others = payloads
    frames = [frame(first, opcode, fin=not others)]
    for count, payload in enumerate(others, 2):
        frames.append(frame(payload, CONTINUATION, fin=count == len(payloads)))
    return between.join(frames)


@pytest.mark.parametrize(
    "payloads",
    [
        (b"hello",),
        (b"hel", b"lo"),
        (b"h", b"e", b"l", b"l", b"o"),
        (b"", b"hello"),
        (b"hello", b""),
        (b"", b"", b"hello", b"", b""),
        (b"", b""),
    ],
)
def test_fragments_are_one_message(read: Read, payloads: tuple[bytes, ...]) -> None:
    """Payloads are put together in order; each may be empty (5.4, 6.2)."""
    whole = b"".join(payloads)
    data = fragments(*payloads) + fragments(*payloads, opcode=BINARY) + frame(b"next") + END
    heard = read(data)
    assert heard.messages == [whole.decode(), whole, "next"]
    assert heard.closed == (1000, "")


def test_control_frames_come_between_fragments(read: Read) -> None:
    """Pings and pongs in the middle are handled at once, and change nothing (5.4)."""
    between = frame(b"ping", PING) + frame(b"pong", PONG)
    heard = read(fragments(b"a", b"b", b"c", between=between) + frame(b"d", BINARY) + END)
    assert heard.events == [
        PongReceived(b"pong"),
        PongReceived(b"pong"),
        MessageReceived("abc"),
        MessageReceived(b"d"),
        CloseReceived(1000, ""),
    ]
    assert unframed(heard.sent)[:2] == [(0x8A, b"ping")] * 2


def test_a_close_frame_may_come_between_fragments(read: Read) -> None:
    """The message that is not complete is never given (5.4, 5.5.1)."""
    heard = read(frame(b"a", fin=False) + close_frame(1001, b"bye") + frame(b"b", CONTINUATION))
    assert heard.events == [CloseReceived(1001, "bye")]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("other", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_messages_are_not_interleaved(read: Read, opcode: int, other: int, fin: bool) -> None:  # noqa: FBT001
    """A message that begins within another fails the connection (5.4)."""
    frames = [frame(b"a", opcode, fin=False), frame(b"b", other, fin=fin)]
    for heard in (read(b"".join(frames)), hear(frames)[0]):
        assert heard.failed == 1002
        assert heard.events == []


@pytest.mark.parametrize("before", [b"", frame(b"a"), fragments(b"a", b"b"), frame(b"", PING)])
@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_continues_something(read: Read, before: bytes, fin: bool) -> None:  # noqa: FBT001
    """A continuation frame without a message before it fails the connection (5.4)."""
    heard = read(before + frame(b"b", CONTINUATION, fin=fin) + frame(b"late"))
    assert heard.failed == 1002
    assert "late" not in heard.messages


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_not_fragmented(read: Read, opcode: int) -> None:
    """A control frame without FIN fails the connection (5.4, 5.5)."""
    heard = read(frame(b"", opcode, fin=False) + frame(b"", CONTINUATION))
    assert heard.failed == 1002
    assert heard.events == []


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
@pytest.mark.parametrize("size", [126, 127, 65_536])
def test_control_frames_are_short(read: Read, opcode: int, size: int) -> None:
    """A payload of more than 125 bytes fails the connection, before it has come (5.5)."""
    heard = read(frame(b"", opcode, length=size))
    assert heard.failed == 1002
    assert heard.sent


def test_a_server_fragments_nothing(read: Read) -> None:
    """What it sends are whole messages: FIN is set, and text is text (5.4, 6.1)."""
    websocket = WebSocket(ProtoConfig(), None)
    websocket.send_message("a" * 200_000)
    websocket.send_message(b"b" * 200_000)
    frames = unframed(b"".join(websocket.data_to_send()))
    assert [first for first, _ in frames] == [0x81, 0x82]
