"""RFC 9112 section 9 for responses: one for each request, and what follows the last one."""

from collections.abc import Callable

import pytest

from serverkit_proto.config import Http1Engine, ProtoConfig
from serverkit_proto.connection import new_connection
from serverkit_proto.errors import LocalProtocolError
from tests.conformance.rfc9112.asking import HOST, OLD, asked
from tests.proto.driving import HEADS, OK, UNDECLARED, head, sent

HINT = HEADS.informational(103, [(b"link", b"</a>")])


class TestClose:
    """Who may say that the connection ends: the application, the caller, the connection."""

    @pytest.mark.parametrize("whole", [True, False])
    def test_the_caller(self, engine: Http1Engine, *, whole: bool) -> None:
        """`close=True` is said in the head."""
        connection = asked(engine, b"GET" + HOST)
        if whole:
            connection.send_response(OK, b"ok", close=True)
        else:
            connection.start_response(OK, close=True)
            connection.send_body(b"ok", more=False)
        assert b"\r\nconnection: close\r\n" in sent(connection)
        assert not connection.keep_alive

    def test_the_application(self, engine: Http1Engine) -> None:
        """Its `Connection: close` is taken over."""
        response = head(200, (b"Connection", b"close"), (b"Content-Length", b"2"))
        connection = asked(engine, b"GET" + HOST)
        connection.send_response(response, b"ok")
        assert sent(connection).count(b"close") == 1
        assert not connection.keep_alive

    @pytest.mark.parametrize("early", [True, False])
    def test_from_now_on(self, engine: Http1Engine, *, early: bool) -> None:
        """`set_close` holds for the request under way, and for the next one."""
        connection = new_connection(ProtoConfig(http1=engine))
        if early:
            connection.set_close()
        connection.receive_data(b"GET" + HOST)
        connection.next_event()
        if not early:
            connection.set_close()
        connection.send_response(OK, b"ok")
        assert b"\r\nconnection: close\r\n" in sent(connection)
        assert not connection.keep_alive

    def test_after_the_head_was_sent(self, engine: Http1Engine) -> None:
        """It cannot be said any more, but it is done."""
        connection = asked(engine, b"GET" + HOST + b"GET" + HOST)
        connection.start_response(OK)
        connection.set_close()
        connection.send_body(b"ok", more=False)
        assert b"connection" not in sent(connection)
        assert not connection.keep_alive
        assert connection.next_event() is None


def test_a_response_may_come_before_the_body(engine: Http1Engine) -> None:
    """What is still to come of the body is read afterwards; then the next request comes."""
    connection = asked(engine, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
    connection.send_response(OK, b"ok")
    assert b"close" not in sent(connection)
    assert (connection.keep_alive, connection.body_remaining) == (True, 5)
    connection.receive_data(b"hello" + b"GET" + HOST)
    body, request = connection.next_event(), connection.next_event()
    assert body == (b"hello", False, ())
    assert request is not None
    assert not connection.response_started


@pytest.mark.parametrize("closing", [True, False])
def test_without_a_request_only_a_final_response(engine: Http1Engine, *, closing: bool) -> None:
    """A head that does not come is answered (408), but then the connection ends."""
    connection = new_connection(ProtoConfig(http1=engine))
    connection.receive_data(b"GET / HTTP/1.1\r\nHos")
    assert connection.next_event() is None
    if closing:
        connection.send_response(head(408), b"", close=True)
        assert sent(connection).endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")
        assert not connection.keep_alive
        connection.receive_data(b"t: a\r\n\r\n")
        assert connection.next_event() is None
    else:
        with pytest.raises(LocalProtocolError):
            connection.send_response(head(408), b"")


def test_nothing_is_left_of_the_response_before(engine: Http1Engine) -> None:
    """After HEAD, HTTP/1.0 and trailers, a plain GET gets what it would have got alone."""
    connection = new_connection(ProtoConfig(http1=engine))

    def stream(request: bytes, *, trailers: bool = False) -> bytes:
        connection.receive_data(request)
        assert connection.next_event() is not None
        connection.start_response(UNDECLARED, trailers=trailers)
        connection.send_body(b"ok", more=False)
        if trailers:
            connection.send_trailers(())
        assert connection.response_complete
        return sent(connection)

    plain = stream(b"GET" + HOST)
    assert plain.endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    for before in (b"HEAD" + HOST, b"HEAD" + OLD):
        assert stream(before) != plain
        assert stream(b"GET" + HOST) == plain
    stream(b"GET" + HOST, trailers=True)
    connection.receive_data(b"HEAD" + HOST)
    connection.next_event()
    connection.send_response(OK, b"")
    assert connection.response_complete


def test_one_request_has_one_response(engine: Http1Engine) -> None:
    """A second response, or a part of one, is an error."""
    connection = asked(engine, b"GET" + HOST)
    connection.send_response(OK, b"ok")
    sent(connection)
    attempts: list[Callable[[], None]] = [
        lambda: connection.send_response(OK, b"ok"),
        lambda: connection.start_response(OK),
        lambda: connection.send_body(b"", more=False),
        lambda: connection.send_trailers(()),
        lambda: connection.send_informational(HINT),
    ]
    for attempt in attempts:
        with pytest.raises(LocalProtocolError) as caught:
            attempt()
        assert caught.value.code == "SERVERKIT_APP_MISUSE"
    assert sent(connection) == b""
    assert connection.keep_alive
