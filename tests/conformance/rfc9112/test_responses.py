"""RFC 9112 section 6 for responses: what is sent can be read in one way only."""

import pytest

from serverkit_proto.config import Http1Engine
from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.response import ResponseHeads, make_trailers
from tests.conformance.rfc9112.asking import HOST, OLD, answer, asked
from tests.proto.driving import HEADS, OK, UNDECLARED, head, sent


def test_a_response_in_one_go(engine: Http1Engine) -> None:
    """Head and body leave in one buffer."""
    connection = asked(engine, b"GET" + HOST)
    connection.send_response(OK, b"ok")
    assert connection.data_to_send() == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]
    assert connection.data_to_send() == []
    assert (connection.response_complete, connection.keep_alive) == (True, True)


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_a_missing_length_is_added(engine: Http1Engine, body: bytes) -> None:
    """A complete body has a known length."""
    for request in (b"GET" + HOST, b"GET" + OLD):
        connection = asked(engine, request)
        connection.send_response(UNDECLARED, body)
        _, fields, read, complete = answer(sent(connection))
        assert (fields[b"content-length"], read, complete) == (b"%d" % len(body), body, True)
        assert connection.keep_alive


def test_a_body_of_unknown_length_is_chunked(engine: Http1Engine) -> None:
    """Each piece is a chunk; an empty piece is none, for that would be the end (7.1)."""
    connection = asked(engine, b"GET" + HOST)
    connection.start_response(UNDECLARED)
    connection.send_body(b"hello", more=True)
    connection.send_body(b"", more=True)
    connection.send_body(b" you", more=True)
    assert not connection.response_complete
    connection.send_body(b"", more=False)
    data = sent(connection)
    assert data.endswith(b"\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n")
    _, fields, body, complete = answer(data)
    assert (fields[b"transfer-encoding"], body, complete) == (b"chunked", b"hello you", True)
    assert (connection.response_complete, connection.keep_alive) == (True, True)


def test_a_body_of_unknown_length_ends_an_old_connection(engine: Http1Engine) -> None:
    """HTTP/1.0 knows no chunks: the end of the connection is the end (6.3)."""
    connection = asked(engine, b"GET" + OLD)
    connection.start_response(UNDECLARED)
    connection.send_body(b"hello", more=True)
    connection.send_body(b"!", more=False)
    data = sent(connection)
    assert data.endswith(b"connection: close\r\n\r\nhello!")
    assert b"transfer-encoding" not in data
    assert (connection.response_complete, connection.keep_alive) == (True, False)


def test_a_declared_length_is_counted(engine: Http1Engine) -> None:
    """Pieces that make up the length are sent as they are."""
    connection = asked(engine, b"GET" + HOST)
    connection.start_response(head(200, (b"content-length", b"5")))
    connection.send_body(b"he", more=True)
    connection.send_body(b"llo", more=False)
    _, _, body, complete = answer(sent(connection))
    assert (body, complete) == (b"hello", True)
    assert (connection.keep_alive, connection.response_truncated) == (True, False)


def test_too_long_a_body_is_an_error_and_not_sent(engine: Http1Engine) -> None:
    """What is over the length would be read as the next response."""
    connection = asked(engine, b"GET" + HOST)
    with pytest.raises(LocalProtocolError) as caught:
        connection.send_response(OK, b"okay")
    assert caught.value.code == "SERVERKIT_APP_BODY_TOO_LONG"
    assert sent(connection) == b""
    connection.start_response(OK)
    connection.send_body(b"o", more=True)
    with pytest.raises(LocalProtocolError):
        connection.send_body(b"kay", more=True)
    assert sent(connection).endswith(b"\r\n\r\no")


@pytest.mark.parametrize("whole", [True, False])
def test_too_short_a_body_cannot_be_taken_for_complete(engine: Http1Engine, *, whole: bool) -> None:
    """The connection is not used again, so that the client sees that something is missing."""
    connection = asked(engine, b"GET" + HOST)
    if whole:
        connection.send_response(OK, b"o")
    else:
        connection.start_response(OK)
        connection.send_body(b"o", more=False)
    _, _, body, complete = answer(sent(connection))
    assert (body, complete) == (b"o", False)
    assert (connection.keep_alive, connection.response_truncated) == (False, True)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_head_has_no_body(engine: Http1Engine, *, whole: bool, declared: bool) -> None:
    """To HEAD the length is told and no byte of the body sent (RFC 9110 section 9.3.2)."""
    connection = asked(engine, b"HEAD" + HOST)
    response = OK if declared else UNDECLARED
    if whole:
        connection.send_response(response, b"ok")
    else:
        connection.start_response(response)
        connection.send_body(b"o", more=True)
        connection.send_body(b"k", more=False)
    data = sent(connection)
    assert data.endswith(b"\r\n\r\n")
    _, fields, body, complete = answer(data, "HEAD")
    assert (body, complete) == (b"", True)
    assert fields.get(b"content-length") == (b"2" if declared or whole else None)
    assert b"transfer-encoding" not in fields
    assert connection.keep_alive


def test_head_may_declare_what_it_does_not_send(engine: Http1Engine) -> None:
    """An application need not make the body only for it to be dropped."""
    connection = asked(engine, b"HEAD" + HOST)
    connection.send_response(head(200, (b"content-length", b"1000")), b"")
    assert b"content-length: 1000\r\n" in sent(connection)
    assert (connection.keep_alive, connection.response_truncated) == (True, False)


@pytest.mark.parametrize(("status", "length"), [(204, None), (304, b"2")])
@pytest.mark.parametrize("whole", [True, False])
def test_some_statuses_have_no_body(
    engine: Http1Engine, status: int, length: bytes | None, *, whole: bool
) -> None:
    """204 has neither body nor length, 304 tells the length of what is not sent (8.6, 15.4.5)."""
    connection = asked(engine, b"GET" + HOST)
    response = head(status, (b"content-length", b"2"))
    if whole:
        connection.send_response(response, b"ok")
    else:
        connection.start_response(response)
        connection.send_body(b"ok", more=False)
    data = sent(connection)
    assert data.endswith(b"\r\n\r\n")
    _, fields, body, complete = answer(data)
    assert (fields.get(b"content-length"), body, complete) == (length, b"", True)
    assert connection.keep_alive


@pytest.mark.parametrize("status", [204, 304])
def test_no_length_is_made_up_for_what_has_no_body(engine: Http1Engine, status: int) -> None:
    """Neither a length nor chunks are added."""
    for whole in (True, False):
        connection = asked(engine, b"GET" + HOST)
        if whole:
            connection.send_response(head(status), b"")
        else:
            connection.start_response(head(status))
            connection.send_body(b"", more=False)
        data = sent(connection)
        assert b"content-length" not in data
        assert b"transfer-encoding" not in data
        assert connection.keep_alive


class TestTrailers:
    """RFC 9112 section 7.1.2."""

    TRAILERS = make_trailers([(b"X-Sum", b"1"), (b"x-b", b"2")])

    def test_they_follow_the_chunks(self, engine: Http1Engine) -> None:
        """The response is complete with its trailers."""
        connection = asked(engine, b"GET" + HOST)
        connection.start_response(UNDECLARED, trailers=True)
        connection.send_body(b"hello", more=False)
        assert not connection.response_complete
        connection.send_trailers(self.TRAILERS)
        assert sent(connection).endswith(b"\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\nx-b: 2\r\n\r\n")
        assert (connection.response_complete, connection.keep_alive) == (True, True)

    def test_they_end_the_body(self, engine: Http1Engine) -> None:
        """Trailers may come instead of the last piece."""
        connection = asked(engine, b"GET" + HOST)
        connection.start_response(UNDECLARED)
        connection.send_body(b"hello", more=True)
        connection.send_trailers(())
        assert sent(connection).endswith(b"\r\n5\r\nhello\r\n0\r\n\r\n")
        assert connection.response_complete

    @pytest.mark.parametrize(
        ("request_", "response", "end"),
        [
            (b"GET" + HOST, OK, b"\r\n\r\nok"),
            (b"GET" + OLD, UNDECLARED, b"\r\n\r\nok"),
            (b"HEAD" + HOST, UNDECLARED, b"\r\n\r\n"),
            (b"GET" + HOST, head(204), b"\r\n\r\n"),
        ],
    )
    def test_they_are_dropped_where_nothing_is_chunked(
        self, engine: Http1Engine, request_: bytes, response: object, end: bytes
    ) -> None:
        """Only chunks have a place for them; the response is complete all the same."""
        connection = asked(engine, request_)
        connection.start_response(response, trailers=True)  # type: ignore[arg-type]
        connection.send_body(b"ok", more=False)
        assert not connection.response_complete
        connection.send_trailers(self.TRAILERS)
        data = sent(connection)
        assert data.endswith(end)
        assert b"x-sum" not in data
        assert connection.response_complete


class TestInformational:
    """RFC 9110 section 15.2."""

    HINT = HEADS.informational(103, [(b"Link", b"</a>; rel=preload")])

    def test_it_precedes_the_response(self, engine: Http1Engine) -> None:
        """Any number of them, and the response is still to be started."""
        connection = asked(engine, b"GET" + HOST)
        connection.send_informational(self.HINT)
        connection.send_informational(self.HINT)
        assert sent(connection) == (
            2 * b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"
        )
        assert not connection.response_started
        connection.send_response(OK, b"ok")
        assert connection.keep_alive

    def test_not_on_http_1_0(self, engine: Http1Engine) -> None:
        """An old client would take it for the response."""
        connection = asked(engine, b"GET" + OLD)
        connection.send_informational(self.HINT)
        assert sent(connection) == b""

    def test_not_after_the_response(self, engine: Http1Engine) -> None:
        """It cannot come within a response."""
        connection = asked(engine, b"GET" + HOST)
        connection.start_response(OK)
        with pytest.raises(LocalProtocolError):
            connection.send_informational(self.HINT)


def test_large_buffers_are_not_copied(engine: Http1Engine) -> None:
    """Small buffers are joined into one, large ones are handed on as they are."""
    large = b"x" * 65_536
    connection = asked(engine, b"GET" + HOST)
    connection.send_response(UNDECLARED, large)
    first, second = connection.data_to_send()
    assert first.endswith(b"\r\n\r\n")
    assert second is large
    connection = asked(engine, b"GET" + HOST)
    connection.start_response(UNDECLARED)
    for piece in (b"a", b"b", large, b"c"):
        connection.send_body(piece, more=True)
    before, middle, after = connection.data_to_send()
    assert before.endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n10000\r\n")
    assert middle is large
    assert after == b"\r\n1\r\nc\r\n"


def test_date_and_server_are_sent(engine: Http1Engine) -> None:
    """What the worker says of itself stands in each response."""
    heads = ResponseHeads(server=b"s")
    heads.set_date(b"Fri, 20 Nov 2026 07:06:00 GMT")
    connection = asked(engine, b"GET" + HOST)
    connection.send_response(heads.make(200, []), b"")
    fields = answer(sent(connection))[1]
    assert (fields[b"date"], fields[b"server"]) == (b"Fri, 20 Nov 2026 07:06:00 GMT", b"s")
