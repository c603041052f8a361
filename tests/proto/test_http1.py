"""The connection: what it buffers, what it says of itself, and what it does not do twice."""

from collections.abc import Callable

import pytest

from serverkit_proto import http1_body, http1_reader
from serverkit_proto.config import ProtoConfig
from serverkit_proto.connection import new_connection
from serverkit_proto.errors import Recovery, RemoteProtocolError
from serverkit_proto.events import BodyReceived, RequestReceived
from serverkit_proto.http1 import MAX_KEPT_BLOCK, Http1Connection
from serverkit_proto.http1_h11 import H11Connection
from serverkit_proto.http1_head import LONE_LINE_END
from tests.proto.driving import OK, drive, octets

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def connection() -> Http1Connection:
    """Return a new connection with the usual limits."""
    return Http1Connection(ProtoConfig())


def test_the_configuration_names_the_engine() -> None:
    """`http1` decides which class reads."""
    assert type(new_connection(ProtoConfig())) is Http1Connection
    assert type(new_connection(ProtoConfig(http1="h11"))) is H11Connection


class TestState:
    """What the worker asks to choose its deadlines."""

    def test_from_request_to_request(self, connection: Http1Connection) -> None:
        """Each step of a request with a body shows."""

        def state() -> tuple[bool, ...]:
            return (
                connection.head_bytes_seen,
                connection.response_started,
                connection.response_complete,
            )

        assert state() == (False, True, True)
        connection.receive_data(POST[:5])
        assert connection.next_event() is None
        assert state() == (True, True, True)
        connection.receive_data(POST[5:])
        assert isinstance(connection.next_event(), RequestReceived)
        assert state() == (False, False, False)
        connection.receive_data(b"0123456789")
        assert isinstance(connection.next_event(), BodyReceived)
        assert state() == (False, False, False)
        connection.start_response(OK)
        assert state() == (False, True, False)
        connection.send_body(b"ok", more=False)
        assert state() == (False, True, True)
        connection.receive_data(POST[:5])
        assert state() == (True, True, True)

    def test_empty_lines_are_no_head(self, connection: Http1Connection) -> None:
        """A stray line end after a body does not start the clock of a head."""
        connection.receive_data(b"\r\n")
        assert connection.next_event() is None
        assert (connection.buffered, connection.head_bytes_seen) == (0, False)

    def test_how_much_of_the_body_is_missing(self, connection: Http1Connection) -> None:
        """The declared length counts down; of a chunked body nobody knows."""
        connection.receive_data(POST)
        connection.next_event()
        assert connection.body_remaining == 10
        connection.receive_data(b"0123")
        assert connection.body_remaining == 10
        connection.next_event()
        assert connection.body_remaining == 6
        other = Http1Connection(ProtoConfig())
        other.receive_data(CHUNKED)
        other.next_event()
        assert other.body_remaining is None

    def test_what_waits_is_counted(self, connection: Http1Connection) -> None:
        """`buffered` is what came and was not made an event."""
        connection.receive_data(GET + GET[:7])
        assert connection.buffered == len(GET) + 7
        connection.next_event()
        assert connection.buffered == 7
        connection.receive_data(GET[7:])
        assert connection.next_event() is None
        assert connection.buffered == len(GET)
        connection.send_response(OK, b"ok")
        connection.next_event()
        assert connection.buffered == 0

    def test_nothing_is_kept_of_what_was_taken(self, connection: Http1Connection) -> None:
        """An idle connection holds no part of the last read."""
        connection.receive_data(POST + b"0123456789")
        connection.next_event()
        connection.next_event()
        assert connection._buffer == b""

    def test_the_end_between_requests_is_no_error(self, connection: Http1Connection) -> None:
        """A client that leaves after its response has done nothing wrong."""
        connection.receive_data(GET)
        connection.receive_eof()
        assert isinstance(connection.next_event(), RequestReceived)
        connection.send_response(OK, b"ok")
        assert connection.next_event() is None
        assert not connection.keep_alive

    def test_an_error_in_the_body_can_be_answered(self, connection: Http1Connection) -> None:
        """As long as no response has been started."""
        connection.receive_data(CHUNKED + b"x\r\n")
        connection.next_event()
        with pytest.raises(RemoteProtocolError) as caught:
            connection.next_event()
        assert caught.value.recovery is Recovery.ANSWER
        assert not connection.response_started
        connection.send_response(OK, b"ok")
        assert b"connection: close" in connection.data_to_send()[0]


class TestBuffers:
    """No byte is copied or looked at more often than it has to be."""

    def test_a_body_in_its_own_read_is_not_copied(self, connection: Http1Connection) -> None:
        """What was read is what the application gets."""
        data = b"0123456789"
        connection.receive_data(POST)
        connection.next_event()
        connection.receive_data(data)
        event = connection.next_event()
        assert isinstance(event, BodyReceived)
        assert event.data is data

    def test_chunks_of_one_read_are_one_event(self, connection: Http1Connection) -> None:
        """Small chunks do not become many calls."""
        connection.receive_data(CHUNKED + b"1\r\na\r\n" * 100)
        connection.next_event()
        assert connection.next_event() == BodyReceived(b"a" * 100, more=True)
        assert connection.next_event() is None
        connection.receive_data(b"1\r\nb\r\n0\r\n\r\n")
        assert connection.next_event() == BodyReceived(b"b", more=False)

    def test_reads_are_put_together_in_place(self, connection: Http1Connection) -> None:
        """A buffer that grows byte by byte is not copied for each byte."""
        connection.receive_data(GET)
        connection.next_event()
        for piece in octets(GET * 2):
            connection.receive_data(piece)
        first = connection._buffer
        connection.receive_data(b"x" * 10_000)
        assert connection._buffer is first
        assert isinstance(first, bytearray)

    def test_what_was_taken_is_let_go(self, connection: Http1Connection) -> None:
        """A client that is always a little ahead does not make the buffer grow for ever."""
        connection.receive_data(GET[:5])
        for _ in range(1_000):
            connection.receive_data(GET[5:] + GET[:5])
            assert isinstance(connection.next_event(), RequestReceived)
            connection.send_response(OK, b"ok")
            connection.data_to_send()
        assert len(connection._buffer) < 10 * len(GET)

    @pytest.mark.parametrize(
        ("module", "data"),
        [
            (http1_reader, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5_000),
            (http1_reader, b"GET / HTTP/1.1\r\nX: " + b"a" * 30_000),
            (http1_body, CHUNKED + b"0\r\n" + b"A: b\r\n" * 5_000),
        ],
    )
    def test_a_dripped_head_is_looked_at_once(
        self, monkeypatch: pytest.MonkeyPatch, module: object, data: bytes
    ) -> None:
        """The work for a head that comes byte by byte grows with its size, not with its square."""
        looked_at = 0
        search: Callable[..., object] = LONE_LINE_END

        def count(buffer: bytes, start: int, end: int) -> object:
            nonlocal looked_at
            looked_at += min(end, len(buffer)) - start
            return search(buffer, start, end)

        monkeypatch.setattr(module, "LONE_LINE_END", count)
        drive(octets(data))
        assert len(data) / 2 < looked_at < 10 * len(data)


class TestKeptBlock:
    """The fields of the last request are remembered; nobody can tell."""

    def test_each_request_has_its_own_list(self, connection: Http1Connection) -> None:
        """What one receiver does to its headers, the next does not see."""
        events = []
        for _ in range(3):
            connection.receive_data(GET)
            event = connection.next_event()
            assert isinstance(event, RequestReceived)
            assert event.headers == [(b"host", b"a")]
            event.headers.append((b"x", b"y"))
            events.append(event)
            connection.send_response(OK, b"ok")

    @pytest.mark.parametrize("first", ["1.0", "1.1"])
    def test_the_version_belongs_to_it(self, connection: Http1Connection, first: str) -> None:
        """The same fields with another version mean something else."""
        fields = b"Host: a\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 1"
        second = {"1.0": "1.1", "1.1": "1.0"}[first]
        for version in (first, second, second, first):
            data = b"POST / HTTP/%b\r\n%b\r\n\r\n1" % (version.encode(), fields)
            connection.receive_data(data)
            request = connection.next_event()
            assert isinstance(request, RequestReceived)
            assert request.http_version == version
            assert request.expect_continue is (version == "1.1")
            connection.next_event()
            connection.send_response(OK, b"ok")
            assert (b"keep-alive" in connection.data_to_send()[0]) is (version == "1.0")

    def test_the_method_and_the_target_do_not(self, connection: Http1Connection) -> None:
        """HEAD after GET is HEAD; CONNECT and another form of target are still judged."""
        for method in (b"GET", b"HEAD", b"GET"):
            connection.receive_data(method + GET[3:])
            connection.next_event()
            connection.send_response(OK, b"ok")
            assert connection.data_to_send()[0].endswith(b"ok") is (method == b"GET")
        connection.receive_data(b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")
        request = connection.next_event()
        assert isinstance(request, RequestReceived)
        assert request.headers == [(b"host", b"b")]
        connection.send_response(OK, b"ok")
        connection.receive_data(b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(RemoteProtocolError):
            connection.next_event()

    def test_a_bad_block_is_bad_each_time(self) -> None:
        """An error is not remembered as a meaning."""
        bad = b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"
        outcome, _ = drive([GET + GET + bad])
        assert (len(outcome.messages), outcome.code) == (2, "DUPLICATE_HOST")

    def test_large_ones_are_not_kept(self, connection: Http1Connection) -> None:
        """Idle connections hold little."""
        connection.receive_data(GET[:-2] + b"X: " + b"x" * MAX_KEPT_BLOCK + b"\r\n\r\n")
        connection.next_event()
        assert connection._block_bytes == b""
