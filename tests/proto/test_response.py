"""One place validates and lays out what is sent; nothing an application gives can split it."""

import http

import pytest

from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.response import (
    MAX_CACHED_FIELD_SIZE,
    MAX_CACHED_FIELDS,
    MAX_CACHED_HEADS,
    MAX_CACHED_SIZE,
    ResponseHeads,
    make_trailers,
)

DATE = b"Fri, 20 Nov 2026 07:06:00 GMT"
TYPE = (b"content-type", b"text/plain")


@pytest.fixture
def heads() -> ResponseHeads:
    """Return a maker with neither Date nor Server."""
    return ResponseHeads(server=None)


def refused(heads: ResponseHeads, status: object, headers: object) -> str:
    """Return the code of the error for a bad head."""
    with pytest.raises(LocalProtocolError) as caught:
        heads.make(status, headers)  # type: ignore[arg-type]  # applications give anything
    return caught.value.code.removeprefix("SERVERKIT_APP_")


def test_a_head_is_laid_out(heads: ResponseHeads) -> None:
    """Status line and fields, lower-case names, values without white space around them."""
    head = heads.make(404, [(b"X-A", b" \t1 2\t "), (b"Content-Length", b"05")])
    assert head._asdict() == {
        "status": 404,
        "fields": ((b"x-a", b"1 2"), (b"content-length", b"05")),
        "content_length": 5,
        "close": False,
        "bodyless": False,
        "block": b"HTTP/1.1 404 Not Found\r\nx-a: 1 2\r\ncontent-length: 05\r\n",
        "plain": b"HTTP/1.1 404 Not Found\r\nx-a: 1 2\r\ncontent-length: 05\r\n\r\n",
        "plain_length": 5,
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (b"x", b"a\r\nb: c", "BAD_HEADER_VALUE"),
        (b"x", b"a\r\n\r\n", "BAD_HEADER_VALUE"),
        (b"x", b"a\n", "BAD_HEADER_VALUE"),
        (b"x", b"\ra", "BAD_HEADER_VALUE"),
        (b"x", b"a\x00", "BAD_HEADER_VALUE"),
        (b"x", b"a\x0bb", "BAD_HEADER_VALUE"),
        (b"x", b"\x1b[m", "BAD_HEADER_VALUE"),
        (b"x", b"\x7f", "BAD_HEADER_VALUE"),
        (b"", b"a", "BAD_HEADER_NAME"),
        (b"x y", b"a", "BAD_HEADER_NAME"),
        (b"x:", b"a", "BAD_HEADER_NAME"),
        (b"x\r\ny", b"a", "BAD_HEADER_NAME"),
        (b"x\n", b"a", "BAD_HEADER_NAME"),
        (b" x", b"a", "BAD_HEADER_NAME"),
        (b"\xe4", b"a", "BAD_HEADER_NAME"),
        (b":status", b"200", "BAD_HEADER_NAME"),
        ("x", b"a", "BAD_HEADER"),
        (b"x", "a", "BAD_HEADER"),
        (b"x", 1, "BAD_HEADER"),
        (bytearray(b"x"), b"a", "BAD_HEADER"),
        (b"content-length", b"", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"-1", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"+1", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"1_0", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"1, 1", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"\xb2", "BAD_CONTENT_LENGTH"),
        (b"content-length", b"1" * 20, "BAD_CONTENT_LENGTH"),
        (b"transfer-encoding", b"gzip", "BAD_TRANSFER_ENCODING"),
        (b"transfer-encoding", b"gzip, chunked", "BAD_TRANSFER_ENCODING"),
        (b"transfer-encoding", b"", "BAD_TRANSFER_ENCODING"),
    ],
)
def test_a_bad_field_is_refused(
    heads: ResponseHeads, name: object, value: object, code: str
) -> None:
    """A name that is no token, a value with a control character, a forged length: an error."""
    assert refused(heads, 200, [TYPE, (name, value)]) == code
    assert refused(heads, 200, [TYPE, [name, value]]) == code


@pytest.mark.parametrize(
    "headers", [None, 1, [b"ab"], [(b"a",)], [(b"a", b"b", b"c")], ["ab"], {b"ab": b"c"}, [None]]
)
def test_what_are_no_pairs_is_refused(heads: ResponseHeads, headers: object) -> None:
    """Two bytes, or a dict's keys, are not taken for a name and a value."""
    assert refused(heads, 200, headers) == "BAD_HEADER"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([(b"content-length", b"1"), (b"content-length", b"1")], "BAD_CONTENT_LENGTH"),
        ([(b"content-length", b"1"), (b"Content-Length", b"2")], "BAD_CONTENT_LENGTH"),
        (
            [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
            "BAD_TRANSFER_ENCODING",
        ),
        ([(b"transfer-encoding", b"chunked")] * 2, "BAD_TRANSFER_ENCODING"),
    ],
)
def test_contradictory_framing_is_refused(
    heads: ResponseHeads, headers: list[tuple[bytes, bytes]], code: str
) -> None:
    """An application cannot say two things about where its body ends."""
    assert refused(heads, 200, headers) == code


@pytest.mark.parametrize("status", [99, 100, 103, 199, 1000, -200, 200.5, "200", None, True, b"1"])
def test_a_bad_status_is_refused(heads: ResponseHeads, status: object) -> None:
    """A final status is an integer from 200 to 999."""
    assert refused(heads, status, []) == "BAD_STATUS"


@pytest.mark.parametrize("status", list(http.HTTPStatus))
def test_each_known_status_has_its_phrase(heads: ResponseHeads, status: http.HTTPStatus) -> None:
    """The phrase is that of the registry; an HTTPStatus is as good as its number."""
    if status >= 200:
        head = heads.make(status, [])
        assert head.plain == f"HTTP/1.1 {status.value} {status.phrase}\r\n\r\n".encode()
        assert type(head.status) is int


def test_an_unknown_status_has_a_phrase(heads: ResponseHeads) -> None:
    """Some clients cannot do without."""
    assert heads.make(599, []).plain == b"HTTP/1.1 599 Unknown\r\n\r\n"


def test_framing_is_ours(heads: ResponseHeads) -> None:
    """What an application says about the connection is heard, not repeated."""
    head = heads.make(
        200,
        [
            (b"Transfer-Encoding", b"Chunked"),
            (b"Connection", b"keep-alive, x-a"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Proxy-Connection", b"keep-alive"),
            TYPE,
        ],
    )
    assert (head.fields, head.close) == ((TYPE,), False)
    assert heads.make(200, [(b"connection", b"x, Close")]).close
    assert not heads.make(200, [(b"connection", b"closed")]).close


def test_date_and_server_are_added() -> None:
    """They stand first; those of the application win."""
    heads = ResponseHeads(server=b"s")
    heads.set_date(DATE)
    assert heads.make(200, [TYPE]).fields == ((b"date", DATE), (b"server", b"s"), TYPE)
    own = ((b"date", b"d"), (b"server", b"me"))
    assert heads.make(200, own).fields == own
    heads.set_date(None)
    assert heads.make(200, [TYPE]).fields == ((b"server", b"s"), TYPE)


def test_a_bad_server_is_refused() -> None:
    """What the configuration says is judged like everything else."""
    with pytest.raises(LocalProtocolError):
        ResponseHeads(server=b"a\r\nb")


class TestCache:
    """Heads are remembered, within bounds, and only if that changes nothing."""

    def test_the_same_head_is_made_once(self, heads: ResponseHeads) -> None:
        """Whether pairs are tuples or lists, and whatever holds them."""
        head = heads.make(200, [TYPE])
        assert heads.make(200, (TYPE,)) is head
        assert heads.make(200, iter([TYPE])) is head
        assert heads.make(200, [list(TYPE)]) is head  # type: ignore[list-item]  # as many do
        assert heads.make(201, [TYPE]) is not head

    def test_a_new_date_makes_new_heads(self, heads: ResponseHeads) -> None:
        """Nothing is sent with the date of another second."""
        heads.set_date(DATE)
        assert heads.make(200, []).fields == ((b"date", DATE),)
        heads.set_date(b"later")
        assert heads.make(200, []).fields == ((b"date", b"later"),)

    def test_a_bad_head_is_refused_each_time(self, heads: ResponseHeads) -> None:
        """An error is not remembered as a head."""
        for _ in range(2):
            assert refused(heads, 200, [(b"x", b"\n")]) == "BAD_HEADER_VALUE"

    def test_it_is_bounded(self, heads: ResponseHeads) -> None:
        """Neither many heads nor large ones are kept."""
        for number in range(10 * MAX_CACHED_HEADS):
            heads.make(200, [(b"x", b"%d" % number)])
        assert len(heads._cache) <= MAX_CACHED_HEADS
        large = [(b"x", b"x" * MAX_CACHED_SIZE)]
        assert heads.make(200, large) is not heads.make(200, large)

    def test_heads_cannot_be_changed(self, heads: ResponseHeads) -> None:
        """A shared head is the same for all."""
        with pytest.raises(AttributeError):
            heads.make(200, []).status = 500  # type: ignore[misc]  # on purpose
        with pytest.raises(AttributeError):
            heads.make(200, []).other = 500  # type: ignore[attr-defined]  # on purpose

    def test_fields_are_remembered_within_bounds(self, heads: ResponseHeads) -> None:
        """Neither many nor large ones, and none for its name's sake."""
        for number in range(3 * MAX_CACHED_FIELDS):
            length = (b"Content-Length", b"%d" % number)
            assert heads.make(200, [length, TYPE]).block == (
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: text/plain\r\n" % number
            )
        assert 1 < len(heads._known) <= MAX_CACHED_FIELDS
        kept = len(heads._known)
        heads.make(200, [(b"x", b"x" * MAX_CACHED_FIELD_SIZE)])
        assert len(heads._known) == kept

    def test_a_bad_field_is_refused_among_known_ones(self, heads: ResponseHeads) -> None:
        """Each time, and whatever is remembered."""
        heads.make(200, [TYPE, (b"x", b"1")])
        for bad in ((b"x", b"1\n"), (b"x ", b"1"), (b"x", bytearray(b"1")), ("x", b"1"), b"x1"):
            for _ in range(2):
                with pytest.raises(LocalProtocolError):
                    heads.make(200, [TYPE, bad])  # type: ignore[list-item]  # on purpose

    def test_known_fields_are_judged_together(self, heads: ResponseHeads) -> None:
        """Each for itself may be right."""
        one, two = (b"content-length", b"1"), (b"content-length", b"2")
        assert [heads.make(200, [each]).content_length for each in (one, two)] == [1, 2]
        assert refused(heads, 200, [one, two]) == "BAD_CONTENT_LENGTH"
        assert heads.make(204, [one, TYPE]).fields == (TYPE,)


class TestInformational:
    """RFC 9110 section 15.2."""

    def test_it_is_laid_out(self, heads: ResponseHeads) -> None:
        """As HTTP/1.1 sends it, without Date and Server."""
        head = heads.informational(103, [(b"Link", b"</a>"), (b"link", b"</b>")])
        assert head.block == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n"
        assert (head.status, head.fields) == (103, ((b"link", b"</a>"), (b"link", b"</b>")))

    @pytest.mark.parametrize("status", [99, 100, 101, 200, "103"])
    def test_its_status(self, heads: ResponseHeads, status: int) -> None:
        """100 is the connection's own to send, 101 ends HTTP."""
        with pytest.raises(LocalProtocolError):
            heads.informational(status, [])

    @pytest.mark.parametrize(
        "field",
        [
            (b"content-length", b"1"),
            (b"Transfer-Encoding", b"chunked"),
            (b"connection", b"close"),
            (b"link", b"a\r\nb"),
        ],
    )
    def test_its_fields(self, heads: ResponseHeads, field: tuple[bytes, bytes]) -> None:
        """It has no body, so nothing may frame one."""
        with pytest.raises(LocalProtocolError):
            heads.informational(103, [field])


def test_trailers_are_validated() -> None:
    """As headers are, in lower case."""
    with pytest.raises(LocalProtocolError):
        make_trailers(None)  # type: ignore[arg-type]  # on purpose
    assert make_trailers([(b"X-A", b" 1 "), (b"x-a", b"2")]) == ((b"x-a", b"1"), (b"x-a", b"2"))
    with pytest.raises(LocalProtocolError):
        make_trailers([(b"x", b"\r\n")])


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"transfer-encoding", b"Host", b"trailer", b"set-cookie"]
)
def test_some_fields_cannot_be_trailers(name: bytes) -> None:
    """What frames, routes, or is needed before the content (RFC 9110 section 6.5.1)."""
    with pytest.raises(LocalProtocolError) as caught:
        make_trailers([(name, b"1")])
    assert caught.value.code == "SERVERKIT_APP_FORBIDDEN_TRAILER"
