"""The transport that speaks TLS: as one of TCP, for whoever uses it."""

import asyncio
import ssl
from pathlib import Path

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.tls_transport import ENCRYPTED_BYTES, TLSTransport
from tests.worker.driving import (
    BODY,
    CHUNKED,
    GET,
    STREAM_START,
    BodyReader,
    Held,
    advance,
    chunk,
    hello,
    post,
    stepped,
    turns,
)
from tests.worker.securing import SecureLine, secure_line
from tests.worker.wire_format import only

BIG = bytes(range(256)) * 4_000
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def big(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response larger than all buffers."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": BIG})


def secured(app: object = hello, **changes: object) -> SecureLine:
    """Return a client whose handshake is done."""
    assert callable(app)
    line = secure_line(app, **changes)  # type: ignore[arg-type]
    line.shake_hands()
    line.take()
    return line


def transport_of(line: SecureLine) -> TLSTransport:
    """Return the transport under test."""
    transport = line.carrier.get_protocol()
    assert isinstance(transport, TLSTransport)
    return transport


class Noting(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self, *, keeps: bool = True) -> None:
        self.told: list[object] = []
        self._keeps = keeps

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self._keeps

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


def noting(*, keeps: bool = True) -> tuple[SecureLine, TLSTransport, Noting]:
    """Return a connection whose protocol takes notes."""
    line = secured()
    transport, protocol = transport_of(line), Noting(keeps=keeps)
    transport.set_protocol(protocol)
    return line, transport, protocol


# Reading


@stepped
async def test_what_comes_at_once_is_handed_on_at_once() -> None:
    """However many records it was, so that the protocol has its turn once."""
    line, _, protocol = noting()
    line.send(BIG[:200_000])
    assert protocol.told == [BIG[:200_000]]


@stepped
async def test_a_record_may_come_byte_by_byte() -> None:
    """It is handed on when it is whole, since it may be forged until then."""
    line, _, protocol = noting()
    encrypted = line.peer.encrypt(b"abc")
    for byte in encrypted[:-1]:
        line.send_raw(bytes([byte]))
    assert protocol.told == []
    line.send_raw(encrypted[-1:] + line.peer.encrypt(b"d")[:3])
    assert protocol.told == [b"abc"]


@stepped
async def test_nothing_is_read_while_reading_is_paused() -> None:
    """The kernel keeps it, as for TCP."""
    line, transport, protocol = noting()
    transport.pause_reading()
    line.send(b"abc")
    assert not protocol.told
    assert line.carrier.kernel_holds
    transport.resume_reading()
    await turns()
    assert protocol.told == [b"abc"]


@pytest.mark.parametrize("size", [100, 1_000_000])
@stepped
async def test_a_body_of_a_request_arrives_whole(size: int) -> None:
    """In as many pieces as it takes, with backpressure to the client."""
    app = BodyReader()
    line = secured(app)
    line.send(post(BIG[:size]))
    app.allow()
    await turns(200)

    assert only(line.take()).status == 200
    assert app.body == BIG[:size]


@stepped
async def test_a_chunked_body_may_be_cut_anywhere() -> None:
    """Records know nothing of chunks."""
    app = BodyReader()
    app.allow()
    line = secured(app)
    for byte in CHUNKED + chunk(b"abc") + chunk(b"defg") + chunk(b""):
        line.send(bytes([byte]))
    await turns()

    assert app.body == b"abcdefg"


# Writing


@stepped
async def test_what_is_written_is_not_copied() -> None:
    """OpenSSL is given the very objects of the application, or views of them."""
    line = secured(big)
    transport, given = transport_of(line), list[bytes]()
    write = transport._write

    def noting_write(data: bytes | memoryview) -> int:
        whole = data.obj if isinstance(data, memoryview) else data
        assert isinstance(whole, bytes)
        given.append(whole)
        return write(data)

    transport._write = noting_write  # type: ignore[assignment]
    line.send(GET)
    await turns()

    assert only(line.take()).body == BIG
    of_body = [each for each in given if each is BIG]
    assert len(of_body) == -(-len(BIG) // ENCRYPTED_BYTES)
    assert sum(len(each) for each in given if each is not BIG) < 300


@stepped
async def test_little_is_kept_besides_the_buffer_that_counts() -> None:
    """A large write is handed to the carrier as it is encrypted."""
    line, transport, _ = noting()
    line.carrier.room = 0
    written: list[int] = []
    write = line.carrier.write

    def noting_write(data: bytes) -> None:
        written.append(len(data))
        write(data)

    line.carrier.write = noting_write  # type: ignore[method-assign]
    transport.write(BIG)

    assert max(written) < 2 * ENCRYPTED_BYTES
    assert transport.get_write_buffer_size() == sum(written) > len(BIG)


@stepped
async def test_several_pieces_leave_in_one_write() -> None:
    """Head and body, for example; those of no length are none."""
    line, transport, _ = noting()
    before = line.carrier.write_count
    transport.writelines([b"ab", b"", memoryview(b"cd")])
    transport.write(b"")

    assert line.carrier.write_count == before + 1
    assert line.take() == b"abcd"


@stepped
async def test_a_response_is_one_write_of_the_carrier() -> None:
    """As without TLS."""
    line = secured()
    before = line.carrier.write_count
    line.send(GET)

    assert only(line.take()).body == b"hello"
    assert line.carrier.write_count == before + 1


@stepped
async def test_a_slow_reader_gets_all_of_the_last_response() -> None:
    """However long it takes, as long as it reads: not just a second, as loops have it."""
    line = secured(big, write_timeout=20)
    line.carrier.room = 0
    line.send(CLOSING)
    await turns()
    for _ in range(10):
        line.carrier.client_reads(len(BIG) / 9)
        await advance(5)

    assert only(line.take()).body == BIG
    assert line.ended == "closed"
    assert line.peer.has_goodbye


@stepped
async def test_who_reads_nothing_is_reset() -> None:
    """After `write_timeout`, whatever is written already."""
    line = secured(big, write_timeout=20)
    line.carrier.room = 0
    line.send(CLOSING)
    await turns()
    await advance(21)

    assert line.ended == "aborted"
    assert line.serving.is_idle()


@stepped
async def test_an_application_waits_for_a_slow_reader() -> None:
    """`send` returns when the client has read enough."""
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(STREAM_START)
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"x" * 50_000, "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    line = secured(app)
    line.carrier.room = 0
    line.send(GET)
    await turns()
    assert sent == 1
    line.carrier.client_reads(10_000_000)
    await turns(100)

    assert sent == 20
    assert only(line.take()).body == b"x" * 1_000_000


@stepped
async def test_a_file_is_sent(tmp_path: Path) -> None:
    """By the extension "Path Send"."""
    path = tmp_path / "file"
    path.write_bytes(BIG)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send({"type": "http.response.pathsend", "path": str(path)})

    line = secured(app)
    line.send(GET)
    await turns(100)

    assert only(line.take()).body == BIG


# How it ends


@stepped
async def test_the_end_is_announced() -> None:
    """A response without a length can be told from one that was cut off on the way."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send(BODY)

    line = secured(app)
    line.send(b"GET / HTTP/1.0\r\n\r\n")
    await turns()

    assert line.take().endswith(b"\r\n\r\nhello")
    assert line.peer.has_goodbye
    assert line.ended == "closed"


@stepped
async def test_a_response_that_is_cut_off_has_no_announced_end() -> None:
    """Nobody takes it for complete."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("a bug")

    line = secured(app)
    line.send(b"GET / HTTP/1.0\r\n\r\n")
    await turns()

    assert line.take().endswith(b"half")
    assert line.ended == "aborted"
    assert line.peer.is_cut


@pytest.mark.parametrize("how", ["goodbye", "FIN", "both"])
@stepped
async def test_a_client_may_end_its_direction(how: str) -> None:
    """It still gets its response, and then the connection ends."""
    app = Held()
    line = secured(app)
    line.send(GET)
    if how != "FIN":
        line.send_raw(line.peer.goodbye())
    if how != "goodbye":
        line.carrier.client_ends()
    await turns()
    assert line.ended == ""
    app.go_on.set()
    await turns()

    assert only(line.take()).body == b"hello"
    assert line.peer.has_goodbye
    assert line.ended == "closed"
    assert line.serving.is_idle()


@pytest.mark.parametrize("how", ["goodbye", "FIN"])
@stepped
async def test_an_idle_client_may_leave(how: str) -> None:
    """It is answered in kind."""
    line = secured()
    await line.exchange(GET)
    if how == "FIN":
        line.carrier.client_ends()
    else:
        line.send_raw(line.peer.goodbye())
    await turns()
    line.take()

    assert line.ended == "closed"
    assert line.peer.has_goodbye
    assert line.serving.is_idle()


@pytest.mark.parametrize("how", ["goodbye", "FIN"])
@stepped
async def test_half_a_body_is_no_body(how: str) -> None:
    """Whoever cuts the connection off cannot make a request complete."""
    app = BodyReader()
    app.allow()
    line = secured(app)
    line.send(post(b"half", length=100))
    if how == "FIN":
        line.carrier.client_ends()
    else:
        line.send_raw(line.peer.goodbye())
    await turns()

    assert only(line.take()).status == 400
    assert app.messages[-1] == {"type": "http.disconnect"}


@stepped
async def test_what_follows_a_goodbye_is_not_heard() -> None:
    """By TLS there is nothing behind it."""
    line, _, protocol = noting()
    line.send_raw(line.peer.goodbye())
    line.send_raw(b"anything")
    line.carrier.client_ends()
    assert protocol.told == ["eof"]
    assert line.ended == ""


@stepped
async def test_a_protocol_may_want_no_half_closed_connection() -> None:
    """It is closed then."""
    line, transport, protocol = noting(keeps=False)
    line.carrier.client_ends()
    await turns()

    assert protocol.told == ["eof", None]
    assert line.ended == "closed"
    assert transport.is_closing()


@stepped
async def test_a_last_answer_can_be_read_while_the_client_still_sends() -> None:
    """What it sends is thrown away; that it has closed is noticed."""
    line = secured()
    line.send(post(b"x", length=100_000_000))
    assert only(line.take()).status == 413
    assert line.peer.has_goodbye
    assert line.carrier.eof_sent
    for _ in range(5):
        line.send_raw(b"not even encrypted" * 1_000)
        await advance(0.25)
    assert line.ended == ""
    assert line.carrier.kernel_holds == 0
    line.carrier.client_ends()
    await turns()

    assert line.ended == "closed"
    assert line.serving.endings == set()


@stepped
async def test_the_end_of_both_directions_closes() -> None:
    """Nothing is waited for any more."""
    line, transport, protocol = noting()
    line.carrier.client_ends()
    transport.write_eof()
    await turns()

    assert line.ended == "closed"
    assert protocol.told == ["eof", None]


@stepped
async def test_the_client_may_close_behind_its_goodbye() -> None:
    """In whatever order both ends come."""
    line, transport, _ = noting()
    transport.write_eof()
    transport.write_eof()
    line.carrier.client_ends()
    await turns()
    assert line.take() == b""
    assert line.ended == ""  # The protocol has been told, and keeps it.
    line.carrier.client_ends()
    assert line.ended == "closed"


@pytest.mark.parametrize("said", [b"garbage" * 10, b"\x17\x03\x03\x00\x20" + b"x" * 32])
@stepped
async def test_a_client_that_breaks_tls_is_cut_off(said: bytes) -> None:
    """The application is told that it is gone; the client by an alert."""
    app = Held()
    line = secured(app)
    line.send(GET)
    await turns()
    line.send_raw(said)
    await turns()

    assert line.ended == "aborted"
    with pytest.raises(ssl.SSLError, match=r"(?i)alert|wrong version|bad record"):
        line.take()
    app.go_on.set()
    await turns()
    assert line.serving.is_idle()


@stepped
async def test_a_request_in_front_of_garbage_is_heard() -> None:
    """What was said before is genuine."""
    line, _, protocol = noting()
    line.send_raw(line.peer.encrypt(b"abc") + b"garbage" * 10)
    await turns()

    data, error = protocol.told
    assert data == b"abc"
    assert isinstance(error, ssl.SSLError)


@stepped
async def test_a_write_that_fails_ends_the_connection() -> None:
    """Whoever writes need not look."""
    line, transport, protocol = noting()

    def failing_write(data: object) -> int:
        raise ssl.SSLError("no such luck")

    transport._write = failing_write
    transport.write(b"abc")
    transport.write(b"abc")
    await turns()

    assert line.ended == "aborted"
    assert str(protocol.told[-1]) == "('no such luck',)"


@stepped
async def test_nothing_is_written_behind_the_end() -> None:
    """Behind an announced end that is a mistake, on a closed connection it is futile."""
    line, transport, _ = noting()
    transport.write_eof()
    with pytest.raises(RuntimeError, match="behind the end"):
        transport.write(b"abc")

    line, transport, _ = noting()
    transport.close()
    transport.close()
    transport.write(b"abc")
    transport.write_eof()
    assert line.take() == b""
    assert line.peer.has_goodbye
    assert line.ended == "closed"


@stepped
async def test_a_connection_that_breaks_down_is_told_of() -> None:
    """Once, with the reason."""
    line, transport, protocol = noting()
    line.carrier.client_leaves()
    await turns()

    (error,) = protocol.told
    assert isinstance(error, ConnectionResetError)
    assert transport.is_closing()
    assert transport.get_protocol() is not protocol
    transport.pause_reading()
    transport.resume_reading()
    assert line.carrier.reading


# What it knows


@stepped
async def test_it_knows_what_the_carrier_knows() -> None:
    """And the SSLObject."""
    line, transport, _ = noting()
    assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
    assert transport.get_extra_info("peername") == ("127.0.0.1", 50_000)
    assert transport.get_extra_info("nothing", 7) == 7
    assert transport.can_write_eof()
    assert line.carrier.get_protocol() is transport


@stepped
async def test_it_takes_plain_protocols_only() -> None:
    """Of others nobody would hear."""
    _, transport, protocol = noting()
    with pytest.raises(TypeError):
        transport.set_protocol(asyncio.BufferedProtocol())
    assert transport.get_protocol() is protocol


@stepped
async def test_openssl_may_take_less_than_it_is_given() -> None:
    """Some builds take a record at a time."""
    line, transport, _ = noting()
    write = transport._write

    def slow_write(data: bytes | memoryview) -> int:
        return write(bytes(data[:1_000]))

    transport._write = slow_write  # type: ignore[assignment]
    transport.writelines([BIG[:2_500], b"end"])

    assert line.take() == BIG[:2_500] + b"end"
