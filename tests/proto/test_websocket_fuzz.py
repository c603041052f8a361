"""No bytes from a peer raise anything but the error that is for them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import RemoteProtocolError
from serverkit_proto.websocket_deflate import Inflater, negotiate
from serverkit_proto.websocket_handshake import read_extensions, read_subprotocols
from tests.proto.framing import DEFLATE, frame, hear, listen, sent_close
from tests.proto.websocket_streams import STREAMS

MORE = settings(max_examples=300)
NAMES = st.sampled_from(
    [
        *("permessage-deflate", "server_max_window_bits", "client_max_window_bits"),
        *("server_no_context_takeover", "client_no_context_takeover", "foo", "a b", "\u00e9"),
    ]
)
PARTS = st.one_of(
    NAMES,
    st.sampled_from([";", ",", "=", " ", '"', "\\", "\t", "8", "10", '"10"']),
    st.text(max_size=3),
)
VALUES = st.lists(PARTS, max_size=12).map(lambda parts: "".join(parts).encode("utf-8"))
CLOSE_CODES = {None, 1002, 1007, 1009}


@MORE
@given(data=STREAMS | st.binary(max_size=300), limit=st.sampled_from([1, 100, 100_000]))
def test_frames(data: bytes, limit: int) -> None:
    """After any bytes the WebSocket has ended, with one close frame, or goes on."""
    config = ProtoConfig(websocket_max_message_size=limit)
    for agreed in (None, DEFLATE):
        heard, websocket = hear([data], agreed, config)
        assert heard.failed in CLOSE_CODES
        assert (sent_close(heard.sent) is not None) == websocket.close_sent
        if websocket.close_sent:
            assert websocket.buffered == 0
            assert websocket.next_event() is None
        for message in heard.messages:
            size = len(message.encode() if isinstance(message, str) else message)
            assert size <= limit


@MORE
@given(data=st.binary(max_size=300), payload=st.binary(max_size=300))
def test_deflated_nonsense(data: bytes, payload: bytes) -> None:
    """Whatever is inflated, it is a message or an error, and no more than the limit."""
    inflater = Inflater(DEFLATE, 1_000)
    try:
        for piece in (data, payload):
            assert len(inflater.inflate(piece, end=True)) <= 1_000
    except RemoteProtocolError:
        return


@MORE
@given(values=st.lists(VALUES, max_size=3))
def test_extensions(values: list[bytes]) -> None:
    """Any field is a list of offers or refused; what is agreed on is within bounds."""
    headers = [(b"sec-websocket-extensions", value) for value in values]
    try:
        extensions = read_extensions(headers)
    except RemoteProtocolError:
        return
    agreed = negotiate(extensions)
    if agreed is not None:
        assert 9 <= agreed.server_max_window_bits <= 12
        assert 8 <= agreed.client_max_window_bits <= 15
        assert b"\n" not in agreed.answer


@MORE
@given(values=st.lists(VALUES, max_size=3))
def test_subprotocols(values: list[bytes]) -> None:
    """Any field is a list of different tokens or refused."""
    headers = [(b"sec-websocket-protocol", value) for value in values]
    try:
        subprotocols = read_subprotocols(headers)
    except RemoteProtocolError:
        return
    assert len(set(subprotocols)) == len(subprotocols)
    assert bool(subprotocols) == bool(values)
    for subprotocol in subprotocols:
        assert subprotocol.isascii()
        assert subprotocol.strip(" \t,") == subprotocol != ""


@MORE
@given(data=STREAMS)
def test_sending_while_anything_comes(data: bytes) -> None:
    """What we send is whole frames, whatever is received between them."""
    heard, websocket = hear([], DEFLATE)
    for start in range(0, len(data), 50):
        if not websocket.close_sent:
            websocket.send_message(frame(data[start : start + 100]))
            websocket.send_message("text" * (start % 30))
        websocket.receive_data(data[start : start + 50])
        if heard.error is None:
            listen(websocket, heard)
    sent_close(heard.sent)
