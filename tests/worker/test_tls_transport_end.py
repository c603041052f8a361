"""How connections by TLS end: in order, by either side, or not."""

import ssl

import pytest

from serverkit_worker.asgi import Receive, Scope, Send
from tests.worker.driving import (
    BODY,
    GET,
    STREAM_START,
    BodyReader,
    Held,
    advance,
    post,
    stepped,
    turns,
)
from tests.worker.securing import noting, secured
from tests.worker.wire_format import only


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
