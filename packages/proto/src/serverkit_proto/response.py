"""The one place where a response head is validated and laid out, whatever it is sent over."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.headers import (
    FORBIDDEN_TRAILERS,
    split_list,
    validate_field,
    validate_fields,
)

type Fields = tuple[tuple[bytes, bytes], ...]

MAX_CACHED_HEADS = 256
MAX_CACHED_SIZE = 2_048
"""Largest head in bytes that is kept, so that all kept ones are at most half a megabyte."""

MAX_CACHED_FIELDS = 512
MAX_CACHED_FIELD_SIZE = 256
"""Largest field in bytes that is kept, with its colon and CRLF."""

UNDECLARED = -1
NOT_PLAIN = -2

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii")
    for status in HTTPStatus
}
# Fields of the connection, not of the response: what they say is the protocol's to say.
_OF_THE_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding"}
)


_OF_THE_SWITCH = _OF_THE_CONNECTION | {b"content-length", b"trailer", b"upgrade"}


# Fields that are more than repeated: they frame the message, or take the place of ours.
_OF_INTEREST = _OF_THE_CONNECTION | {b"content-length", b"date", b"server"}


class ResponseHead(NamedTuple):
    """A validated response head; made by ResponseHeads only, shared, immutable."""

    status: int
    fields: Fields
    """All fields, with Date and Server, without those of the connection; lower-case names."""
    content_length: int | None
    """As the application declared it."""
    close: bool
    """The application said `Connection: close`."""
    bodyless: bool
    """The status forbids a body: 204, 304."""
    block: bytes
    """HTTP/1.1 status line and fields, each with its CRLF, without the empty line."""
    plain: bytes
    """Block and empty line."""
    plain_length: int
    """Length of the body with which `plain` can be sent as it is; UNDECLARED if a Content-Length
    is all it lacks; NOT_PLAIN if its framing needs a closer look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationalHead:
    """A validated head of an interim response, such as 103 (Early Hints)."""

    status: int
    fields: Fields
    block: bytes
    """As HTTP/1.1 sends it, with the empty line."""


class _Field(NamedTuple):
    """A validated field."""

    pair: tuple[bytes, bytes]
    """Lower-case name, value without white space around it."""
    line: bytes
    """As HTTP/1.1 sends it, with its CRLF."""
    is_of_interest: bool


def _make_field(given: object) -> _Field:
    pair = validate_field(given)
    return _Field(pair, b"%b: %b\r\n" % pair, pair[0] in _OF_INTEREST)


class _KnownFields(dict[object, _Field]):
    """Fields by what applications give, made where they are missing; most come again and again."""

    def __missing__(self, given: object) -> _Field:
        field = _make_field(given)
        if len(field.line) <= MAX_CACHED_FIELD_SIZE:
            if len(self) >= MAX_CACHED_FIELDS:
                self.clear()
            self[given] = field
        return field


class ResponseHeads:
    """Makes response heads from what applications give, and remembers them.

    Threads: one owner, such as the thread of a worker's loop; not for sharing.

    Args:
        server: Value of the Server field; None for no such field.
    """

    def __init__(self, *, server: bytes | None = None) -> None:
        self._server = validate_fields([(b"server", server)]) if server else []
        self._added: list[_Field] = [_make_field(pair) for pair in self._server]
        self._known = _KnownFields()
        self._cache: dict[tuple[object, ...], ResponseHead] = {}

    def set_date(self, date: bytes | None) -> None:
        """Say what time it is, as an IMF-fixdate; None for no Date field."""
        dated = validate_fields([(b"date", date)]) if date else []
        self._added = [_make_field(pair) for pair in dated + self._server]
        self._cache.clear()

    def make(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> ResponseHead:
        """Validate a response head.

        The application's own Date and Server stay. `Connection: close` becomes `close`; other
        connection options and `Transfer-Encoding: chunked` are dropped, for framing is ours.

        Raises:
            LocalProtocolError: The status is no integer from 200 to 999; a name is no token; a
                value has a control character; Content-Length is malformed or there are two;
                Transfer-Encoding is not chunked, or comes with Content-Length.
        """
        try:
            key = (status, *headers)
        except TypeError:
            raise LocalProtocolError(
                f"headers are not an iterable of pairs: {headers!r}", "SERVERKIT_APP_BAD_HEADER"
            ) from None
        try:
            return self._cache[key]
        except KeyError:
            return self._make(key)
        except TypeError:  # the pairs are lists, which cannot be looked up
            return self._make_from_lists(key)

    def informational(
        self, status: int, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> InformationalHead:
        """Validate the head of an interim response, such as 103 (Early Hints).

        Raises:
            LocalProtocolError: The status is not from 102 to 199 (100 is the connection's own to
                send, 101 ends HTTP), or a field is malformed or frames the message.
        """
        fields = tuple(validate_fields(headers))
        for name, _ in fields:
            if name in _OF_THE_CONNECTION or name == b"content-length":
                raise LocalProtocolError(
                    f"an interim response must not have {name!r}", "SERVERKIT_APP_BAD_HEADER"
                )
        status = _check_status(status, 102, 199)
        block = _block(status, fields) + b"\r\n"
        return InformationalHead(status=status, fields=fields, block=block)

    def switching(
        self, ours: Fields, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> InformationalHead:
        """Validate the head of a 101 (Switching Protocols), which ends HTTP on a connection.

        Args:
            ours: The fields of the switch, valid; no other may have one of their names.
            headers: What the application gave. Its own Date and Server stay.

        Raises:
            LocalProtocolError: A field is malformed, frames a message, or is one of the switch.
        """
        given = validate_fields(headers)
        names = {name for name, _ in given}
        for name in _OF_THE_SWITCH.union(name for name, _ in ours) & names:
            raise LocalProtocolError(
                f"the response that accepts must not have {name!r}", "SERVERKIT_APP_BAD_HEADER"
            )
        added = [field.pair for field in self._added if field.pair[0] not in names]
        fields = (*ours, *added, *given)
        return InformationalHead(status=101, fields=fields, block=_block(101, fields) + b"\r\n")

    def _make_from_lists(self, key: tuple[object, ...]) -> ResponseHead:
        pairs = (tuple(pair) if isinstance(pair, list) else pair for pair in key[1:])
        hashable = (key[0], *pairs)
        try:
            return self._cache[hashable]
        except (KeyError, TypeError):
            return self._make(hashable)

    def _make(self, key: tuple[object, ...]) -> ResponseHead:
        status = _check_status(key[0], 200)
        known = self._known
        try:
            given = [known[field] for field in key[1:]]
        except TypeError:  # a part of a pair cannot be looked up, so it is no bytes
            given = [_make_field(field) for field in key[1:]]
        head = self._lay_out(status, given)
        if len(head.plain) <= MAX_CACHED_SIZE:
            if len(self._cache) >= MAX_CACHED_HEADS:
                self._cache.clear()
            try:  # noqa: SIM105  suppressing costs more than all else here
                self._cache[key] = head
            except TypeError:
                pass
        return head

    def _lay_out(self, status: int, given: list[_Field]) -> ResponseHead:
        """Put a head together. Of most only the Content-Length is of interest."""
        added = self._added
        length: int | None = None
        close = False
        interest = [field.pair for field in given if field.is_of_interest]
        if interest:
            values = [value for name, value in interest if name == b"content-length"]
            length = _content_length(values)
            if len(values) < len(interest) or status == 204:
                close = _closes(interest, length)
                added, given = self._without_repeats(status, given, {name for name, _ in interest})
        fields = added + given
        block = _status_line(status) + b"".join([field.line for field in fields])
        bodyless = status in (204, 304)
        plain_length = UNDECLARED if length is None else length
        return ResponseHead(
            status=status,
            fields=tuple([field.pair for field in fields]),
            content_length=length,
            close=close,
            bodyless=bodyless,
            block=block,
            plain=block + b"\r\n",
            plain_length=NOT_PLAIN if close or bodyless else plain_length,
        )

    def _without_repeats(
        self, status: int, given: list[_Field], names: set[bytes]
    ) -> tuple[list[_Field], list[_Field]]:
        """Return our fields without those that are given, and those given that may stand."""
        dropped = _OF_THE_CONNECTION | {b"content-length"} if status == 204 else _OF_THE_CONNECTION
        return (
            [field for field in self._added if field.pair[0] not in names],
            [field for field in given if field.pair[0] not in dropped],
        )


def make_trailers(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Validate trailer fields.

    Raises:
        LocalProtocolError: A field is malformed, or must not stand in a trailer section (RFC
            9110 section 6.5.1).
    """
    trailers = tuple(validate_fields(headers))
    for name, _ in trailers:
        if name in FORBIDDEN_TRAILERS:
            raise LocalProtocolError(
                f"{name!r} must not be a trailer", "SERVERKIT_APP_FORBIDDEN_TRAILER"
            )
    return trailers


def _status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def _closes(fields: list[tuple[bytes, bytes]], length: int | None) -> bool:
    """Judge what is said of the framing; return whether the connection is to close."""
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if codings:
        _check_coding(codings, length)
    return any(name == b"connection" and b"close" in split_list(value) for name, value in fields)


def _block(status: int, fields: Fields) -> bytes:
    return _status_line(status) + b"".join([b"%b: %b\r\n" % field for field in fields])


def _check_status(status: object, lowest: int, highest: int = 999) -> int:
    if isinstance(status, int) and not isinstance(status, bool) and lowest <= status <= highest:
        return int(status)  # an HTTPStatus becomes a plain number
    raise LocalProtocolError(
        f"the status must be an integer from {lowest} to {highest}, not {status!r}",
        "SERVERKIT_APP_BAD_STATUS",
    )


def _content_length(values: list[bytes]) -> int | None:
    if not values:
        return None
    if len(values) > 1:
        raise LocalProtocolError(
            f"the response has more than one Content-Length: {values}",
            "SERVERKIT_APP_BAD_CONTENT_LENGTH",
        )
    if not values[0].isdigit() or len(values[0]) > 19:
        raise LocalProtocolError(
            f"the Content-Length is not 1 to 19 decimal digits: {values[0]!r}",
            "SERVERKIT_APP_BAD_CONTENT_LENGTH",
        )
    return int(values[0])


def _check_coding(values: list[bytes], length: int | None) -> None:
    if length is not None:
        raise LocalProtocolError(
            "the response has both Content-Length and Transfer-Encoding",
            "SERVERKIT_APP_BAD_TRANSFER_ENCODING",
        )
    if [value.lower() for value in values] != [b"chunked"]:
        raise LocalProtocolError(
            f"the only Transfer-Encoding an application may ask for is chunked, not {values}",
            "SERVERKIT_APP_BAD_TRANSFER_ENCODING",
        )
