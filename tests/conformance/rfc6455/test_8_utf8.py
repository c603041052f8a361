"""RFC 6455 sections 5.6 and 8.1: text is UTF-8."""

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import WebSocket
from tests.conformance.rfc6455.conftest import Read
from tests.proto.framing import BINARY, CONTINUATION, DEFLATE, KEY, deflated, frame, masked

GOOD = [
    "",
    "plain",
    "\u03ba\u1f79\u03c3\u03bc\u03b5",
    "\x00",
    "\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
    "\ufdd0\ufffe\U0001fffe",
]
BAD = [
    b"\x80",
    b"\xbf",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xc3",
    b"\xc3(",
    b"\xe0\x80\x80",
    b"\xe1\x80",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xff",
    b"\xfe",
    b"abc\xe2\x28\xa1def",
    "\u03ba\u1f79\u03c3".encode() + b"\xed\xa0\x80edited",
]


@pytest.mark.parametrize("text", GOOD)
def test_text_is_given_as_it_was(read: Read, text: str) -> None:
    """Any scalar value comes through, also in fragments cut within a character (5.6, 8.1)."""
    data = text.encode()
    fragments = [frame(b"", fin=False)]
    fragments += [frame(data[at : at + 1], CONTINUATION, fin=False) for at in range(len(data))]
    heard = read(frame(data) + b"".join(fragments) + frame(b"", CONTINUATION))
    assert heard.messages == [text, text]


@pytest.mark.parametrize("data", BAD)
def test_what_is_not_utf8_ends_it(read: Read, data: bytes) -> None:
    """Overlong forms, surrogates, stray and cut sequences end in 1007 (8.1)."""
    heard = read(frame(b"fine") + frame(data) + frame(b"late"))
    assert heard.messages == ["fine"]
    assert heard.failed == 1007
    assert heard.sent[:4] == b"\x88\x1d\x03\xef"


@pytest.mark.parametrize("data", BAD)
def test_the_same_in_fragments(read: Read, data: bytes) -> None:
    """It is the message that must be UTF-8, wherever it is cut (5.6, 8.1)."""
    for cut in range(len(data) + 1):
        heard = read(frame(data[:cut], fin=False) + frame(data[cut:], CONTINUATION))
        assert heard.failed == 1007
        assert heard.messages == []


@pytest.mark.parametrize("data", BAD)
def test_the_same_deflated(read: Read, data: bytes) -> None:
    """What counts is the text after inflating (8.1, RFC 7692 section 6.2)."""
    assert read(frame(deflated(data), rsv=4), DEFLATE).failed == 1007


def test_binary_is_anything(read: Read) -> None:
    """Only text is checked (5.6)."""
    heard = read(b"".join(frame(data, BINARY) for data in BAD))
    assert heard.messages == BAD


@pytest.mark.parametrize(
    ("data", "bad_at"),
    [
        (b"a\xff", 1),
        (b"a\xc0", 1),
        (b"\xe0\x80", 1),
        (b"\xed\xa0", 1),
        (b"\xf4\x90", 1),
        (b"\xf0\x9f\x98(", 3),
        ("\u03ba".encode() + b"\xf5", 2),
    ],
)
@pytest.mark.parametrize("fragmented", [False, True])
def test_the_first_bad_byte_is_noticed(
    fast: bool,  # noqa: FBT001  a fixture
    fragmented: bool,  # noqa: FBT001  a parameter
    data: bytes,
    bad_at: int,
) -> None:
    """It is not waited for the rest of the frame, nor for the rest of the message (8.1)."""
    websocket = WebSocket(ProtoConfig(), None, _fast=fast)
    header = frame(b"", fin=not fragmented, length=1_000)
    payload = masked(data, KEY)
    websocket.receive_data(header)
    for at in range(bad_at):
        websocket.receive_data(payload[at : at + 1])
        assert websocket.next_event() is None
    websocket.receive_data(payload[bad_at : bad_at + 1])
    with pytest.raises(WebSocketError) as caught:
        websocket.next_event()
    assert caught.value.close_code == 1007
