"""Inflating stops at the limit, and costs no more memory than what it has to give."""

import hashlib
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import MessageReceived, WebSocket
from serverkit_proto.websocket_deflate import (
    MAX_STREAMS,
    STEP,
    DeflateParameters,
    Deflater,
    Inflater,
)
from tests.proto.framing import BINARY, CONTINUATION, DEFLATE, TEXT, deflated, frame

MIB = 1_048_576
NO_KEY = b"\0\0\0\0"  # large frames are masked in no time with it


@pytest.fixture
def traced() -> Iterator[None]:
    """Count the memory that is allocated."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_of(websocket: WebSocket, pieces: list[bytes]) -> tuple[int, int | None]:
    """Feed the pieces; return the most memory used on the way, and the close code of the error."""
    tracemalloc.clear_traces()
    before, _ = tracemalloc.get_traced_memory()
    failed = None
    try:
        for piece in pieces:
            websocket.receive_data(piece)
            while websocket.next_event() is not None:
                pass
    except WebSocketError as error:
        failed = error.close_code
    _, peak = tracemalloc.get_traced_memory()
    return peak - before, failed


def bomb(size: int) -> bytes:
    """Return a payload that inflates to so many bytes."""
    payload = deflated(b"\0" * size)
    assert len(payload) < size // 500
    return payload


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.usefixtures("traced")
def test_a_bomb_in_one_frame(fast: bool, opcode: int) -> None:  # noqa: FBT001  a parameter
    """16 KiB that inflate to more than 16 MiB end in 1009; the limit bounds the memory."""
    payload = bomb(16 * MIB + 1)
    assert len(payload) < 16_500
    data = frame(payload, opcode, rsv=4, key=NO_KEY)
    for limit in (16 * MIB, MIB):
        websocket = WebSocket(ProtoConfig(websocket_max_message_size=limit), DEFLATE, _fast=fast)
        peak, failed = peak_of(websocket, [data])
        assert failed == 1009
        assert peak < limit + 3 * STEP


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.usefixtures("traced")
def test_a_bomb_over_many_fragments(fast: bool) -> None:  # noqa: FBT001  a parameter
    """The same in frames of a few bytes, and in frames that come byte by byte."""
    payload = bomb(4 * MIB)
    step = 64
    cuts = [payload[at : at + step] for at in range(0, len(payload), step)]
    frames = [
        frame(cut, CONTINUATION if at else BINARY, rsv=0 if at else 4, fin=False, key=NO_KEY)
        for at, cut in enumerate(cuts)
    ]
    whole = frame(payload, BINARY, rsv=4, key=NO_KEY)
    octets = [whole[at : at + 1] for at in range(len(whole))]
    for pieces in (frames, [b"".join(frames)], octets):
        websocket = WebSocket(ProtoConfig(websocket_max_message_size=MIB), DEFLATE, _fast=fast)
        peak, failed = peak_of(websocket, pieces)
        assert failed == 1009
        assert peak < 2 * MIB + 3 * STEP  # the pieces, and what they are put together to


@pytest.mark.usefixtures("traced")
def test_a_message_in_one_byte_pieces_costs_what_it_is() -> None:
    """Many small pieces of a message are not kept apart."""
    size = 60_000
    data = frame(b"x" * size, TEXT, key=NO_KEY)
    websocket = WebSocket(ProtoConfig(), None)
    peak, _ = peak_of(websocket, [data[at : at + 2] for at in range(0, len(data) - 2, 2)])
    assert peak < 4 * size  # fifty bytes for each piece would be 25 times the size
    websocket.receive_data(data[-2:])
    assert websocket.next_event() == MessageReceived("x" * size)


@pytest.mark.parametrize("size", [STEP - 1, STEP, STEP + 1, 2 * STEP, 3 * STEP + 5])
def test_what_is_inflated_in_steps_is_whole(size: int) -> None:
    """Nothing is lost or left where one step ends, at the limit and below it."""
    data = hashlib.shake_128(b"x").digest(1_000) * (size // 1_000 + 1)
    data = data[:size]
    for limit in (size, size + 1, 10 * MIB):
        inflater = Inflater(DEFLATE, limit)
        for _ in range(2):
            assert inflater.inflate(deflated(data), end=True) == data
    with pytest.raises(WebSocketError):
        Inflater(DEFLATE, size - 1).inflate(deflated(data), end=True)


def test_the_limit_counts_for_each_message() -> None:
    """Messages up to the limit follow each other."""
    inflater = Inflater(DEFLATE, 1_000)
    payload = deflated(b"a" * 1_000)
    for _ in range(5):
        first = inflater.inflate(payload[:4], end=False)
        assert first + inflater.inflate(payload[4:], end=True) == b"a" * 1_000


def test_blocks_said_to_be_the_last() -> None:
    """A message may have several streams, each of which ends (RFC 7692 section 7.2.3.4)."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -12)
    finished = stream.compress(b"hello") + stream.flush(zlib.Z_FINISH)
    inflater = Inflater(DEFLATE, 1_000)
    for _ in range(2):
        assert inflater.inflate(finished + finished + b"\x00", end=True) == b"hellohello"
        assert inflater.inflate(finished, end=False) == b"hello"
        assert inflater.inflate(b"\x00", end=True) == b""
        assert inflater.inflate(deflated(b"hello"), end=True) == b"hello"


def test_the_most_streams_of_a_message() -> None:
    """Ends of deflated data within a message are bounded: each takes two bytes and much time."""
    inflater = Inflater(DEFLATE, 1_000)
    for _ in range(3):
        assert inflater.inflate(b"\x03\x00" * MAX_STREAMS + b"\x00", end=True) == b""
    with pytest.raises(WebSocketError, match="ends too often") as caught:
        inflater.inflate(b"\x03\x00" * (MAX_STREAMS + 1), end=False)
    assert caught.value.close_code == 1007


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("alone", [True, False])
def test_our_own_messages_are_understood(bits: int, alone: bool) -> None:  # noqa: FBT001
    """What the deflater sends the inflater of the other end reads."""
    parameters = DeflateParameters(
        server_max_window_bits=bits,
        client_max_window_bits=bits,
        server_no_context_takeover=alone,
        client_no_context_takeover=alone,
    )
    deflater, inflater = Deflater(parameters), Inflater(parameters, MIB)
    for size in (0, 1, 100, 100_000):
        data = hashlib.shake_128(b"y").digest(500) * (size // 500 + 1)
        assert inflater.inflate(deflater.deflate(data[:size]), end=True) == data[:size]
