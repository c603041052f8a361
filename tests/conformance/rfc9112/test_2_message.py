"""RFC 9112 section 2: message format, lines and versions."""

import pytest

from tests.conformance.rfc9112.conftest import Read


def test_a_request_has_line_fields_and_nothing_else(read: Read) -> None:
    """Each part of a plain GET arrives as it was sent (2.1)."""
    request = read(
        b"GET /a%20b?x=1&y HTTP/1.1\r\nHost: a.b:80\r\nX-One:  1 \t\r\n\r\n"
    ).only.request
    assert request._asdict() == {
        "method": "GET",
        "target": b"/a%20b?x=1&y",
        "raw_path": b"/a%20b",
        "query_string": b"x=1&y",
        "headers": [(b"host", b"a.b:80"), (b"x-one", b"1")],
        "http_version": "1.1",
        "content_length": None,
        "end": True,
        "expect_continue": False,
        "accepts_trailers": False,
        "upgrade": False,
    }


@pytest.mark.parametrize("count", [1, 2, 8])
def test_empty_lines_before_a_request_are_ignored(read: Read, count: int) -> None:
    """Some empty lines before the request line do no harm, each time anew (2.2)."""
    request = b"\r\n" * count + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    outcome = read(request * 3)
    assert outcome.error is None
    assert [message.request.raw_path for message in outcome.messages] == [b"/"] * 3


def test_empty_lines_are_not_ignored_for_ever(read: Read) -> None:
    """The ninth empty line is refused (2.2 asks for one)."""
    outcome = read(b"\r\n" * 9 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (outcome.messages, outcome.code) == ([], "TOO_MANY_EMPTY_LINES")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \rTransfer-Encoding: chunked\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_line_ends_with_crlf_only(read: Read, data: bytes) -> None:
    """A CR or an LF that stands alone ends nothing and is refused (2.2)."""
    outcome = read(data)
    assert (outcome.messages, outcome.code) == ([], "BARE_LINE_END")


@pytest.mark.parametrize(
    ("version", "code", "status"),
    [
        (b"HTTP/0.9", "UNSUPPORTED_VERSION", 505),
        (b"HTTP/1.2", "UNSUPPORTED_VERSION", 505),
        (b"HTTP/2.0", "UNSUPPORTED_VERSION", 505),
        (b"HTTP/9.9", "UNSUPPORTED_VERSION", 505),
        (b"http/1.1", "BAD_VERSION", 400),
        (b"HTTP/1.10", "BAD_VERSION", 400),
        (b"HTTP/11", "BAD_VERSION", 400),
        (b"HTTP/1", "BAD_VERSION", 400),
        (b"HTTP/1,1", "BAD_VERSION", 400),
        (b"HTTP/-1.1", "BAD_VERSION", 400),
        (b"HTTPS/1.1", "BAD_VERSION", 400),
        (b"ICY/1.1", "BAD_VERSION", 400),
    ],
)
def test_only_versions_1_0_and_1_1(read: Read, version: bytes, code: str, status: int) -> None:
    """Another version is 505, what is no version is 400 (2.3)."""
    outcome = read(b"GET / %b\r\nHost: a\r\n\r\n" % version)
    assert outcome.error is not None
    assert (outcome.code, outcome.error.status) == (code, status)


def test_the_preface_of_http2_is_another_version(read: Read) -> None:
    """A client that assumes HTTP/2 is told that it is not spoken (RFC 9113 section 3.4)."""
    assert read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").code == "UNSUPPORTED_VERSION"


@pytest.mark.parametrize(
    "hello", [b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(200), b"\x05\x01\x00", b"{}"]
)
def test_another_protocol_is_refused_at_its_first_bytes(read: Read, hello: bytes) -> None:
    """What cannot become a method is not waited for until a line end."""
    assert read(hello).code == "BAD_METHOD"
