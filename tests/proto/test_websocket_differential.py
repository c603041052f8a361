"""The fast path says what wsproto says, whatever comes and however it is cut."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import WebSocketError
from serverkit_proto.websocket import MessageReceived
from serverkit_proto.websocket_deflate import DeflateParameters
from tests.proto.driving import octets
from tests.proto.framing import DEFLATE, Heard, frame, hear, split
from tests.proto.websocket_streams import GOOD, cut

MORE = settings(max_examples=300)
CONFIGS = st.sampled_from(
    [
        ProtoConfig(),
        ProtoConfig(websocket_max_message_size=100, websocket_max_fragments=3),
        ProtoConfig(websocket_max_message_size=1),
    ]
)
ALONE = DeflateParameters(client_no_context_takeover=True)
AGREED = st.sampled_from([None, DEFLATE, ALONE])


def error_of(heard: Heard) -> tuple[object, ...] | None:
    """Return all that an error says."""
    error = heard.error
    if error is None:
        return None
    assert isinstance(error, WebSocketError)
    return (error.close_code, error.reason, error.code)


@MORE
@given(pieces=cut(), config=CONFIGS, agreed=AGREED)
@example(pieces=split(frame(b"\xed\xa0\x80"), [8]), config=ProtoConfig(), agreed=None)
@example(pieces=[frame(b"a", fin=False), frame(b"b")], config=ProtoConfig(), agreed=None)
def test_with_and_without_the_fast_path(
    pieces: list[bytes], config: ProtoConfig, agreed: DeflateParameters | None
) -> None:
    """Events, errors and what is sent are the same."""
    fast, one = hear(pieces, agreed, config)
    slow, other = hear(pieces, agreed, config, fast=False)
    assert fast.events == slow.events
    assert [type(message) for message in fast.messages] == [type(each) for each in slow.messages]
    assert error_of(fast) == error_of(slow)
    assert fast.sent == slow.sent
    assert one.close_sent == other.close_sent
    assert one.close_received == other.close_received
    assert one.buffered == other.buffered


@MORE
@given(pieces=cut(), config=CONFIGS, agreed=AGREED)
def test_how_it_is_cut_does_not_matter(
    pieces: list[bytes], config: ProtoConfig, agreed: DeflateParameters | None
) -> None:
    """The same events come from the same bytes, and an error where there is one."""
    whole, _ = hear([b"".join(pieces)], agreed, config)
    parts, _ = hear(pieces, agreed, config)
    assert parts.events == whole.events
    assert (parts.error is None) == (whole.error is None)


@given(pieces=cut(GOOD))
def test_what_is_right_is_read_to_its_end(pieces: list[bytes]) -> None:
    """Frames that follow the rules give no error unless a text is none; nothing is left over."""
    data = b"".join(pieces)
    heard, websocket = hear(pieces, DEFLATE)
    assert heard.failed in (None, 1007)
    if heard.failed is None:
        more, _ = hear(octets(data) if len(data) < 2_000 else [data], DEFLATE)
        assert more.events == heard.events
        assert more.sent == heard.sent
        websocket.receive_data(frame(b"end"))
        assert websocket.next_event() == MessageReceived("end")
    assert websocket.buffered == 0
