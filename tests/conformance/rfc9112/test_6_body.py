"""RFC 9112 section 6: where a message ends, which nobody may doubt."""

import pytest

from tests.conformance.rfc9112.conftest import Read

LINE = b"POST / HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_declared_length_ends_the_body(read: Read) -> None:
    """Exactly as many bytes as declared are content; the next request follows (6.3)."""
    outcome = read(LINE + b"Content-Length: 5\r\n\r\nhello" + NEXT)
    assert outcome.error is None
    first, second = outcome.messages
    assert (first.request.content_length, first.request.end) == (5, False)
    assert (first.body, first.complete) == (b"hello", True)
    assert second.request.raw_path == b"/next"


def test_chunked_ends_the_body(read: Read) -> None:
    """The last chunk ends the content; the next request follows (6.3)."""
    outcome = read(LINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + NEXT)
    assert outcome.error is None
    first, second = outcome.messages
    assert (first.request.content_length, first.request.end) == (None, False)
    assert (first.body, first.complete) == (b"hello", True)
    assert second.request.raw_path == b"/next"


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"QUERY"])
def test_any_method_may_have_a_body(read: Read, method: bytes) -> None:
    """Framing does not depend on the method (6.3)."""
    data = b"%b / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" % method
    assert read(data).only.body == b"hello"


def test_without_length_and_coding_there_is_no_body(read: Read) -> None:
    """A request has no body unless it says so (6.3)."""
    outcome = read(LINE + b"\r\n" + NEXT)
    assert [message.request.end for message in outcome.messages] == [True, True]


def test_a_length_of_zero_is_no_body(read: Read) -> None:
    """The request is complete with its head."""
    request = read(LINE + b"Content-Length: 0\r\n\r\n").only.request
    assert (request.content_length, request.end) == (0, True)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"Content-Length: \r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: +5\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 05\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 00\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: -5\r\n", "NEGATIVE_CONTENT_LENGTH"),
        (b"Content-Length: 1_0\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 1 0\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 0x5\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 5.0\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 5;a\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: \xd9\xa5\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: \xb2\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 12345678901234567890\r\n", "BAD_CONTENT_LENGTH"),
        (b"Content-Length: 5, 5\r\n", "DUPLICATE_CONTENT_LENGTH"),
        (b"Content-Length: 5,6\r\n", "DUPLICATE_CONTENT_LENGTH"),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n", "DUPLICATE_CONTENT_LENGTH"),
        (b"Content-Length: 5\r\ncontent-length: 6\r\n", "DUPLICATE_CONTENT_LENGTH"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "SMUGGLING_CL_TE"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "SMUGGLING_CL_TE"),
        (b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "SMUGGLING_CL_TE"),
        (b"Transfer-Encoding: \r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: ,\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked,\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked, chunked\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked, gzip\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked, identity\r\n", "BAD_TRANSFER_ENCODING"),
        (b'Transfer-Encoding: "chunked"\r\n', "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked;a=b\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: chunked a\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding:chunked;a: b\r\n", "BAD_TRANSFER_ENCODING"),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "BAD_TRANSFER_ENCODING",
        ),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "BAD_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: xchunked\r\n", "UNKNOWN_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: identity\r\n", "UNKNOWN_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: gzip\r\n", "UNKNOWN_TRANSFER_ENCODING"),
        (b"Transfer-Encoding: gzip, chunked\r\n", "UNKNOWN_TRANSFER_ENCODING"),
    ],
)
def test_doubtful_framing_is_refused(read: Read, lines: bytes, code: str) -> None:
    """Where two readers could see two ends, there is no request (6.1 to 6.3, RFC 9110 8.6)."""
    outcome = read(LINE + lines + b"\r\n5\r\nhello\r\n0\r\n\r\n" + NEXT)
    assert (outcome.messages, outcome.code) == ([], code)
    assert outcome.error is not None
    assert outcome.error.status == (501 if code.startswith("UNKNOWN") else 400)


def test_chunked_is_case_insensitive(read: Read) -> None:
    """Names of codings have no case (7)."""
    data = LINE + b"Transfer-Encoding: CHUNked\r\n\r\n0\r\n\r\n"
    assert read(data).only.complete


def test_http_1_0_has_no_transfer_encoding(read: Read) -> None:
    """Who says HTTP/1.0 and Transfer-Encoding says two things about framing (6.1)."""
    data = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert read(data).code == "TE_ON_HTTP10"


def test_the_longest_length_is_read(read: Read) -> None:
    """Nineteen digits are a length; the worker decides what is too much."""
    outcome = read(LINE + b"Content-Length: 9999999999999999999\r\n\r\n")
    assert outcome.messages[0].request.content_length == 9999999999999999999


@pytest.mark.parametrize(
    "data",
    [
        LINE + b"Content-Length: 5\r\n\r\nhell",
        LINE + b"Content-Length: 5\r\n\r\n",
        LINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
        LINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        LINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r",
    ],
)
def test_a_body_cut_short_is_not_complete(read: Read, data: bytes) -> None:
    """The end of the connection ends no request (8)."""
    outcome = read(data, eof=True)
    assert outcome.code == "INCOMPLETE_BODY"
    assert not outcome.messages[0].complete


def test_a_head_cut_short_is_refused(read: Read) -> None:
    """A part of a head is no request; nothing at all is no error (8)."""
    assert read(LINE, eof=True).code == "INCOMPLETE_HEAD"
    assert read(b"", eof=True).error is None
    assert read(LINE + b"\r\n\r\n", eof=True).error is None
