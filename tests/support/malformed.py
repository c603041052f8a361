"""Requests that must be refused, each with the statuses that are right for it (RFC 9112).

HEADS break in the head: no application may be called. BODIES break behind a head that is fine.
"""

FIRST = b"POST /echo?name=NAME HTTP/1.1\r\nHost: testing\r\n"
CHUNKED = FIRST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def get(target: bytes) -> bytes:
    """Return a request for a target."""
    return b"GET %b HTTP/1.1\r\nHost: testing\r\n\r\n" % target


def field(line: bytes) -> bytes:
    """Return a request with one more field line, as it stands."""
    return b"GET / HTTP/1.1\r\nHost: testing\r\n%b\r\n\r\n" % line


def length(value: bytes) -> bytes:
    """Return a request with five bytes of body and this Content-Length."""
    return FIRST + b"Content-Length: %b\r\n\r\n01234" % value


def coding(value: bytes) -> bytes:
    """Return a request with this Transfer-Encoding and a chunked body."""
    return FIRST + b"Transfer-Encoding: %b\r\n\r\n" % value + END


HEADS: dict[str, tuple[bytes, set[int]]] = {
    # Framing that two readers could understand in two ways.
    "length-and-chunked": (
        FIRST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
        {400},
    ),
    "chunked-and-length": (
        FIRST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + END,
        {400},
    ),
    "length-twice-differs": (
        FIRST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n01234",
        {400},
    ),
    "length-twice-equal": (FIRST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n01234", {400}),
    "length-list": (length(b"5, 5"), {400}),
    "length-plus": (length(b"+5"), {400}),
    "length-minus": (length(b"-5"), {400}),
    "length-underscore": (length(b"1_0"), {400}),
    "length-space-inside": (length(b"1 0"), {400}),
    "length-hex": (length(b"0x5"), {400}),
    "length-point": (length(b"5.0"), {400}),
    "length-arabic-digit": (length("\u0665".encode()), {400}),
    "length-superscript": (length(b"\xb2"), {400}),
    "length-empty": (length(b""), {400}),
    "length-word": (length(b"five"), {400}),
    "length-beyond-all-numbers": (length(b"9" * 5000), {400, 413}),
    "coding-unknown": (coding(b"xchunked"), {501, 400}),
    "coding-gzip": (coding(b"gzip, chunked"), {501, 400}),
    "coding-after-chunked": (coding(b"chunked, identity"), {501, 400}),
    "coding-identity": (coding(b"identity"), {501, 400}),
    "coding-stacked": (coding(b"chunked, chunked"), {501, 400}),
    "coding-empty": (coding(b""), {501, 400}),
    "coding-vertical-tab": (coding(b"\x0bchunked"), {400, 501}),
    "coding-quoted": (coding(b'"chunked"'), {400, 501}),
    "coding-twice": (
        FIRST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
        {501, 400},
    ),
    "coding-twice-other": (
        FIRST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + END,
        {501, 400},
    ),
    "coding-bad-with-length": (
        FIRST + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n01234",
        {400, 501},
    ),
    "coding-on-1.0": (
        b"POST /echo HTTP/1.0\r\nHost: testing\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
        {400},
    ),
    "coding-hidden-in-name": (field(b"Transfer-Encoding:chunked;a: b"), {400, 501}),
    "coding-behind-bare-cr": (field(b"X: \rTransfer-Encoding: chunked"), {400}),
    # Lines and what stands in them.
    "fold-space": (field(b"X-A: 1\r\n 2"), {400}),
    "fold-tab": (field(b"X-A: 1\r\n\t2"), {400}),
    "fold-first": (b"GET / HTTP/1.1\r\n Host: testing\r\n\r\n", {400}),
    "fold-of-coding": (field(b"Transfer-Encoding: \r\n chunked"), {400}),
    "bare-lf": (b"GET / HTTP/1.1\nHost: testing\n\n", {400}),
    "bare-lf-in-fields": (b"GET / HTTP/1.1\r\nHost: testing\nX-A: 1\r\n\r\n", {400}),
    "bare-lf-at-the-end": (b"GET / HTTP/1.1\r\nHost: testing\r\n\nX: 1\r\n\r\n", {400}),
    "bare-cr-in-value": (field(b"X-A: 1\r2"), {400}),
    "bare-cr-in-request-line": (b"GET /\r HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "cr-cr-lf": (b"GET / HTTP/1.1\r\r\nHost: testing\r\n\r\n", {400}),
    "nul-in-value": (field(b"X-A: 1\x002"), {400}),
    "nul-in-name": (field(b"X\x00A: 1"), {400}),
    "vertical-tab-in-value": (field(b"X-A: a\x0bX-B: b"), {400}),
    "escape-in-value": (field(b"X-A: \x1b[31m"), {400}),
    "delete-in-value": (field(b"X-A: \x7f"), {400}),
    "space-before-colon": (field(b"X-A : 1"), {400}),
    "tab-before-colon": (field(b"X-A\t: 1"), {400}),
    "space-before-colon-of-length": (field(b"Content-Length : 5"), {400}),
    "no-colon": (field(b"X-A"), {400}),
    "no-name": (field(b": 1"), {400}),
    "name-beyond-ascii": (field("X-\u00c4: 1".encode()), {400}),
    "name-with-brackets": (field(b"X(A): 1"), {400}),
    # The request line.
    "host-missing": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "host-twice": (field(b"Host: testing"), {400}),
    "host-with-path": (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", {400}),
    "host-with-user": (b"GET / HTTP/1.1\r\nHost: user@x\r\n\r\n", {400}),
    "host-with-space": (b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", {400}),
    "host-list": (b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", {400}),
    "host-bad-port": (b"GET / HTTP/1.1\r\nHost: x:port\r\n\r\n", {400}),
    "connect": (b"CONNECT testing:443 HTTP/1.1\r\nHost: testing:443\r\n\r\n", {400, 405, 501}),
    "authority-form": (get(b"testing:443"), {400}),
    "asterisk": (get(b"*"), {400}),
    "relative-target": (get(b"foo"), {400}),
    "empty-target": (b"GET  HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "target-with-space": (get(b"/a b"), {400}),
    "target-with-tab": (get(b"/a\tb"), {400}),
    "target-with-nul": (get(b"/a\x00b"), {400}),
    "target-with-fragment": (get(b"/a#b"), {400}),
    "target-beyond-ascii": (get("/\u00e4".encode()), {400}),
    "two-spaces": (b"GET  / HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "space-first": (b" GET / HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "space-last": (b"GET / HTTP/1.1 \r\nHost: testing\r\n\r\n", {400}),
    "method-with-brackets": (b"G(T / HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "method-missing": (b"/ HTTP/1.1\r\nHost: testing\r\n\r\n", {400}),
    "version-missing": (b"GET /\r\nHost: testing\r\n\r\n", {400, 505}),
    "version-9.9": (b"GET / HTTP/9.9\r\nHost: testing\r\n\r\n", {505}),
    "version-2.0": (b"GET / HTTP/2.0\r\nHost: testing\r\n\r\n", {505}),
    "version-1.2": (b"GET / HTTP/1.2\r\nHost: testing\r\n\r\n", {505}),
    "version-lower-case": (b"GET / http/1.1\r\nHost: testing\r\n\r\n", {400, 505}),
    "version-long": (b"GET / HTTP/1.10\r\nHost: testing\r\n\r\n", {400, 505}),
    "preface-of-http2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "tls-hello": (bytes.fromhex("16030100c8010000c40303") + bytes(200), {400}),
    "nonsense": (b"nonsense\r\n\r\n", {400}),
    "nul-bytes": (bytes(64) + b"\r\n\r\n", {400}),
}
BODIES: dict[str, bytes] = {
    "data-not-ended": CHUNKED + b"5\r\nhelloXX0\r\n\r\n",
    "data-ended-by-lf": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "data-ended-by-cr": CHUNKED + b"5\r\nhello\rX0\r\n\r\n",
    "data-too-long": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "size-minus": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "size-plus": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "size-underscore": CHUNKED + b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "size-0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-space-first": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "size-missing": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "size-word": CHUNKED + b"five\r\nhello\r\n0\r\n\r\n",
    "size-beyond-all-numbers": CHUNKED + b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "size-64-bits": CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "size-line-ended-by-lf": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "size-line-endless": CHUNKED + b"0" * 100_000,
    "extension-with-bare-cr": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-with-bare-lf": CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension-with-nul": CHUNKED + b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "extension-endless": CHUNKED + b"5;" + b"a" * 200_000,
    "trailer-length": CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer-coding": CHUNKED + b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailer-host": CHUNKED + b"5\r\nhello\r\n0\r\nHost: other\r\n\r\n",
    "trailer-folded": CHUNKED + b"5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n",
    "trailer-space-before-colon": CHUNKED + b"5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n",
    "trailer-nul": CHUNKED + b"5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n",
    "trailer-bare-lf": CHUNKED + b"5\r\nhello\r\n0\r\nX-A: 1\n\r\n",
    "trailer-endless": CHUNKED + b"5\r\nhello\r\n0\r\nX-A: " + b"a" * 200_000,
    "trailers-endless": CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X-A: 1\r\n" * 20_000,
}
