"""A WebSocket as its caller sees it: buffers, limits, and what is handed on without a copy."""

import itertools
import tracemalloc

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, WebSocketError
from serverkit_proto.websocket import (
    CloseReceived,
    MessageReceived,
    PongReceived,
    WebSocket,
)
from tests.proto.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    PING,
    PONG,
    TEXT,
    Heard,
    close_frame,
    frame,
    hear,
    listen,
    sent_close,
    unframed,
)

NO_KEY = b"\0\0\0\0"  # large frames are masked in no time with it
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=["fast", "wsproto"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether plain frames are read without wsproto."""
    return bool(request.param == "fast")


def opened(*, fast: bool, **limits: int) -> WebSocket:
    """Return a WebSocket without deflate."""
    return WebSocket(ProtoConfig(**limits), None, _fast=fast)  # type: ignore[arg-type]


# What comes in.


def test_receiving_only_buffers(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Nothing is read, answered or refused before the caller asks for events."""
    websocket = opened(fast=fast)
    data = frame(b"a") + frame(b"p", PING) + frame(b"", 7)
    for at in range(0, len(data), 3):
        websocket.receive_data(data[at : at + 3])
    assert websocket.buffered == len(data)
    assert websocket.data_to_send() == []
    assert websocket.next_event() == MessageReceived("a")
    assert websocket.buffered == len(data) - 7
    with pytest.raises(WebSocketError):
        websocket.next_event()
    assert websocket.buffered == 0
    assert [first for first, _ in unframed(b"".join(websocket.data_to_send()))] == [0x8A, 0x88]


def test_much_may_be_buffered(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Who does not ask for long gets everything in the end."""
    websocket = opened(fast=fast)
    heard = Heard()
    messages = [b"%d" % count * (count % 700) for count in range(1_000)]
    for count, message in enumerate(messages):
        data = frame(message, BINARY, key=NO_KEY)
        websocket.receive_data(data[:5])
        websocket.receive_data(data[5:])
        if count == 500:
            assert websocket.next_event() == MessageReceived(messages[0])
    listen(websocket, heard)
    assert heard.messages == messages[1:]
    assert websocket.buffered == 0


def test_a_header_is_waited_for(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Until all of it is there nothing is taken; a payload is taken as it comes."""
    for size in (0, 125, 126, 65_536):
        websocket = opened(fast=fast)
        data = frame(b"x" * size, BINARY, key=NO_KEY)
        for end in range(1, len(data) - size):
            websocket.receive_data(data[end - 1 : end])
            assert websocket.next_event() is None
            assert websocket.buffered == end
        websocket.receive_data(data[len(data) - size - 1 :] + b"\x81")
        assert websocket.next_event() == MessageReceived(b"x" * size)
        assert websocket.buffered == 1


def test_types_are_kept(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Text is str and binary is bytes, also where it is empty or comes in parts."""
    for payload, cut in itertools.product((b"", b"x", b"x" * 200, b"x" * 70_000), (7, 100, 60_000)):
        for opcode, kind in ((TEXT, str), (BINARY, bytes)):
            data = frame(payload, opcode, key=NO_KEY)
            heard, _ = hear([data[:cut], data[cut:]], fast=fast)
            (message,) = heard.messages
            assert type(message) is kind
            heard, _ = hear(
                [frame(payload, opcode, fin=False, key=NO_KEY), frame(b"", CONTINUATION)], fast=fast
            )
            (message,) = heard.messages
            assert type(message) is kind


def test_pings_and_pongs_have_bytes(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Their payloads are bytes, whatever the buffer was."""
    websocket = opened(fast=fast)
    for data in (b"\x81", frame(b"\xff" * 5_000, BINARY)[1:], frame(b"pong", PONG)):
        websocket.receive_data(data)
    with pytest.raises(WebSocketError):
        websocket.next_event()
    websocket = opened(fast=fast)
    for data in (frame(b"a" * 5_000, BINARY), frame(b"pong", PONG), frame(b"ping", PING)):
        websocket.receive_data(data)  # the third makes the buffer a bytearray
    assert websocket.next_event() == MessageReceived(b"a" * 5_000)
    pong = websocket.next_event()
    assert isinstance(pong, PongReceived)
    assert type(pong.payload) is bytes
    assert websocket.next_event() is None
    assert unframed(b"".join(websocket.data_to_send())) == [(0x8A, b"ping")]


def test_nothing_is_kept_after_the_end(fast: bool) -> None:  # noqa: FBT001  a fixture
    """What comes after the peer's close frame, or after an error, is dropped."""
    for end in (close_frame(), frame(b"", 7)):
        _, websocket = hear([frame(b"x" * 100, fin=False), end], fast=fast)
        websocket.receive_data(b"x" * 1_000)
        assert websocket.buffered == 0
        assert websocket.next_event() is None


def test_messages_come_while_we_close(fast: bool) -> None:  # noqa: FBT001  a fixture
    """What was under way when we closed is still given, up to the answer."""
    websocket = opened(fast=fast)
    websocket.receive_data(frame(b"x" * 300)[:100])
    assert websocket.next_event() is None
    websocket.close(1001)
    heard = Heard()
    websocket.receive_data(frame(b"x" * 300)[100:] + frame(b"y") + close_frame(1001))
    listen(websocket, heard)
    assert heard.events == [
        MessageReceived("x" * 300),
        MessageReceived("y"),
        CloseReceived(1001, ""),
    ]
    assert sent_close(heard.sent) == (1001, b"")


# Limits.


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("limit", [1, 100, 125, 126, 1_000, 65_535, 65_536])
def test_the_largest_message(fast: bool, opcode: int, limit: int) -> None:  # noqa: FBT001
    """One byte more than the limit ends in 1009, in one frame or in several, before it comes."""
    for size in (limit, limit + 1):
        payload = b"x" * size
        whole = frame(payload, opcode, key=NO_KEY)
        parts = frame(payload[:1], opcode, fin=False, key=NO_KEY)
        parts += frame(payload[1:], CONTINUATION, key=NO_KEY)
        for data in (whole, parts):
            heard, _ = hear([data], config=ProtoConfig(websocket_max_message_size=limit), fast=fast)
            assert len(heard.messages) == (size == limit)
            assert heard.failed == (None if size == limit else 1009)
    header = frame(b"", opcode, length=limit + 1)
    heard, _ = hear([header], config=ProtoConfig(websocket_max_message_size=limit), fast=fast)
    assert heard.failed == 1009
    assert sent_close(heard.sent) == (1009, b"a message is too large")


@pytest.mark.parametrize("length", [1 << 24, 1 << 40, (1 << 63) - 1])
def test_a_length_beyond_all_measure(fast: bool, length: int) -> None:  # noqa: FBT001
    """It is refused at once; with deflate it is what is inflated that counts."""
    for opcode in (TEXT, BINARY, CONTINUATION):
        before = frame(b"", TEXT, fin=False) if opcode == CONTINUATION else b""
        data = before + frame(b"", opcode, length=length + 1 if length == 1 << 24 else length)
        assert hear([data], fast=fast)[0].failed == 1009
    heard, _ = hear([frame(b"\x00", BINARY, rsv=4, length=length)], DEFLATE, fast=fast)
    assert heard.failed is None


def test_the_limit_counts_for_each_message(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Messages up to the limit follow each other, whole and in fragments."""
    data = frame(b"x" * 10) + frame(b"x" * 5, fin=False) + frame(b"x" * 5, CONTINUATION)
    heard, _ = hear([data * 5], config=ProtoConfig(websocket_max_message_size=10), fast=fast)
    assert heard.messages == ["x" * 10] * 10


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_most_fragments(fast: bool, limit: int) -> None:  # noqa: FBT001
    """One fragment more than the limit ends in 1009; control frames do not count."""
    first, more, last = (
        frame(b"a", fin=False) + frame(b"", PING),
        frame(b"b", CONTINUATION, fin=False) + frame(b"", PONG),
        frame(b"c", CONTINUATION),
    )
    whole = frame(b"a") if limit == 1 else first + more * (limit - 2) + last
    config = ProtoConfig(websocket_max_fragments=limit)
    heard, _ = hear([whole * 3], config=config, fast=fast)
    assert len(heard.messages) == 3
    heard, _ = hear([whole + first + more * (limit - 1) + last], config=config, fast=fast)
    assert len(heard.messages) == 1
    assert heard.failed == 1009
    closing = sent_close(heard.sent)
    assert closing == (1009, b"a message has too many fragments")


@pytest.mark.slow
def test_fragments_of_one_byte() -> None:
    """65,536 of them are a message; of 130,000 the memory is flat until they are refused."""
    more = frame(b"a", CONTINUATION, fin=False) * 1_000
    websocket = opened(fast=True)
    websocket.receive_data(frame(b"a", fin=False))
    for _ in range(65):
        websocket.receive_data(more)
        assert websocket.next_event() is None
    websocket.receive_data(frame(b"a" * 535, CONTINUATION))
    assert websocket.next_event() == MessageReceived("a" * 65_536)
    tracemalloc.start()
    try:
        heard = Heard()
        websocket.receive_data(frame(b"a", fin=False))
        for _ in range(130):
            websocket.receive_data(more)
            listen(websocket, heard)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert heard.events == []
    assert heard.failed == 1009
    assert peak < 1_000_000


def test_a_flood_of_pings_costs_no_memory(fast: bool) -> None:  # noqa: FBT001  a fixture
    """What waits to be answered is bounded, however many come."""
    websocket = opened(fast=fast)
    pings = frame(b"x" * 125, PING, key=NO_KEY) * 500
    tracemalloc.start()
    try:
        for _ in range(10):
            websocket.receive_data(pings)
            assert websocket.next_event() is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000
    assert len(unframed(b"".join(websocket.data_to_send()))) == 64


# What goes out.


def test_small_frames_leave_together() -> None:
    """What is queued is written at once; a large payload is handed on as it is."""
    websocket = opened(fast=True)
    large = b"x" * 65_536
    websocket.send_message("a")
    websocket.ping()
    websocket.send_message(large)
    websocket.send_message("b")
    first, payload, last = websocket.data_to_send()
    assert first == b"\x81\x01a\x89\x00\x82\x7f" + (65_536).to_bytes(8)
    assert payload is large
    assert last == b"\x81\x01b"
    assert websocket.data_to_send() == []


@pytest.mark.parametrize("size", [0, 1, 63, 64, 125, 126, 127, 65_535, 65_536, 65_537])
def test_one_message_is_one_write_or_two(size: int) -> None:
    """Header and payload are one piece, but for a large payload."""
    for data in ("x" * size, b"x" * size):
        websocket = opened(fast=True)
        websocket.send_message(data)
        assert len(websocket.data_to_send()) == (1 if size < 65_536 else 2)


def test_a_text_that_is_none() -> None:
    """A lone surrogate cannot be sent, and nothing is."""
    for deflate in (None, DEFLATE):
        websocket = WebSocket(ProtoConfig(), deflate)
        with pytest.raises(LocalProtocolError, match="UTF-8") as caught:
            websocket.send_message("\ud800" * 100)
        assert caught.value.code == "SERVERKIT_APP_BAD_MESSAGE"
        assert websocket.data_to_send() == []
        websocket.send_message("on")
        assert b"".join(websocket.data_to_send()) == b"\x81\x02on"


def test_pongs_leave_after_what_was_sent_before() -> None:
    """Messages sent before the pongs are taken come first; a close frame comes last."""
    websocket = opened(fast=True)
    websocket.receive_data(frame(b"p", PING))
    assert websocket.next_event() is None
    websocket.send_message("m")
    websocket.close()
    frames = unframed(b"".join(websocket.data_to_send()))
    assert frames == [(0x81, b"m"), (0x8A, b"p"), (0x88, b"\x03\xe8")]


def test_close_frames_in_parts(fast: bool) -> None:  # noqa: FBT001  a fixture
    """A close frame is read when it is whole, whatever its code."""
    for code in (1000, 1014, 4000):
        for cut in range(1, 14):
            data = frame(code.to_bytes(2) + b"reason", CLOSE)
            heard, _ = hear([data[:cut], data[cut:]], fast=fast)
            assert heard.events == [CloseReceived(code, "reason")]


# The answer to the peer's end, held back.


def test_an_answer_may_be_held_back(fast: bool) -> None:  # noqa: FBT001  a fixture
    """What answers to messages before the peer's close frame can still be sent before ours."""
    for end, answer in ((close_frame(3000), (0x88, b"\x0b\xb8")), (frame(b"", 7), None)):
        websocket = opened(fast=fast)
        websocket.holds_answer = True
        heard = Heard()
        websocket.receive_data(frame(b"question") + end + frame(b"late"))
        listen(websocket, heard)
        assert heard.messages == ["question"]
        assert heard.sent == b""
        assert (websocket.close_sent, websocket.buffered) == (False, 0)
        websocket.send_message("answer")
        websocket.answer()
        websocket.answer()  # there is one only
        assert websocket.close_sent
        assert websocket.close_received == (answer is not None)
        said, closing = unframed(b"".join(websocket.data_to_send()))
        assert said == (0x81, b"answer")
        assert closing[0] == 0x88
        assert answer is None or closing == answer


def test_we_close_while_the_answer_is_held_back(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Our own close frame is the answer then."""
    websocket = opened(fast=fast)
    websocket.holds_answer = True
    websocket.receive_data(close_frame(3000))
    assert websocket.next_event() == CloseReceived(3000, "")
    websocket.close(1001)
    websocket.answer()
    assert websocket.close_received
    assert sent_close(b"".join(websocket.data_to_send())) == (1001, b"")


def test_without_an_end_there_is_no_answer(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Asking for one that is not due changes nothing."""
    websocket = opened(fast=fast)
    websocket.answer()
    assert not websocket.close_sent
    assert websocket.data_to_send() == []


def test_whether_there_are_pongs_can_be_seen(fast: bool) -> None:  # noqa: FBT001  a fixture
    """Who sees that there are none need not ask for them."""
    websocket = opened(fast=fast)
    seen = [websocket.has_pongs]
    websocket.receive_data(frame(b"", PING))
    assert websocket.next_event() is None
    seen.append(websocket.has_pongs)
    assert websocket.data_to_send() == [b"\x8a\x00"]
    seen.append(websocket.has_pongs)
    assert seen == [False, True, False]
