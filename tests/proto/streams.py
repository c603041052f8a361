"""Strategies for what clients send: good streams, bad ones, and places to cut them."""

import itertools

from hypothesis import strategies as st

TCHAR = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OWS = st.sampled_from([b"", b" ", b"\t", b" \t "])
TOKENS = st.text(TCHAR, min_size=1, max_size=12).map(str.encode)
VALUES = st.text(
    st.characters(max_codepoint=255, exclude_characters="\x7f", min_codepoint=33), max_size=12
).map(lambda text: text.encode("latin-1"))
METHODS = st.one_of(
    st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"get"]),
    TOKENS.filter(lambda method: method != b"CONNECT"),
)
PATHS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=15
).map(lambda text: b"/" + text.encode())
TARGETS = st.one_of(
    PATHS,
    PATHS.map(lambda path: b"http://b:80" + path),
    st.sampled_from([b"http://b", b"HTTPS://b?c"]),
)
# Fields that frame the message are added where they are true.
FRAMING = {b"content-length", b"transfer-encoding", b"host"}
FIELDS = st.lists(
    st.one_of(
        st.builds(
            lambda name, before, value, after: name + b":" + before + value + after,
            TOKENS.filter(lambda name: name.lower() not in FRAMING),
            OWS,
            VALUES,
            OWS,
        ),
        st.sampled_from(
            [
                b"Connection: close",
                b"connection: Keep-Alive, x",
                b"Expect: 100-continue",
                b"TE: trailers, gzip",
                b"Cookie: a=b",
                b"Cookie: c=d",
            ]
        ),
    ),
    max_size=5,
)
EXTENSIONS = st.sampled_from([b"", b"", b";a", b";a=b", b'; a = "b;\\"\\\\ c" ;d'])
TRAILERS = st.lists(st.sampled_from([b"X-Sum: 1", b"x-b:", b"ETag: \ta\t"]), max_size=3)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """Draw a body in chunks, with extensions and trailers."""
    body = b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4)):
        size = draw(st.sampled_from([b"%x", b"%X", b"%016x"])) % len(chunk)
        body += size + draw(EXTENSIONS) + b"\r\n" + chunk + b"\r\n"
    lines = [line + b"\r\n" for line in draw(TRAILERS)]
    return body + b"0" + draw(EXTENSIONS) + b"\r\n" + b"".join(lines) + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw a request that breaks no rule."""
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    fields = draw(FIELDS)
    body = b""
    framing = draw(st.sampled_from(["none", "none", "length", "chunked"]))
    if framing == "length":
        body = draw(st.binary(max_size=100))
        fields.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked" and version == b"1.1":
        body = draw(chunked_bodies())
        fields.append(draw(st.sampled_from([b"Transfer-Encoding: chunked", b"tE: x"])))
        if fields[-1] == b"tE: x":
            fields[-1] = b"transfer-encoding:\tChunked "
    if version == b"1.1" or draw(st.booleans()):
        fields.insert(draw(st.integers(0, len(fields))), b"hOst: a.b:80")
    line = b"%b %b HTTP/%b" % (draw(METHODS), draw(TARGETS), version)
    empty = draw(st.sampled_from([b"", b"", b"\r\n", b"\r\n\r\n"]))
    return empty + b"\r\n".join([line, *fields, b"", b""]) + body


GOOD = st.lists(requests(), min_size=1, max_size=4).map(b"".join)

PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\x00", b"\x0b", b"\x85", b"\xff", b" "),
        *(b"\t", b":", b",", b";", b"-", b"+", b"_", b"0", b"5", b"0x5", b"#", b"%", b"?", b"/"),
        *(b"GET ", b"POST / ", b"OPTIONS *", b"CONNECT a:1 ", b" HTTP/1.1", b" HTTP/1.0", b"a"),
        *(b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"Host: ", b"Content-Length: 5\r\n"),
        *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: "),
        *(b"chunked", b"identity", b"Connection: close\r\n", b"Expect: 100-continue\r\n"),
        *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"hello", b"ffffffffffffffff\r\n", b"X-A: b\r\n"),
    ]
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Draw a good stream in which something was cut out or put in."""
    data = draw(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        data = data[:start] + draw(st.one_of(PIECES, st.binary(max_size=3))) + data[end:]
    return data


BAD = st.one_of(spoiled(), st.lists(PIECES, max_size=40).map(b"".join), st.binary(max_size=200))
ANY = st.one_of(GOOD, BAD)


@st.composite
def cuts(draw: st.DrawFn, streams: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """Draw a stream and the same stream in pieces."""
    data = draw(streams)
    points = draw(st.sets(st.integers(0, len(data)), max_size=12))
    edges = [0, *sorted(points), len(data)]
    return data, [data[a:b] for a, b in itertools.pairwise(edges)]
