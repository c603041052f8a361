"""RFC 9112 section 3: the request line, its target and the Host."""

import pytest

from tests.conformance.rfc9112.conftest import Read


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"GET /", "MALFORMED_REQUEST_LINE"),
        (b"GET", "MALFORMED_REQUEST_LINE"),
        (b"GET HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET  HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET  / HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET /  HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET / HTTP/1.1 ", "MALFORMED_REQUEST_LINE"),
        (b"GET /a b HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b" GET / HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET / HTTP/1.1 HTTP/1.1", "MALFORMED_REQUEST_LINE"),
        (b"GET\t/\tHTTP/1.1", "BAD_METHOD"),
        (b"/ HTTP/1.1", "BAD_METHOD"),
        (b"G(T / HTTP/1.1", "BAD_METHOD"),
        (b"G\x00T / HTTP/1.1", "BAD_METHOD"),
        (b"G\xc3\x84T / HTTP/1.1", "BAD_METHOD"),
        (b"GET: / HTTP/1.1", "BAD_METHOD"),
        (b"CONNECT a:443 HTTP/1.1", "CONNECT"),
        (b"CONNECT / HTTP/1.1", "CONNECT"),
        (b"GET a:443 HTTP/1.1", "BAD_TARGET"),
        (b"GET a HTTP/1.1", "BAD_TARGET"),
        (b"GET ?a HTTP/1.1", "BAD_TARGET"),
        (b"GET * HTTP/1.1", "BAD_TARGET"),
        (b"OPTIONS *a HTTP/1.1", "BAD_TARGET"),
        (b"GET /a#b HTTP/1.1", "BAD_TARGET"),
        (b"GET /#?a HTTP/1.1", "BAD_TARGET"),
        (b"GET /?a#b HTTP/1.1", "BAD_TARGET"),
        (b"GET /a\x00 HTTP/1.1", "BAD_TARGET"),
        (b"GET /a\tb HTTP/1.1", "BAD_TARGET"),
        (b"GET /\x7f HTTP/1.1", "BAD_TARGET"),
        (b"GET /\x0b HTTP/1.1", "BAD_TARGET"),
        (b"GET /\xc3\xa4 HTTP/1.1", "BAD_TARGET"),
        (b"GET /?\xff HTTP/1.1", "BAD_TARGET"),
        (b"GET http:///a HTTP/1.1", "BAD_TARGET"),
        (b"GET http://:80/a HTTP/1.1", "BAD_TARGET"),
        (b"GET http:a HTTP/1.1", "BAD_TARGET"),
        (b"GET ftp://a/ HTTP/1.1", "BAD_TARGET"),
        (b"GET http://u:p@a/ HTTP/1.1", "BAD_TARGET"),
        (b"GET http://a:x/ HTTP/1.1", "BAD_TARGET"),
        (b"GET http://a#b HTTP/1.1", "BAD_TARGET"),
        (b"GET http://a%zz/ HTTP/1.1", "BAD_TARGET"),
    ],
)
def test_a_malformed_line_is_refused(read: Read, line: bytes, code: str) -> None:
    """A request line that is not three good parts is refused, without its fields (3)."""
    outcome = read(line + b"\r\nHost: a\r\n\r\n")
    assert (outcome.messages, outcome.code) == ([], code)
    assert read(line + b"\r\n").code == code


def test_connect_is_not_implemented(read: Read) -> None:
    """CONNECT is for proxies: 501 (RFC 9110 section 9.3.6)."""
    outcome = read(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
    assert outcome.error is not None
    assert outcome.error.status == 501


@pytest.mark.parametrize("method", [b"GET", b"get", b"QUERY", b"M-SEARCH", b"!#$%&'*+-.^_`|~09"])
def test_any_token_is_a_method(read: Read, method: bytes) -> None:
    """Methods are kept as sent; their case counts (3.1)."""
    data = b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method
    assert read(data).only.request.method == method.decode()


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        (b"GET / HTTP/1.1", b"/", b""),
        (b"GET /? HTTP/1.1", b"/", b""),
        (b"GET //a//b?c?d HTTP/1.1", b"//a//b", b"c?d"),
        (b"GET /%2F%41?%20 HTTP/1.1", b"/%2F%41", b"%20"),
        (b'GET /a|{}"<>^`\\[]?{|}" HTTP/1.1', b'/a|{}"<>^`\\[]', b'{|}"'),
        (b"GET /http://b/?c HTTP/1.1", b"/http://b/", b"c"),
        (b"OPTIONS * HTTP/1.1", b"*", b""),
        (b"OPTIONS /a HTTP/1.1", b"/a", b""),
        (b"GET http://b HTTP/1.1", b"/", b""),
        (b"GET http://b/ HTTP/1.1", b"/", b""),
        (b"GET HTTP://b/c?d=/ HTTP/1.1", b"/c", b"d=/"),
        (b"GET https://b?d HTTP/1.1", b"/", b"d"),
        (b"OPTIONS http://b HTTP/1.1", b"*", b""),
    ],
)
def test_the_target_has_a_path_and_a_query(
    read: Read, line: bytes, path: bytes, query: bytes
) -> None:
    """Path and query are split from every form of target, still encoded (3.2.1, 3.2.2, 3.2.4)."""
    request = read(line + b"\r\nHost: a\r\n\r\n").only.request
    assert (request.raw_path, request.query_string) == (path, query)
    assert request.target == line.split()[1]


def test_a_target_in_absolute_form_replaces_the_host(read: Read) -> None:
    """Of two names of the host, the one in the target counts (3.2.2)."""
    data = b"GET http://b:81/ HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nX-B: 2\r\n\r\n"
    fields = [(b"host", b"b:81"), (b"x-a", b"1"), (b"x-b", b"2")]
    assert sorted(read(data).only.request.headers) == fields


@pytest.mark.parametrize(
    "value",
    [
        b"a",
        b"a.b",
        b"a:80",
        b"a:",
        b"127.0.0.1:8000",
        b"[::1]",
        b"[::1]:80",
        b"[v1.a:b]",
        b"a_b",
        b"%61",
        b"xn--4ca",
    ],
)
def test_a_host_may_be(read: Read, value: bytes) -> None:
    """A name or an address, with or without a port, or nothing where it is not known (3.2)."""
    request = read(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % value).only.request
    assert request.headers == [(b"host", value)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (b"", "MISSING_HOST"),
        (b"X-Host: a\r\n", "MISSING_HOST"),
        (b"Host: a\r\nHost: a\r\n", "DUPLICATE_HOST"),
        (b"Host: a\r\nhost: b\r\n", "DUPLICATE_HOST"),
        (b"Host: \r\nHost: a\r\n", "DUPLICATE_HOST"),
        (b"Host:\r\n", "BAD_HOST"),
        (b"Host: x/y\r\n", "BAD_HOST"),
        (b"Host: a b\r\n", "BAD_HOST"),
        (b"Host: a, b\r\n", "BAD_HOST"),
        (b"Host: u@a\r\n", "BAD_HOST"),
        (b"Host: http://a\r\n", "BAD_HOST"),
        (b"Host: a:b\r\n", "BAD_HOST"),
        (b"Host: a:80:81\r\n", "BAD_HOST"),
        (b"Host: a:123456\r\n", "BAD_HOST"),
        (b"Host: ::1\r\n", "BAD_HOST"),
        (b"Host: [::1\r\n", "BAD_HOST"),
        (b"Host: [g::1]\r\n", "BAD_HOST"),
        (b"Host: a?b\r\n", "BAD_HOST"),
        (b"Host: a#b\r\n", "BAD_HOST"),
        (b"Host: a%\r\n", "BAD_HOST"),
        (b"Host: a%4\r\n", "BAD_HOST"),
        (b"Host: \xc3\xa4\r\n", "BAD_HOST"),
    ],
)
def test_one_good_host_is_needed(read: Read, fields: bytes, code: str) -> None:
    """A request of HTTP/1.1 without a Host, with two, or with a malformed one is refused (3.2)."""
    outcome = read(b"GET / HTTP/1.1\r\n%b\r\n" % fields)
    assert (outcome.messages, outcome.code) == ([], code)


def test_http_1_0_needs_no_host(read: Read) -> None:
    """Host came with HTTP/1.1; but one that is there must be good, and only one."""
    assert read(b"GET / HTTP/1.0\r\n\r\n").only.request.headers == []
    assert read(b"GET / HTTP/1.0\r\nHost: x/y\r\n\r\n").code == "BAD_HOST"
    assert read(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").code == "DUPLICATE_HOST"


def test_a_long_target_is_414(read: Read) -> None:
    """A target of the largest size is read, one byte more is refused (3)."""
    assert read(b"GET /234 HTTP/1.1\r\nHost: a\r\n\r\n", max_target_size=4).only.complete
    outcome = read(b"GET /2345 HTTP/1.1\r\nHost: a\r\n\r\n", max_target_size=4)
    assert outcome.error is not None
    assert (outcome.code, outcome.error.status) == ("TARGET_TOO_LONG", 414)
