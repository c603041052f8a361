"""Strategies for what a client may send over a WebSocket, right or wrong."""

import itertools

from hypothesis import strategies as st

from tests.proto.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    deflated,
    frame,
    split,
)

KEYS = st.binary(min_size=4, max_size=4)
TEXTS = st.text(max_size=40) | st.text("ab\u00e9\U0001d11e", min_size=100, max_size=300)
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    TEXTS.map(str.encode),
    st.sampled_from([0, 125, 126, 4_097, 65_536]).map(lambda size: b"a" * size),
    st.just(b"\xed\xa0"),
)
PLAIN = st.builds(
    frame,
    TEXTS.map(str.encode) | st.just(5_000).map(bytes),
    st.sampled_from([TEXT, BINARY]),
    key=KEYS,
)
DEFLATED = st.builds(
    frame, PAYLOADS.map(deflated), st.sampled_from([TEXT, BINARY]), rsv=st.just(4), key=KEYS
)
CONTROL = st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PING, PONG]), key=KEYS)
CLOSES = st.builds(
    lambda code, reason, key: frame(code.to_bytes(2) + reason, CLOSE, key=key),
    st.sampled_from([1000, 1001, 1005, 1012, 1016, 3000, 5000]),
    st.binary(max_size=10) | st.just(b"bye"),
    KEYS,
)


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """Return a message in fragments, cut anywhere, often with control frames between them."""
    payload = draw(TEXTS.map(str.encode) | PAYLOADS)
    is_deflated = draw(st.booleans())
    if is_deflated:
        payload = deflated(payload)
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    edges = [0, *cuts, len(payload)]
    data = b""
    for count, (start, end) in enumerate(itertools.pairwise(edges)):
        data += frame(
            payload[start:end],
            CONTINUATION if count else opcode,
            fin=count == len(edges) - 2,
            rsv=4 if is_deflated and not count else 0,
            key=draw(KEYS),
        )
        if draw(st.booleans()):
            data += draw(CONTROL)
    return data


ANY_FRAME = st.builds(
    frame,
    PAYLOADS,
    st.integers(0, 15),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0, 0, 1, 2, 4, 4, 7]),
    key=st.none() | KEYS,
    width=st.sampled_from([None, None, None, None, None, 2, 8]),
)
GOOD = st.lists(st.one_of(PLAIN, PLAIN, DEFLATED, CONTROL, fragmented()), max_size=8)
"""Frames that follow the rules, if permessage-deflate is agreed on."""

FRAMES = st.builds(
    lambda good, bad, more: [*good, *bad, *more],
    GOOD,
    st.lists(st.one_of(CLOSES, ANY_FRAME, st.binary(max_size=20)), max_size=1),
    st.lists(st.one_of(PLAIN, CONTROL, ANY_FRAME), max_size=3),
)
"""Frames, most often right, with one or more that often are not."""

STREAMS = FRAMES.map(b"".join)

CUTS = st.lists(st.integers(0, 2_000) | st.integers(0, 80_000), max_size=8)


@st.composite
def cut(draw: st.DrawFn, frames: st.SearchStrategy[list[bytes]] = FRAMES) -> list[bytes]:
    """Return what comes in each read: a frame, a part of one, or many."""
    stream = draw(frames)
    if draw(st.booleans()):
        return split(b"".join(stream), draw(CUTS))
    pieces = []
    for each in stream:
        pieces += split(each, draw(st.lists(st.integers(0, 20), max_size=1)))
    return pieces
