"""RFC 9112 section 9: how long a connection lasts; RFC 9110 section 10.1.1: Expect."""

from collections.abc import Callable

import pytest

from serverkit_proto.config import Http1Engine, ProtoConfig
from serverkit_proto.connection import HTTPConnection, new_connection
from serverkit_proto.errors import Recovery, RemoteProtocolError
from serverkit_proto.events import BodyReceived, RequestReceived
from tests.conformance.rfc9112.conftest import Read
from tests.proto.driving import OK, UNDECLARED, head, sent

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GET_NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def connect(engine: Http1Engine) -> Callable[[bytes], HTTPConnection]:
    """Return a function that makes a connection which has received some bytes."""

    def connect(data: bytes = b"") -> HTTPConnection:
        connection = new_connection(ProtoConfig(http1=engine))
        connection.receive_data(data)
        return connection

    return connect


type Connect = Callable[..., HTTPConnection]


@pytest.mark.parametrize(
    ("version", "fields", "persists"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: keep-alive\r\n", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: CLOSE\r\n", False),
        (b"1.1", b"Connection: x, close\r\n", False),
        (b"1.1", b"Connection: keep-alive,\tclose ,x\r\n", False),
        (b"1.1", b"Connection: x\r\nX: y\r\nConnection: close\r\n", False),
        (b"1.1", b"Connection: close\r\nX: y\r\nConnection: x\r\n", False),
        (b"1.1", b"Connection: closed, xclose, close-x\r\n", True),
        (b"1.1", b"X-Connection: close\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
        (b"1.0", b"Connection: x, keep-alive\r\n", True),
        (b"1.0", b"Connection: keep-alive-x\r\n", False),
        (b"1.0", b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_the_client_says_whether_it_goes_on(
    connect: Connect, version: bytes, fields: bytes, *, persists: bool
) -> None:
    """Options are members of a list, never parts of words (9.3, RFC 9110 section 7.6.1)."""
    connection = connect(b"GET / HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, fields) + GET_NEXT)
    connection.next_event()
    assert connection.keep_alive is persists
    connection.send_response(OK, b"ok")
    assert connection.keep_alive is persists
    said = b"connection: close\r\n" in sent(connection)
    assert said is not persists
    assert (connection.next_event() is not None) is persists


def test_http_1_0_is_told_that_the_connection_goes_on(connect: Connect) -> None:
    """A client that asked for it needs to be told (9.3, appendix C.2.2)."""
    connection = connect(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    connection.next_event()
    connection.send_response(OK, b"ok")
    assert b"\r\nconnection: keep-alive\r\n" in sent(connection)


def test_what_follows_the_last_request_is_ignored(read: Read) -> None:
    """After `Connection: close` nothing is read, good or bad (9.6)."""
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert len(read(last + GET).messages) == 1
    assert read(last + b"\x00\n\n nonsense\r\n\r\n").only.request.raw_path == b"/"


def test_what_is_ignored_is_not_kept(connect: Connect) -> None:
    """A client that sends on for ever fills no memory."""
    connection = connect(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    connection.next_event()
    connection.send_response(OK, b"ok")
    for _ in range(10):
        connection.receive_data(b"x" * 1000)
        assert connection.next_event() is None
        assert connection.buffered == 0


def test_pipelined_requests_wait_for_their_turn(connect: Connect) -> None:
    """The second request is given when the first response is complete (9.3.2)."""
    connection = connect(GET + GET_NEXT)
    first = connection.next_event()
    assert isinstance(first, RequestReceived)
    assert connection.next_event() is None
    connection.start_response(OK)
    connection.send_body(b"o", more=True)
    assert connection.next_event() is None
    connection.send_body(b"k", more=False)
    second = connection.next_event()
    assert isinstance(second, RequestReceived)
    assert (first.raw_path, second.raw_path) == (b"/", b"/next")


def test_many_pipelined_requests_come_in_order(read: Read) -> None:
    """Requests with and without bodies are told apart."""
    data = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (n, n, b"x" * n)
        for n in range(20)
    )
    outcome = read(data)
    assert outcome.error is None
    assert [message.request.raw_path for message in outcome.messages] == [
        b"/%d" % n for n in range(20)
    ]
    assert [len(message.body) for message in outcome.messages] == list(range(20))


def test_after_a_bad_request_nothing_is_read(connect: Connect) -> None:
    """A good request behind a bad one is not answered; one response is (9.2 of the threat)."""
    connection = connect(GET + b"BAD\r\n\r\n" + GET_NEXT)
    connection.next_event()
    connection.send_response(OK, b"ok")
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next_event()
    assert caught.value.recovery is Recovery.ANSWER
    assert connection.next_event() is None
    sent(connection)
    connection.send_response(head(400), b"bad")
    assert sent(connection) == (
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbad"
    )
    assert not connection.keep_alive
    connection.receive_data(GET)
    assert connection.next_event() is None


def test_a_bad_body_behind_a_started_response_cannot_be_answered(connect: Connect) -> None:
    """With a response under way there is nothing left but to close."""
    connection = connect(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.next_event()
    connection.start_response(UNDECLARED)
    connection.receive_data(b"bad\nx")
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next_event()
    assert caught.value.recovery is Recovery.CLOSE
    assert not connection.keep_alive


class TestExpect:
    """RFC 9110 section 10.1.1."""

    POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

    def test_it_is_answered_once(self, connect: Connect) -> None:
        """100 (Continue) is sent when the body is asked for, and not again."""
        connection = connect(self.POST)
        request = connection.next_event()
        assert isinstance(request, RequestReceived)
        assert request.expect_continue
        assert sent(connection) == b""
        connection.send_continue()
        connection.send_continue()
        assert sent(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.receive_data(b"hello")
        assert connection.next_event() == BodyReceived(b"hello", more=False)
        connection.send_response(OK, b"ok")
        assert connection.keep_alive

    def test_not_where_the_body_is_coming(self, connect: Connect) -> None:
        """A client that did not wait is not answered."""
        connection = connect(self.POST + b"he")
        connection.next_event()
        connection.send_continue()
        assert sent(connection) == b""

    def test_a_body_that_is_here_ends_nothing(self, connect: Connect) -> None:
        """A client that did not wait may go on after a response that came first."""
        connection = connect(self.POST + b"hello" + GET)
        connection.next_event()
        connection.send_response(OK, b"ok")
        assert connection.keep_alive
        assert connection.next_event() == BodyReceived(b"hello", more=False)
        assert isinstance(connection.next_event(), RequestReceived)

    def test_not_after_the_response(self, connect: Connect) -> None:
        """With the response started there is nothing to continue."""
        connection = connect(self.POST)
        connection.next_event()
        connection.start_response(OK)
        sent(connection)
        connection.send_continue()
        assert sent(connection) == b""

    def test_a_body_not_asked_for_ends_the_connection(self, connect: Connect) -> None:
        """After a final response the client may send the body or the next request: close."""
        connection = connect(self.POST)
        connection.next_event()
        connection.send_response(OK, b"ok")
        assert b"\r\nconnection: close\r\n" in sent(connection)
        assert not connection.keep_alive
        connection.receive_data(GET)
        assert connection.next_event() is None

    @pytest.mark.parametrize(
        "data",
        [
            b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: x100-continue\r\n\r\n",
        ],
    )
    def test_not_where_it_means_nothing(self, connect: Connect, data: bytes) -> None:
        """Not on HTTP/1.0, not without a body, not for another word."""
        connection = connect(data)
        request = connection.next_event()
        assert isinstance(request, RequestReceived)
        assert not request.expect_continue
        connection.send_continue()
        assert sent(connection) == b""

    def test_case_and_company_do_not_matter(self, connect: Connect) -> None:
        """It is a member of a list without case."""
        connection = connect(self.POST.replace(b"100-continue", b"x=y, 100-CONTINUE"))
        request = connection.next_event()
        assert isinstance(request, RequestReceived)
        assert request.expect_continue


@pytest.mark.parametrize(
    ("fields", "accepts"),
    [
        (b"", False),
        (b"TE: trailers\r\n", True),
        (b"TE: deflate;q=0.5, Trailers\r\n", True),
        (b"TE: xtrailers\r\n", False),
        (b"TE: gzip\r\nTE: trailers\r\n", True),
    ],
)
def test_the_client_says_whether_it_reads_trailers(
    connect: Connect, fields: bytes, *, accepts: bool
) -> None:
    """`TE: trailers` (RFC 9110 section 10.1.4)."""
    request = connect(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % fields).next_event()
    assert isinstance(request, RequestReceived)
    assert request.accepts_trailers is accepts
