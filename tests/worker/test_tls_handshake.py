"""The TLS handshake of one connection: bounded, counted, drained, and never a traceback."""

import ssl

import pytest

from serverkit_worker.collectors import BufferedCollector
from serverkit_worker.errors import DRAINING
from serverkit_worker.lifecycle_events import ConnectionCompleted
from serverkit_worker.observation import observe
from tests.worker.certificates import authority
from tests.worker.driving import (
    GET,
    STEP_S,
    BodyReader,
    Held,
    advance,
    hello,
    make_serving,
    post,
    stepped,
    turns,
)
from tests.worker.listening import Lines, last
from tests.worker.securing import SecureLine, secure_line
from tests.worker.wire_format import only, responses

HANDSHAKE_S = 10
LATEST_S = 0.625
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("version", [TLS12, TLS13])
@stepped
async def test_a_request_may_come_with_the_end_of_the_handshake(version: ssl.TLSVersion) -> None:
    """Clients send it in the same packet."""
    line = secure_line(hello, client=authority().client(version=version))

    line.shake_hands(last=GET)

    assert only(line.take()).body == b"hello"
    assert only(await line.exchange(GET)).body == b"hello"


@stepped
async def test_a_silent_client_is_closed_and_has_cost_nothing() -> None:
    """After `ssl_handshake_timeout`; no context was made or asked for."""
    line = secure_line(hello)
    assert len(line.serving.connections) == 1

    await advance(HANDSHAKE_S)
    assert line.ended == ""
    await advance(LATEST_S)

    assert line.ended == "aborted"
    assert line.take_raw() == b""
    assert line.contexts.asked == 0
    assert line.serving.is_idle()


@stepped
async def test_the_deadline_is_one_for_the_whole_handshake() -> None:
    """Whoever sends a byte now and then gains nothing."""
    line = secure_line(hello)
    for byte in line.peer.shake():
        line.send_raw(bytes([byte]))
        await advance(STEP_S)
        if line.ended:
            break

    assert line.ended == "aborted"
    assert line.contexts.asked == 1
    assert line.serving.is_idle()


@stepped
async def test_the_handshake_may_come_byte_by_byte() -> None:
    """As long as it comes."""
    line = secure_line(hello)
    for data in (line.peer.shake(), b""):
        for byte in data or line.peer.shake(line.take_raw()):
            line.send_raw(bytes([byte]))
    for byte in line.peer.encrypt(GET):
        line.send_raw(bytes([byte]))

    assert only(line.take()).body == b"hello"
    assert line.contexts.asked == 1


@pytest.mark.parametrize("how", ["client_ends", "client_leaves"])
@pytest.mark.parametrize("said", ["nothing", "half", "hello"])
@stepped
async def test_a_client_may_leave_at_any_point(how: str, said: str) -> None:
    """It is forgotten at once."""
    line = secure_line(hello)
    greeting = line.peer.shake()
    line.send_raw({"nothing": b"", "half": greeting[:50], "hello": greeting}[said])

    getattr(line.carrier, how)()
    await turns()

    assert line.ended
    assert line.serving.is_idle()


@pytest.mark.parametrize("split", [1, 3, 5, len(GET)])
@stepped
async def test_a_plain_request_is_told_that_this_is_tls(split: int) -> None:
    """In plain text, in however many pieces it comes, and the connection ends in order."""
    line = secure_line(hello)
    line.send_raw(GET[:split])
    line.send_raw(GET[split:])

    response = only(line.take_raw())
    assert (response.status, response.code) == (400, "TLS_EXPECTED")
    assert response.body == b"This port speaks TLS. Please use https.\n"
    assert response.closes
    assert line.carrier.eof_sent
    assert line.contexts.asked == 0
    line.carrier.client_ends()
    await turns()
    assert line.ended == "closed"
    assert line.serving.is_idle()


@pytest.mark.parametrize("said", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
@stepped
async def test_half_a_plain_request_is_not_waited_for_long(said: bytes) -> None:
    """It is answered all the same."""
    line = secure_line(hello)
    line.send_raw(said)
    assert line.take_raw() == b""

    await advance(1 + LATEST_S)

    assert only(line.take_raw()).code == "TLS_EXPECTED"


@pytest.mark.parametrize("said", [b"\0\0\0\0\r\n\r\n", b"\x80\x2e\x01\0\x02\r\n", b"\r\n\r\n\r\n"])
@stepped
async def test_garbage_ends_in_order(said: bytes) -> None:
    """With an answer, whatever the client makes of it."""
    line = secure_line(hello)
    line.send_raw(said)
    await advance(1 + LATEST_S)

    assert only(line.take_raw()).code == "TLS_EXPECTED"
    await advance(2 + LATEST_S)
    assert line.ended


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x00\x05nope!", b"\x16" * 100, b"\x16GET / HTTP"])
@stepped
async def test_what_only_looks_like_a_handshake_ends_in_order(said: bytes) -> None:
    """By an alert at most."""
    line = secure_line(hello)
    line.send_raw(said)
    await advance(HANDSHAKE_S + LATEST_S)

    assert line.ended
    assert line.serving.is_idle()


@stepped
async def test_an_answer_in_plain_text_is_told_of() -> None:
    """Who reads the logs learns that somebody has come to the wrong port."""
    log, collector = Lines(), BufferedCollector()
    line = secure_line(hello, observation=observe(collector, log, worker_id=0))
    line.send_raw(GET)
    line.carrier.client_ends()
    await turns()

    assert [each[1:5] for each in log.lines] == [("GET", b"/", "1.1", 400)]
    assert last(list(collector.flush()), ConnectionCompleted).reason == "error"


@stepped
async def test_a_client_that_cannot_be_agreed_with_reads_why() -> None:
    """The alert reaches it, though it sends on, and the connection ends."""
    line = secure_line(
        hello,
        server=authority().server(version=TLS13),
        client=authority().client(version=TLS12),
    )
    line.send_raw(line.peer.shake())
    line.send_raw(b"more")

    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        line.peer.shake(line.take_raw())
    assert line.carrier.eof_sent
    assert line.serving.is_idle()
    line.carrier.client_ends()
    await turns()
    assert line.ended == "closed"
    assert line.serving.endings == set()


@stepped
async def test_handshakes_count_as_connections() -> None:
    """Those who come later are told so, by TLS, and keep nobody waiting who came before."""
    serving = make_serving(hello, max_connections=2)
    first, second, third = (SecureLine(serving) for _ in range(3))
    assert len(serving.connections) == 2

    third.shake_hands(last=GET)
    response = only(third.take())
    assert (response.status, response.code) == (503, "LIMIT_CONNECTIONS")
    assert third.peer.has_goodbye
    for line in (first, second):
        line.shake_hands(last=GET)
        assert only(line.take()).status == 200
    assert len(serving.connections) == 2


@stepped
async def test_one_too_many_that_says_nothing_is_soon_closed() -> None:
    """It does not count, so it must not stay."""
    serving = make_serving(hello, max_connections=1)
    first, second = SecureLine(serving), SecureLine(serving)
    await advance(1 + LATEST_S)

    assert (first.ended, second.ended) == ("", "aborted")
    assert serving.endings == set()


@stepped
async def test_a_shutdown_gives_handshakes_a_second() -> None:
    """Then they are cut off."""
    line = secure_line(hello)
    await advance(5)
    line.serving.start_draining("shutdown")

    await advance(0.875)
    assert line.ended == ""
    await advance(0.125 + LATEST_S)

    assert line.ended == "aborted"
    assert line.serving.is_idle()


@stepped
async def test_a_handshake_that_a_shutdown_finds_can_be_finished() -> None:
    """Its request is served, as the last one."""
    line = secure_line(hello)
    line.serving.start_draining("shutdown")

    line.shake_hands(last=GET)
    response = only(line.take())

    assert (response.status, response.closes) == (200, True)
    await turns()
    assert line.peer.has_goodbye
    assert line.serving.is_idle()


@stepped
async def test_a_reload_waits_for_handshakes_as_ever() -> None:
    """Their clients cannot know of it."""
    line = secure_line(hello)
    line.serving.start_draining("reload")
    await advance(HANDSHAKE_S - 1)

    line.shake_hands(last=GET)

    assert only(line.take()).status == 200


@stepped
async def test_the_worker_is_not_idle_between_handshake_and_request() -> None:
    """Whoever waits for the end of a drain does not miss the connection that goes on."""
    line = secure_line(hello)
    idle = line.serving.loop.create_task(line.serving.idle())
    await turns()

    line.shake_hands()
    await turns()

    assert not idle.done()
    line.serving.abort()
    await turns()
    assert idle.done()


@stepped
async def test_who_comes_in_a_drain_is_refused_by_tls() -> None:
    """In the words of HTTP, as without TLS."""
    serving = make_serving(hello)
    serving.start_draining("reload")
    line = SecureLine(serving, refusal=DRAINING)

    line.shake_hands(last=GET)

    assert only(line.take()).code == "WORKER_DRAINING"


@stepped
async def test_an_abort_cuts_handshakes_off() -> None:
    """Also those of whom is refused."""
    serving = make_serving(hello, max_connections=1)
    lines = [SecureLine(serving), SecureLine(serving)]
    serving.abort()
    await turns()

    assert [line.ended for line in lines] == ["aborted", "aborted"]
    assert not serving.connections
    assert not serving.endings


@pytest.mark.parametrize("version", [TLS12, TLS13])
@stepped
async def test_much_may_come_with_the_end_of_the_handshake(version: ssl.TLSVersion) -> None:
    """All of it is heard, though only a part is decrypted at a time."""
    app = BodyReader()
    app.allow()
    line = secure_line(app, client=authority().client(version=version))
    body = bytes(range(256)) * 900
    line.shake_hands(last=post(body))
    await turns(50)

    assert only(line.take()).status == 200
    assert app.body == body


@stepped
async def test_pipelined_requests_may_come_with_the_end_of_the_handshake() -> None:
    """All are answered, in order."""
    app = Held()
    app.go_on.set()
    line = secure_line(app)
    line.shake_hands(last=GET * 3)
    await turns()

    assert [each.status for each in responses(line.take())] == [200] * 3
