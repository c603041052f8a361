"""RFC 9112 section 7: the chunked transfer coding."""

import pytest

from tests.conformance.rfc9112.conftest import Read
from tests.proto.driving import Message

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def chunked(read: Read, body: bytes) -> Message:
    """Read a chunked body; the next request must begin where it ends."""
    outcome = read(HEAD + body + NEXT)
    assert outcome.error is None
    first, second = outcome.messages
    assert first.complete
    assert second.request.raw_path == b"/next"
    return first


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"0\r\n\r\n", b""),
        (b"00000\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", b"hello"),
        (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"000000000000000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello"),
        (b'5;a=b;c="d \\" ; e";f\r\nhello\r\n0\r\n\r\n', b"hello"),
        (b'5; a = b ; c= "d" \r\nhello\r\n0\r\n\r\n', b"hello"),
    ],
)
def test_chunks_are_the_content(read: Read, body: bytes, content: bytes) -> None:
    """Sizes are hexadecimal; extensions are read and ignored (7.1, 7.1.1)."""
    assert chunked(read, body).body == content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\r\n", "BAD_CHUNK_SIZE"),
        (b"-5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"+5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"1_0\r\n0123456789abcdef\r\n", "BAD_CHUNK_SIZE"),
        (b"0x5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b" 5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5 5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5 \r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5\t\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5 ;a\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5h", "BAD_CHUNK_SIZE"),
        (b"0" * 17, "BAD_CHUNK_SIZE"),
        (b"5;" + b"a" * 4_200, "CHUNK_EXTENSIONS_TOO_LARGE"),
        (b"5h\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"\xd9\xa5\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"00000000000000005\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"fffffffffffffffff\r\n", "BAD_CHUNK_SIZE"),
        (b";a\r\nhello\r\n", "BAD_CHUNK_SIZE"),
        (b"5\nhello\r\n", "BARE_LINE_END"),
        (b"5\r\r\nhello\r\n", "BARE_LINE_END"),
        (b"5;a\nhello\r\n", "BARE_LINE_END"),
        (b"5;a\rb\r\nhello\r\n", "BARE_LINE_END"),
        (b"5;\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;;\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;a=\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;=a\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b'5;a="b\r\nhello\r\n', "BAD_CHUNK_EXTENSION"),
        (b"5;a=b c\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;a\x00\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;\xc3\xa4\r\nhello\r\n", "BAD_CHUNK_EXTENSION"),
        (b"5;" + b"a" * 4_096 + b"\r\nhello\r\n", "CHUNK_EXTENSIONS_TOO_LARGE"),
        (b"1;" + b"a" * 4_095 + b"\r\n" + b"h\r\n", None),
        ((b"1;" + b"a" * 1_023 + b"\r\nh\r\n") * 5, "CHUNK_EXTENSIONS_TOO_LARGE"),
        (b"5\r\nhelloXX0\r\n\r\n", "BAD_CHUNK_END"),
        (b"5\r\nhello!\r\n0\r\n\r\n", "BAD_CHUNK_END"),
        (b"5\r\nhell\r\n0\r\n\r\n", "BAD_CHUNK_END"),
        (b"5\r\nhello\n0\r\n\r\n", "BAD_CHUNK_END"),
        (b"5\r\nhello\r\r", "BAD_CHUNK_END"),
        (b"5\r\nhello\rX0\r\n\r\n", "BAD_CHUNK_END"),
        (b"5\r\nhello0\r\n\r\n", "BAD_CHUNK_END"),
    ],
)
def test_malformed_chunks_are_refused(read: Read, body: bytes, code: str | None) -> None:
    """A size, an extension or an end of data that is not exactly right is refused (7.1)."""
    outcome = read(HEAD + body)
    assert outcome.code == code
    assert not outcome.messages[0].complete


def test_content_before_a_bad_chunk_is_delivered(read: Read) -> None:
    """What was good until the error has been content, however it was cut."""
    outcome = read(HEAD + b"5\r\nhello\r\nX\r\n")
    assert (outcome.messages[0].body, outcome.code) == (b"hello", "BAD_CHUNK_SIZE")


def test_trailers_follow_the_last_chunk(read: Read) -> None:
    """Trailer fields come with the end of the body, as fields do (7.1.2)."""
    message = chunked(read, b"5\r\nhello\r\n0\r\nX-A:  1 \r\nX-B: 2\r\nX-A: 3\r\n\r\n")
    assert message.trailers == ((b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"X A: 1\r\n", "BAD_TRAILER"),
        (b"X-A : 1\r\n", "BAD_TRAILER"),
        (b"X-A\r\n", "BAD_TRAILER"),
        (b"X-A: 1\r\n b\r\n", "BAD_TRAILER"),
        (b" X-A: 1\r\n", "BAD_TRAILER"),
        (b"X-A: \x00\r\n", "BAD_TRAILER"),
        (b"X-A: 1\nX-B: 2\r\n", "BARE_LINE_END"),
        (b"X-A: 1\n\n", "BARE_LINE_END"),
        (b"\n", "BARE_LINE_END"),
        (b"X-A: \rb\r\n", "BARE_LINE_END"),
        (b"Content-Length: 1\r\n", "FORBIDDEN_TRAILER"),
        (b"transfer-encoding: chunked\r\n", "FORBIDDEN_TRAILER"),
        (b"X-A: 1\r\nHost: b\r\n", "FORBIDDEN_TRAILER"),
        (b"Authorization: b\r\n", "FORBIDDEN_TRAILER"),
        (b"Content-Type: b\r\n", "FORBIDDEN_TRAILER"),
        (b"Trailer: b\r\n", "FORBIDDEN_TRAILER"),
        (b"X-A: 1\r\n" * 6, "TRAILERS_TOO_LARGE"),
        (b"X-A: " + b"a" * 500 + b"\r\n", "TRAILERS_TOO_LARGE"),
        (b"a" * 600, "TRAILERS_TOO_LARGE"),
    ],
)
def test_bad_trailers_are_refused(read: Read, lines: bytes, code: str) -> None:
    """Malformed, forbidden, too many or too large trailers are refused (RFC 9110 6.5.1)."""
    outcome = read(HEAD + b"0\r\n" + lines + b"\r\n", max_headers=5, max_header_size=500)
    assert outcome.code == code
    assert outcome.error is not None
    assert outcome.error.status == 400
    assert not outcome.messages[0].complete


def test_the_largest_trailer_section_is_read(read: Read) -> None:
    """The limit is that of a head: the empty line counts."""
    line = b"X-A: " + b"a" * 491 + b"\r\n"
    assert read(HEAD + b"0\r\n" + line + b"\r\n", max_header_size=500).only.complete
    longer = b"X-A: " + b"a" * 492 + b"\r\n"
    outcome = read(HEAD + b"0\r\n" + longer + b"\r\n", max_header_size=500)
    assert outcome.code == "TRAILERS_TOO_LARGE"
    assert read(HEAD + b"0\r\n" + b"a" * 500, max_header_size=500).code == "TRAILERS_TOO_LARGE"
    assert read(HEAD + b"0\r\n" + b"a" * 499, max_header_size=500).code is None
