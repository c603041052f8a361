"""The head of an HTTP/1 request: the bytes up to the empty line, as strict as RFC 9112 allows.

A head is taken in two parts, split where clients begin to repeat themselves: the method and the
target, and the block from the space before the version up to the empty line (exclusive).
"""

import re
from typing import NamedTuple

from serverkit_proto.errors import RemoteProtocolError, refuse
from serverkit_proto.events import Headers
from serverkit_proto.headers import CONTROLS, TOKEN_CHARACTERS, split_list
from serverkit_proto.http1_target import is_host

MAX_EMPTY_LINES = 8
"""How many empty lines may stand before a request line (RFC 9112 section 2.2)."""

ORIGIN_FORM = re.compile(
    rb"([%b]++) ((/[!\"$->@-~]*+)(?:\?([!\"$-~]*+))?+)(?= HTTP/1\.[01]\r\n)" % TOKEN_CHARACTERS
).match
"""Groups: method, target, path, query. Only for the usual form: what it does not match is not
wrong yet, see read_request_line."""

LONE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)").search
"""Finds a CR or an LF that is no part of a CRLF; at the very end a CR may still become one."""

_FIELDS = re.compile(rb"\r\n([%b]+):[ \t]*([^\r]*)" % TOKEN_CHARACTERS).findall
_FIELD_NAME = re.compile(rb"[%b]+:" % TOKEN_CHARACTERS).match
_TOKEN = re.compile(rb"[%b]+" % TOKEN_CHARACTERS).fullmatch
_LONGEST_START = 32
_START_OF_METHOD = re.compile(rb"[%b]{1,32}" % TOKEN_CHARACTERS).match
_ANY_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch
_NEGATIVE = re.compile(rb"-[0-9]+").fullmatch
_LIST_OF_DIGITS = re.compile(rb"[0-9]+(?:[ \t]*,[ \t]*[0-9]+)+").fullmatch
_VERSIONS = {
    b" HTTP/1.1\r\n": "1.1",
    b" HTTP/1.0\r\n": "1.0",
    b" HTTP/1.1": "1.1",
    b" HTTP/1.0": "1.0",
}
_SPACE, _TAB = b" \t"
_ZERO = ord("0")
_WITH_MEANING = frozenset(
    {b"connection", b"content-length", b"expect", b"te", b"transfer-encoding"}
)


class HeadBlock(NamedTuple):
    """What the version and the fields of a head say."""

    headers: Headers
    http_version: str
    plain: bool
    """HTTP/1.1, persistent, without a body: what most requests are."""
    persistent: bool
    """The client lets the connection go on."""
    content_length: int | None = None
    chunked: bool = False
    expect_continue: bool = False
    accepts_trailers: bool = False
    upgrade: bool = False


def read_request_line(line: bytes, max_target_size: int) -> tuple[bytes, bytes]:
    """Take method and target from a request line (without its CRLF) and check its form.

    Raises:
        RemoteProtocolError: It is none of HTTP/1.0 or HTTP/1.1, or the target is too long.
    """
    if b"\r" in line or b"\n" in line:
        raise refuse("BARE_LINE_END")
    method, _, rest = line.partition(b" ")
    if not method:
        raise refuse("MALFORMED_REQUEST_LINE")
    if _TOKEN(method) is None:
        raise refuse("BAD_METHOD")
    target, separator, version = rest.rpartition(b" ")
    if not target or not separator:
        raise refuse("MALFORMED_REQUEST_LINE")
    if len(target) > max_target_size:
        raise refuse("TARGET_TOO_LONG")
    if b" " in target:
        raise refuse("MALFORMED_REQUEST_LINE")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise refuse("UNSUPPORTED_VERSION" if _ANY_VERSION(version) else "BAD_VERSION")
    return method, target


def check_start_of_line(buffer: bytes | bytearray, position: int) -> None:
    """Check the first bytes of an unfinished request line: they must be those of a method.

    Who speaks another protocol, such as TLS, may never send a line end to wait for.
    """
    start = _START_OF_METHOD(buffer, position)
    end = position if start is None else start.end()
    if end < len(buffer) and end - position < _LONGEST_START:
        if buffer[end] == _SPACE:
            if end == position:
                raise refuse("MALFORMED_REQUEST_LINE")
        elif buffer[end] not in b"\r\n":
            raise refuse("BAD_METHOD")


def read_block(block: bytes, max_headers: int) -> HeadBlock:
    r"""Parse and check the version and the fields of a head.

    Args:
        block: From the space before the version up to the empty line: b" HTTP/1.1\r\nHost: a".
        max_headers: How many fields there may be.

    Raises:
        RemoteProtocolError: A rule of RFC 9112 sections 2 to 6 is broken.
    """
    version = _VERSIONS.get(block[:11])
    if version is None:
        raise refuse("BAD_VERSION")
    pairs = read_fields(block, 9, max_headers)
    headers = [(name.lower(), value) for name, value in pairs]
    fields = dict(headers)
    if len(fields) != len(headers):
        _check_duplicates(headers)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":
            raise refuse("MISSING_HOST")
    elif not host or not is_host(host):  # Empty is for schemes without authority, not for http.
        raise refuse("BAD_HOST")
    if _WITH_MEANING.isdisjoint(fields):
        return HeadBlock(headers, version, version == "1.1", version == "1.1")
    return _read_meaning(headers, fields, version)


def read_fields(block: bytes, start: int, max_fields: int) -> list[tuple[bytes, bytes]]:
    """Parse field lines, each with the CRLF before it.

    Returns:
        Names as sent, values without surrounding white space.

    Raises:
        RemoteProtocolError: A field line is malformed, or there are too many.
    """
    pairs: list[tuple[bytes, bytes]] = _FIELDS(block, start)
    # Each match holds one CR, one LF and no other CR. So if the block has exactly two control
    # characters for each match, nothing was skipped, no line end stands alone, and there is no
    # NUL or the like. That is one pass over the block instead of a check for each value.
    if len(block) - len(block.translate(None, CONTROLS)) != 2 * len(pairs):
        raise _explain_fields(block, start)
    if len(pairs) > max_fields:
        raise refuse("TOO_MANY_HEADERS")
    # A quick look for white space at the end of any value: a tab may be such, wherever it is.
    if _TAB in block or block.find(b" \r", start) >= 0 or block[-1] == _SPACE:
        return [(name, value.rstrip(b" \t")) for name, value in pairs]
    return pairs


def _explain_fields(block: bytes, start: int) -> RemoteProtocolError:
    """Say what is wrong with field lines of which something is."""
    if LONE_LINE_END(block, start) or block.endswith(b"\r"):
        return refuse("BARE_LINE_END")
    for line in block[start:].split(b"\r\n")[1:]:
        if line.startswith((b" ", b"\t")):
            return refuse("OBSOLETE_FOLDING")
        if _FIELD_NAME(line) is None:
            return refuse("BAD_HEADER_NAME")
    return refuse("BAD_HEADER_VALUE")


def _check_duplicates(headers: Headers) -> None:
    names = [name for name, _ in headers]
    if names.count(b"host") > 1:
        raise refuse("DUPLICATE_HOST")
    if names.count(b"content-length") > 1:
        raise refuse("DUPLICATE_CONTENT_LENGTH")
    if names.count(b"transfer-encoding") > 1:
        raise refuse("BAD_TRANSFER_ENCODING")


def _read_meaning(headers: Headers, fields: dict[bytes, bytes], version: str) -> HeadBlock:
    """Read the fields that say how the message is framed and what the client can do."""
    length = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise refuse("SMUGGLING_CL_TE")
        if version == "1.0":
            raise refuse("TE_ON_HTTP10")
        if coding.lower() != b"chunked":
            raise _explain_coding(coding)
    options = _members(b"connection", headers, fields)
    is_1_1 = version == "1.1"
    persistent = b"close" not in options and (is_1_1 or b"keep-alive" in options)
    size = None if length is None else read_content_length(length)
    return HeadBlock(
        headers,
        version,
        is_1_1 and persistent and not size and coding is None,
        persistent,
        size,
        coding is not None,
        is_1_1 and b"100-continue" in _members(b"expect", headers, fields),
        b"trailers" in _members(b"te", headers, fields),
        is_1_1 and b"upgrade" in options,
    )


def _members(name: bytes, headers: Headers, fields: dict[bytes, bytes]) -> list[bytes]:
    """List the lower-case members of a list-valued field, all its lines taken together."""
    if name not in fields:
        return []
    if len(fields) == len(headers):
        return split_list(fields[name])
    return split_list(b",".join([value for other, value in headers if other == name]))


def read_content_length(value: bytes) -> int:
    """Read a Content-Length, which is digits and nothing else (RFC 9110 section 8.6).

    Leading zeros are refused, though the grammar has them: some read such a number as octal.
    """
    if value.isdigit() and len(value) <= 19 and (value[0] != _ZERO or value == b"0"):
        return int(value)
    if _NEGATIVE(value):
        raise refuse("NEGATIVE_CONTENT_LENGTH")
    if _LIST_OF_DIGITS(value):
        raise refuse("DUPLICATE_CONTENT_LENGTH")
    raise refuse("BAD_CONTENT_LENGTH")


def _explain_coding(value: bytes) -> RemoteProtocolError:
    """Say what is wrong with a Transfer-Encoding that is not chunked (RFC 9112 section 6.1)."""
    codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
    if b"chunked" in codings[:-1] or any(_TOKEN(coding) is None for coding in codings):
        return refuse("BAD_TRANSFER_ENCODING")
    return refuse("UNKNOWN_TRANSFER_ENCODING")
