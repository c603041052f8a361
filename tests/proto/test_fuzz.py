"""No bytes from a peer raise anything but the error that is for them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import RemoteProtocolError
from serverkit_proto.http1_body import ChunkedDecoder
from serverkit_proto.http1_head import read_block, read_request_line
from serverkit_proto.http1_target import split_target
from tests.proto.driving import drive
from tests.proto.streams import BAD, PIECES

MORE = settings(max_examples=500)
NONSENSE = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map(b"".join))


@MORE
@given(line=NONSENSE)
def test_request_lines(line: bytes) -> None:
    """A line is method, target and version, or refused."""
    try:
        method, target = read_request_line(line, 100)
        path = split_target(method, target).path
    except RemoteProtocolError:
        return
    assert line.startswith(method + b" " + target + b" HTTP/1.")
    assert path.startswith(b"/") or path == b"*"


@MORE
@given(fields=NONSENSE)
def test_field_blocks(fields: bytes) -> None:
    """Every byte of an accepted block is in a name, in a value, or between them."""
    block = b" HTTP/1.1\r\nHost: a\r\n" + fields
    try:
        parsed = read_block(block, 50)
    except RemoteProtocolError:
        return
    lines = block.split(b"\r\n")[1:]
    assert len(parsed.headers) == len(lines)
    for (name, value), line in zip(parsed.headers, lines, strict=True):
        sent_name, _, sent_value = line.partition(b":")
        assert name == sent_name.lower()
        assert value == sent_value.strip(b" \t")


@MORE
@given(data=NONSENSE, cut=st.integers(0, 300))
def test_chunks(data: bytes, cut: int) -> None:
    """The decoder never goes back, never beyond the end, and never raises."""
    decoder = ChunkedDecoder(ProtoConfig())
    content, position = decoder.decode(data[:cut], 0)
    assert 0 <= position <= min(cut, len(data))
    assert len(content) <= position
    if decoder.error is None and not decoder.complete:
        more, end = decoder.decode(data, position)
        assert position <= end <= len(data)
        assert len(content) + len(more) <= end


@MORE
@given(data=BAD)
def test_connections(data: bytes) -> None:
    """After any bytes, the connection is dead or goes on, and can say which."""
    outcome, connection = drive([data], eof=True)
    if outcome.error is not None:
        assert not connection.keep_alive
        assert connection.next_event() is None
        assert connection.buffered == 0
