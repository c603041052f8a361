"""RFC 9112 section 5: field lines, and the limits on them."""

import pytest

from tests.conformance.rfc9112.conftest import Read

LINE = b"GET / HTTP/1.1\r\nHost: a\r\n"


def fields(read: Read, lines: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields after Host."""
    return read(LINE + lines + b"\r\n").only.request.headers[1:]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"X-A: b\r\n", (b"x-a", b"b")),
        (b"X-A:b\r\n", (b"x-a", b"b")),
        (b"X-A:\r\n", (b"x-a", b"")),
        (b"X-A: \t \r\n", (b"x-a", b"")),
        (b"X-A: \t b \t c \t \r\n", (b"x-a", b"b \t c")),
        (b"X-A: b\t\r\n", (b"x-a", b"b")),
        (b"X-A: b \r\n", (b"x-a", b"b")),
        (b"X-A: b: c:\r\n", (b"x-a", b"b: c:")),
        (b"X-A: \xc3\xa4\xff\r\n", (b"x-a", b"\xc3\xa4\xff")),
        (b"!#$%&'*+-.^_`|~09: b\r\n", (b"!#$%&'*+-.^_`|~09", b"b")),
    ],
)
def test_a_field_has_name_and_value(read: Read, line: bytes, field: tuple[bytes, bytes]) -> None:
    """Names come in lower case, values without the white space around them (5, 5.1)."""
    assert fields(read, line) == [field]
    assert fields(read, line + b"Z: 1\r\n") == [field, (b"z", b"1")]


def test_fields_keep_their_order(read: Read) -> None:
    """Fields of the same name stay apart and in order (RFC 9110 section 5.3)."""
    pairs = [(b"b", b"1"), (b"a", b"2"), (b"b", b"3")]
    assert fields(read, b"B: 1\r\nA: 2\r\nb: 3\r\n") == pairs


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"X-A : b\r\n", "BAD_HEADER_NAME"),
        (b"X-A\t: b\r\n", "BAD_HEADER_NAME"),
        (b"Content-Length : 5\r\n", "BAD_HEADER_NAME"),
        (b"X A: b\r\n", "BAD_HEADER_NAME"),
        (b"X-A\r\n", "BAD_HEADER_NAME"),
        (b": b\r\n", "BAD_HEADER_NAME"),
        (b"X(A): b\r\n", "BAD_HEADER_NAME"),
        (b"X\x00A: b\r\n", "BAD_HEADER_NAME"),
        (b"X-\xc3\x84: b\r\n", "BAD_HEADER_NAME"),
        (b"Transfer-Encoding;chunked: b\r\n", "BAD_HEADER_NAME"),
        (b"X-A: 1\r\n b\r\n", "OBSOLETE_FOLDING"),
        (b"X-A: 1\r\n\tb\r\n", "OBSOLETE_FOLDING"),
        (b"X-A: 1\r\n b: c\r\n", "OBSOLETE_FOLDING"),
        (b"Transfer-Encoding:\r\n chunked\r\n", "OBSOLETE_FOLDING"),
        (b"X-A: 1\x00\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: a\x0bX-B: b\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: a\x0cX-B: b\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: a\x1cX-B: b\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: \x1b[31m\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: \x7f\r\n", "BAD_HEADER_VALUE"),
        (b"X-A: \x01\r\n", "BAD_HEADER_VALUE"),
    ],
)
def test_a_malformed_field_is_refused(read: Read, line: bytes, code: str) -> None:
    """A line that is no field is refused, wherever it stands; nothing is folded (5.1, 5.2)."""
    assert read(LINE + line + b"\r\n").code == code
    assert read(LINE + line + b"X-Z: z\r\n\r\n").code == code


def test_the_first_line_of_fields_cannot_be_folded(read: Read) -> None:
    """White space before the first field is refused too (2.2)."""
    assert read(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n").code == "OBSOLETE_FOLDING"


def test_too_many_fields_are_431(read: Read) -> None:
    """As many fields as allowed are read, one more is refused."""
    assert read(LINE + b"A: b\r\n" * 4 + b"\r\n", max_headers=5).only.complete
    outcome = read(LINE + b"A: b\r\n" * 5 + b"\r\n", max_headers=5)
    assert outcome.error is not None
    assert (outcome.code, outcome.error.status) == ("TOO_MANY_HEADERS", 431)


def test_too_large_a_head_is_431(read: Read) -> None:
    """A head of the largest size is read, one byte more is refused."""
    head = LINE + b"A: b\r\n\r\n"
    assert read(head, max_header_size=len(head)).only.complete
    outcome = read(head, max_header_size=len(head) - 1)
    assert outcome.error is not None
    assert (outcome.code, outcome.error.status) == ("HEADERS_TOO_LARGE", 431)


def test_a_head_that_does_not_end_is_431(read: Read) -> None:
    """The end of too large a head is not waited for."""
    assert read(LINE + b"A: " + b"b" * 1000, max_header_size=500).code == "HEADERS_TOO_LARGE"


def test_a_request_line_that_does_not_end_says_what_is_too_long(read: Read) -> None:
    """It is not waited for either: the target is what grew, or else the method."""
    assert read(b"GET /" + b"a" * 1000, max_header_size=500).code == "TARGET_TOO_LONG"
    assert read(b"G" * 1000, max_header_size=500).code == "BAD_METHOD"
    assert read(b"G" * 500, max_header_size=500).code == "BAD_METHOD"
    assert read(b"G" * 499, max_header_size=500).code is None


def test_the_size_counts_for_each_head_alone(read: Read) -> None:
    """What other requests and bodies took does not count."""
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
    outcome = read(post * 3, max_header_size=60)
    assert outcome.error is None
    assert len(outcome.messages) == 3
