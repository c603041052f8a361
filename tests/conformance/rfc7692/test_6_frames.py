"""RFC 7692 sections 6, 7.2 and 8: deflated messages in frames."""

import hashlib
import zlib

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import CloseReceived, MessageReceived, WebSocket
from serverkit_proto.websocket_deflate import DeflateParameters
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
    deflated,
    frame,
    unframed,
)

RSV1 = 4
HELLO = bytes.fromhex("f248cdc9c90700")
AGAIN = bytes.fromhex("f20011 0000")
BOTH_ALONE = DeflateParameters(server_no_context_takeover=True, client_no_context_takeover=True)


# Receiving (6.2, 7.2.2).


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (HELLO, "Hello"),
        (bytes.fromhex("000500faff48656c6c6f00"), "Hello"),  # a block that is not deflated
        (bytes.fromhex("f348cdc9c9070000"), "Hello"),  # a block said to be the last
        (bytes.fromhex("f248050000 00ffff cac9c90700"), "Hello"),  # two blocks
        (b"\x00", ""),
        (b"\x02\x00", ""),
    ],
)
def test_the_examples(read: Read, payload: bytes, text: str) -> None:
    """Each way to deflate a message is understood (7.2.3.1, .3, .4, .5, .6)."""
    heard = read(frame(payload, rsv=RSV1) + frame(payload, BINARY, rsv=RSV1), DEFLATE)
    assert heard.error is None
    assert heard.messages == [text, text.encode()]


def test_an_example_in_fragments(read: Read) -> None:
    """RSV1 is set on the first fragment only, and holds for all (6.1, 7.2.3.1)."""
    for cut in range(len(HELLO) + 1):
        data = frame(HELLO[:cut], rsv=RSV1, fin=False) + frame(HELLO[cut:], CONTINUATION)
        assert read(data, DEFLATE).messages == ["Hello"]


def test_the_window_is_shared(read: Read) -> None:
    """The second Hello refers to the first one (7.2.3.2)."""
    data = frame(HELLO, rsv=RSV1) + frame(b"plain") + frame(AGAIN, rsv=RSV1)
    assert read(data, DEFLATE).messages == ["Hello", "plain", "Hello"]


def test_the_window_is_shared_across_paths(read: Read) -> None:
    """Whole messages, fragmented ones and those cut by reads use one window (7.2.3.2)."""
    fragmented = frame(AGAIN[:2], rsv=RSV1, fin=False) + frame(AGAIN[2:], CONTINUATION)
    again = frame(AGAIN, rsv=RSV1)
    data = frame(HELLO, rsv=RSV1) + fragmented + again + fragmented
    assert read(data, DEFLATE).messages == ["Hello"] * 4


def test_the_window_is_not_shared_without_takeover(read: Read) -> None:
    """Where the client has agreed to begin anew, what refers back is an error (7.1.1.2)."""
    heard = read(frame(HELLO, rsv=RSV1) + frame(AGAIN, rsv=RSV1), BOTH_ALONE)
    assert heard.messages == ["Hello"]
    assert heard.failed == 1007
    assert read(frame(HELLO, rsv=RSV1) * 2, BOTH_ALONE).messages == ["Hello"] * 2


def test_messages_may_be_plain(read: Read) -> None:
    """Whether one is deflated is said by its own bit (6)."""
    data = frame(b"a") + frame(HELLO, rsv=RSV1) + frame(b"b", BINARY) + close_frame()
    heard = read(data, DEFLATE)
    assert heard.messages == ["a", "Hello", b"b"]
    assert heard.events[-1] == CloseReceived(1000, "")


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_not_deflated(read: Read, opcode: int) -> None:
    """RSV1 on a control frame fails the connection (6.1)."""
    assert read(frame(b"\x00", opcode, rsv=RSV1), DEFLATE).failed == 1002


def test_only_the_first_fragment_has_the_bit(read: Read) -> None:
    """RSV1 on a continuation fails the connection, whatever the first one had (6.1)."""
    for rsv in (0, RSV1):
        data = frame(b"", rsv=rsv, fin=False) + frame(HELLO, CONTINUATION, rsv=RSV1)
        assert read(data, DEFLATE).failed == 1002


def test_without_agreement_the_bit_is_an_error(read: Read) -> None:
    """Nobody has defined it then (RFC 6455 section 5.2)."""
    assert read(frame(HELLO, rsv=RSV1)).failed == 1002


@pytest.mark.parametrize(
    "payload", [b"\xff", b"\x06", b"\x00\x01\x00\x00\x00", b"Hello", HELLO * 3]
)
def test_what_is_not_deflated_ends_it(read: Read, payload: bytes) -> None:
    """A message that cannot be inflated ends in 1007 (7.2.2)."""
    heard = read(frame(payload + b"\xff" * 8, BINARY, rsv=RSV1) + frame(b"late"), DEFLATE)
    assert heard.failed == 1007
    assert heard.events == []


def test_a_window_larger_than_agreed_is_an_error(read: Read) -> None:
    """What refers back beyond client_max_window_bits cannot be inflated (7.1.2.2)."""
    noise = hashlib.shake_128(b"noise").digest(2_100)
    once, filling = noise[:100], noise[100:]
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    payloads = [
        (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        for data in (once, filling, once)
    ]
    data = b"".join(frame(payload, BINARY, rsv=RSV1) for payload in payloads)
    heard = read(data, DeflateParameters(client_max_window_bits=9))
    assert heard.messages == [once, filling]
    assert heard.failed == 1007
    assert read(data, DeflateParameters(client_max_window_bits=15)).messages[2] == once


# Sending (6.1, 7.2.1).


def sent_by(websocket: WebSocket) -> list[tuple[int, bytes]]:
    """Return the frames that a WebSocket wants written."""
    return unframed(b"".join(websocket.data_to_send()))


@pytest.mark.parametrize("data", ["x" * 64, b"y" * 64, "x" * 70_000, bytes(range(256)) * 10])
def test_messages_are_sent_deflated(data: str | bytes) -> None:
    """The first frame has RSV1, the payload lacks the four bytes at the end (6.1, 7.2.1)."""
    websocket = WebSocket(ProtoConfig(), DEFLATE)
    websocket.send_message(data)
    ((first, payload),) = sent_by(websocket)
    raw = data.encode() if isinstance(data, str) else data
    assert first == (0x80 | 0x40 | (TEXT if isinstance(data, str) else BINARY))
    assert not payload.endswith(b"\x00\x00\xff\xff")
    assert len(payload) < len(raw)
    assert zlib.decompressobj(-12).decompress(payload + b"\x00\x00\xff\xff") == raw


@pytest.mark.parametrize("data", ["", "x" * 63, b"y" * 63])
def test_small_messages_are_sent_plain(data: str | bytes) -> None:
    """Whether to deflate is the sender's to choose (6.1)."""
    websocket = WebSocket(ProtoConfig(), DEFLATE)
    websocket.send_message(data)
    ((first, payload),) = sent_by(websocket)
    assert not first & 0x40
    assert payload == (data.encode() if isinstance(data, str) else data)


def test_control_frames_are_sent_plain() -> None:
    """They are never deflated, however long (6.1)."""
    websocket = WebSocket(ProtoConfig(), DEFLATE)
    websocket.receive_data(frame(b"x" * 100, PING))
    assert websocket.next_event() is None
    websocket.ping(b"y" * 100)
    websocket.close(1000, "z" * 100)
    assert [first for first, _ in sent_by(websocket)] == [0x89, 0x8A, 0x88]


def test_our_window_is_shared_if_agreed() -> None:
    """A message sent again is nearly nothing; without takeover it is the same again (7.1.1.1)."""
    text = "".join(chr(97 + count * count % 26) for count in range(1_000))
    for parameters, is_shared in ((DEFLATE, True), (BOTH_ALONE, False)):
        websocket = WebSocket(ProtoConfig(), parameters)
        websocket.send_message(text)
        websocket.send_message(text)
        (_, first), (_, second) = sent_by(websocket)
        assert (first != second) == is_shared
        if not is_shared:
            assert zlib.decompressobj(-15).decompress(second) == text.encode()


@pytest.mark.parametrize("bits", range(9, 16))
def test_our_window_is_as_small_as_agreed(bits: int) -> None:
    """What we send can be inflated with a window of server_max_window_bits (7.1.2.1)."""
    websocket = WebSocket(ProtoConfig(), DeflateParameters(server_max_window_bits=bits))
    data = bytes(count * count % 256 for count in range(300)) * 200
    stream = zlib.decompressobj(-bits)
    for _ in range(2):
        websocket.send_message(data)
        ((_, payload),) = sent_by(websocket)
        assert stream.decompress(payload + b"\x00\x00\xff\xff") == data


# The limit (8).


@pytest.mark.parametrize("size", [9_999, 10_000, 10_001])
@pytest.mark.parametrize("pieces", [1, 3])
def test_the_limit_is_on_what_is_inflated(read: Read, size: int, pieces: int) -> None:
    """A message that is small as it is sent, and too large inflated, ends in 1009 (8)."""
    payload = deflated(b"a" * size)
    step = len(payload) // pieces + 1
    cuts = [payload[at : at + step] for at in range(0, len(payload), step)]
    frames = [
        frame(cut, CONTINUATION if at else BINARY, rsv=0 if at else RSV1, fin=at == len(cuts) - 1)
        for at, cut in enumerate(cuts)
    ]
    heard = read(b"".join(frames) * 2, DEFLATE, ProtoConfig(websocket_max_message_size=10_000))
    if size > 10_000:
        assert heard.failed == 1009
        assert heard.events == []
    else:
        assert heard.events == [MessageReceived(b"a" * size)] * 2


def test_the_limit_is_noticed_before_the_end_of_the_frame() -> None:
    """The rest of a message that is too large already is not waited for (8)."""
    payload = deflated(b"a" * 1_000_000)
    data = frame(payload, rsv=RSV1)
    websocket = WebSocket(ProtoConfig(websocket_max_message_size=10_000), DEFLATE)
    websocket.receive_data(data[: len(data) // 2])
    with pytest.raises(WebSocketError) as caught:
        websocket.next_event()
    assert caught.value.close_code == 1009
