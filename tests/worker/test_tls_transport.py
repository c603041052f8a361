"""The transport that speaks TLS: as one of TCP, for whoever uses it."""

import asyncio
from pathlib import Path

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.encryption import ENCRYPTED_BYTES
from tests.worker.driving import (
    CHUNKED,
    GET,
    STREAM_START,
    BodyReader,
    advance,
    chunk,
    post,
    stepped,
    turns,
)
from tests.worker.securing import noting, secured, transport_of
from tests.worker.wire_format import only

BIG = bytes(range(256)) * 4_000
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def big(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response larger than all buffers."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": BIG})


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
async def test_who_writes_much_is_paused_when_all_is_written() -> None:
    """So that what waits for the client can be measured then."""
    line, transport, protocol = noting()
    line.carrier.room = 0
    transport.writelines([BIG, BIG])

    assert protocol.told == [("paused", transport.get_write_buffer_size())]
    line.carrier.client_reads(10_000_000)
    transport.write(b"abc")
    assert protocol.told[1:] == ["resumed"]


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
