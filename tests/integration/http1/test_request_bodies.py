"""Bodies of requests: framing, streaming both ways, Expect: 100-continue."""

import pytest

from tests.support.engines import ON_EVERY_ENGINE_AND_TLS
from tests.support.probe import Probe, fresh_name, request

pytestmark = ON_EVERY_ENGINE_AND_TLS

CHUNKED = "Transfer-Encoding: chunked"


def chunk(data: bytes) -> bytes:
    """Return one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
def test_declared_length(probe: Probe, size: int) -> None:
    """A body of declared length arrives whole."""
    body = bytes(index % 251 for index in range(size))
    head = request("/echo", f"Content-Length: {size}", "Connection: close", method="POST")
    assert probe.ask(head + body).body == body


@pytest.mark.parametrize("cut", [1, 7, 4096, 100_000])
def test_chunked(probe: Probe, cut: int) -> None:
    """A chunked body arrives whole, however it is cut."""
    body = bytes(index % 251 for index in range(20 * cut if cut < 4096 else 300_000))
    chunks = b"".join(chunk(body[start : start + cut]) for start in range(0, len(body), cut))
    head = request("/echo", CHUNKED, "Connection: close", method="POST")
    assert probe.ask(head + chunks + b"0\r\n\r\n").body == body


@pytest.mark.parametrize(
    "body",
    [
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"a\r\n0123456789\r\n0\r\n\r\n",
        b"0000a\r\n0123456789\r\n000\r\n\r\n",
        b'a;name;name=value;name="quoted; \\" value"\r\n0123456789\r\n0;last\r\n\r\n',
        b"a\r\n0123456789\r\n0\r\nx-checksum: 1\r\nx-other: 2\r\n\r\n",
    ],
    ids=["upper", "lower", "zeros", "extensions", "trailers"],
)
def test_what_chunks_may_look_like(probe: Probe, body: bytes) -> None:
    """Hex digits of both cases, leading zeros, extensions and trailers are all right."""
    with probe.connect() as client:
        client.send(request("/echo", CHUNKED, method="POST") + body + request())
        assert client.read_answer().body == b"0123456789"
        assert client.read_answer().body == b"hello"


def test_the_application_reads_what_has_come_and_answers_before_the_rest(probe: Probe) -> None:
    """A body is handed on as it comes, and a response streams back meanwhile."""
    with probe.connect() as client:
        client.send(request("/stream-echo", CHUNKED, method="POST"))
        for piece in (b"one", b"two"):
            client.send(chunk(piece))
            if piece == b"one":
                assert client.read_head().field("transfer-encoding") == "chunked"
            assert client.read_exactly(len(chunk(piece))) == chunk(piece)
        client.send(b"0\r\n\r\n")
        assert client.read_exactly(5) == b"0\r\n\r\n"
        client.send(request())
        assert client.read_answer().body == b"hello"


def test_a_stream_comes_in_pieces_and_goes_on(probe: Probe) -> None:
    """A response without a declared length is chunked, and its connection can be used again."""
    with probe.connect() as client:
        for _ in range(2):
            client.send(request("/pieces"))
            answer = client.read_answer()
            assert (answer.framing, answer.body) == ("chunked", b"one,two,three")


def test_the_first_piece_is_sent_before_the_last_is_there(probe: Probe) -> None:
    """A piece that the application sent is on its way at once."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated-stream?name={name}"))
        client.read_head()
        assert client.read_exactly(11) == b"6\r\nfirst,\r\n"
        probe.open_gate(name)
        assert client.read_exactly(14) == b"4\r\nlast\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "part"),
    [("Content-Length: 10", b"01234"), (CHUNKED, b"a\r\n01234"), (CHUNKED, b"5\r\n01234\r\n0\r\n")],
    ids=["content-length", "chunk", "last-chunk"],
)
def test_a_body_that_stops_in_the_midst_is_a_disconnect(
    probe: Probe, fields: str, part: bytes
) -> None:
    """The end of the stream inside a body is never taken for the end of the body."""
    name = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/echo?name={name}", fields, method="POST") + part)
        client.half_close()
        assert probe.notes(name, until="disconnect") == ["disconnect"]


class TestExpectContinue:
    """Expect: 100-continue (RFC 9110 section 10.1.1)."""

    HEAD = ("Content-Length: 10", "Expect: 100-continue")

    def test_an_awaited_body_is_asked_for_once(self, probe: Probe) -> None:
        """One 100 is sent as the application awaits the body, and then the response."""
        with probe.connect() as client:
            for _ in range(2):
                client.send(request("/echo", *self.HEAD, method="POST"))
                assert client.read_head().status == 100
                client.send(b"01234")
                client.send(b"56789")
                answer = client.read_head()
                assert (answer.status, answer.field("content-length")) == (200, "10")
                assert client.read_exactly(10) == b"0123456789"

    def test_case_makes_no_difference(self, probe: Probe) -> None:
        """The expectation is compared without regard to case."""
        with probe.connect() as client:
            fields = ("Content-Length: 1", "expect: 100-Continue")
            client.send(request("/echo", *fields, method="POST"))
            assert client.read_head().status == 100
            client.send(b"x")
            assert client.read_answer().body == b"x"

    def test_a_chunked_body_is_asked_for_too(self, probe: Probe) -> None:
        """The framing of the awaited body makes no difference."""
        with probe.connect() as client:
            client.send(request("/echo", CHUNKED, "Expect: 100-continue", method="POST"))
            assert client.read_head().status == 100
            client.send(chunk(b"asked") + b"0\r\n\r\n")
            assert client.read_answer().body == b"asked"

    def test_a_body_nobody_awaits_is_not_asked_for(self, probe: Probe) -> None:
        """The response alone is sent; as the client may send the body or not, the end follows."""
        with probe.connect() as client:
            client.send(request("/", *self.HEAD, method="POST"))
            answer = client.read_head()
            assert (answer.status, answer.closes) == (200, True)
            assert client.read_exactly(5) == b"hello"
            assert client.read_to_end() == b""

    def test_a_body_that_came_along_needs_no_asking(self, probe: Probe) -> None:
        """A client that does not wait gets its response, after one 100 at most."""
        with probe.connect() as client:
            client.send(request("/echo", *self.HEAD, method="POST") + b"0123456789")
            heads = [client.read_head()]
            while heads[-1].status == 100:
                heads.append(client.read_head())
            assert [head.status for head in heads] in ([200], [100, 200])
            assert client.read_exactly(10) == b"0123456789"

    def test_http_1_0_is_not_sent_an_informational_response(self, probe: Probe) -> None:
        """An HTTP/1.0 client would not understand it, so its expectation is ignored."""
        with probe.connect() as client:
            client.send(request("/echo", *self.HEAD, method="POST", version="1.0"))
            client.send(b"0123456789")
            assert client.read_head().status == 200

    def test_no_body_no_asking(self, probe: Probe) -> None:
        """An expectation without a body to come is ignored."""
        with probe.connect() as client:
            client.send(request("/echo", "Expect: 100-continue"))
            assert client.read_head().status == 200
