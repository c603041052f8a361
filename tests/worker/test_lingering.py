"""Connections that end: the last answer can be read, and nobody stays for long."""

import asyncio

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.config import WorkerConfig
from serverkit_worker.errors import LIMIT_CONNECTIONS
from serverkit_worker.lingering import LingeringConnection, RefusedConnection
from serverkit_worker.serving import Serving
from tests.worker.driving import (
    CHUNKED,
    GET,
    advance,
    chunk,
    hello,
    make_serving,
    post,
    stepped,
    turns,
    wire,
)
from tests.worker.fake_transport import FakeTransport
from tests.worker.wire_format import only

LINGER_S = 2
REFUSAL_S = 1
LATEST_S = 0.625


def refused(config: WorkerConfig | None = None) -> tuple[Serving, FakeTransport]:
    """Return a client that is refused."""
    serving = make_serving(hello, config)
    transport = FakeTransport()
    transport.set_protocol(asyncio.Protocol())
    RefusedConnection(serving, transport, LIMIT_CONNECTIONS)
    return serving, transport


def lingering() -> tuple[Serving, FakeTransport]:
    """Return a client that has been sent its last answer."""
    serving = make_serving(hello)
    transport = FakeTransport()
    transport.set_protocol(asyncio.Protocol())
    transport.pause_reading()
    LingeringConnection(serving, transport)
    return serving, transport


@stepped
async def test_the_end_is_announced_and_what_comes_is_read() -> None:
    """Until the client closes."""
    serving, transport = lingering()

    assert transport.eof_sent
    transport.client_sends(b"x" * 1_000_000)
    await turns()
    assert transport.kernel_holds == 0
    assert len(serving.endings) == 1
    transport.client_ends()
    await turns()

    assert transport.ended == "closed"
    assert serving.endings == set()


@stepped
async def test_a_client_that_goes_on_is_cut_off() -> None:
    """After two seconds, whether it sends or not, drain or no drain."""
    serving, transport = lingering()
    for _ in range(15):
        transport.client_sends(b"x")
        await advance(0.125)
    serving.start_draining("shutdown")
    assert transport.ended == ""

    await advance(LINGER_S - 15 * 0.125 + LATEST_S)

    assert transport.ended == "aborted"


@stepped
async def test_a_transport_without_half_close_is_closed() -> None:
    """As over TLS."""
    serving = make_serving(hello)
    transport = FakeTransport()
    transport.can_write_eof = lambda: False  # type: ignore[method-assign]
    transport.set_protocol(asyncio.Protocol())

    LingeringConnection(serving, transport)
    await turns()

    assert transport.ended == "closed"
    assert serving.endings == set()


@stepped
async def test_a_client_that_has_reset_is_let_go() -> None:
    """There is no end to announce to it, and nothing to fail at."""
    serving = make_serving(hello)
    transport = FakeTransport()
    transport.breaks_after = -1
    transport.set_protocol(asyncio.Protocol())

    LingeringConnection(serving, transport)
    await turns()

    assert transport.ended == "aborted"
    assert serving.endings == set()


@pytest.mark.parametrize("steady", [True, False])
@stepped
async def test_a_large_last_answer_may_be_read_slowly(*, steady: bool) -> None:
    """For as long as a client may take to read; a moment is for what it sends."""

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000})

    line = wire(early, WorkerConfig(write_timeout=20))
    line.transport.room = 0
    line.send(CHUNKED + chunk(b"x"))
    await turns()
    assert line.transport.eof_sent

    for _ in range(11):
        line.transport.client_reads(10_000 if steady else 1)
        await advance(1)
    if steady:
        assert only(line.take()).body == b"x" * 100_000
    assert line.ended == ""
    await advance(9 + 2 * LINGER_S)
    assert line.ended == "aborted"


@stepped
async def test_a_refusal_answers_the_first_request() -> None:
    """And closes; the client is told when to come back."""
    serving, transport = refused()

    transport.client_sends(GET[:5])
    assert transport.sent == b""
    transport.client_sends(GET[5:])

    response = only(bytes(transport.sent))
    assert (response.status, response.code) == (503, "LIMIT_CONNECTIONS")
    assert response["retry-after"] == "5"
    assert response["server"] == "serverkit"
    assert response.closes
    assert transport.eof_sent
    transport.client_ends()
    await turns()
    assert serving.endings == set()


@pytest.mark.parametrize("data", [post(b"x", length=9), b"nonsense\r\n\r\n", b"\x16\x03\x01\x00"])
@stepped
async def test_a_refusal_answers_whatever_comes(data: bytes) -> None:
    """Also half a request, or none."""
    _, transport = refused()

    transport.client_sends(data)
    await advance(REFUSAL_S + LATEST_S)

    assert only(bytes(transport.sent)).status == 503


@stepped
async def test_a_refusal_does_not_wait_for_ever() -> None:
    """After a second it answers to nothing."""
    _, transport = refused()

    await advance(REFUSAL_S - 0.125)
    assert transport.sent == b""
    await advance(0.125 + LATEST_S)

    assert only(bytes(transport.sent)).status == 503
    await advance(LINGER_S + LATEST_S)
    assert transport.ended == "aborted"


@stepped
async def test_who_leaves_before_being_refused_is_forgotten() -> None:
    """Without an answer."""
    serving, transport = refused()

    transport.client_leaves()
    await turns()

    assert transport.sent == b""
    assert serving.endings == set()


@stepped
async def test_a_refusal_says_no_more_than_a_head_can() -> None:
    """A head without end is answered when it is too large."""
    _, transport = refused()

    transport.client_sends(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000)

    assert only(bytes(transport.sent)).status == 503


@stepped
async def test_both_can_be_aborted() -> None:
    """When the worker ends."""
    for serving, transport in (lingering(), refused()):
        serving.abort()
        await turns()
        assert transport.ended == "aborted"
        assert serving.endings == set()
