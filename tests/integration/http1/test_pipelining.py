"""Requests sent without waiting for answers (RFC 9112 section 9.3.2)."""

from tests.support.engines import ON_EVERY_ENGINE_AND_LOOP
from tests.support.probe import Probe, fresh_name, request

pytestmark = ON_EVERY_ENGINE_AND_LOOP


def test_answers_come_in_order_when_the_first_is_slow(probe: Probe) -> None:
    """The answers stand in the order of the requests; the next is called when one is answered."""
    slow, second = fresh_name(), fresh_name()
    with probe.connect() as client:
        client.send(
            request(f"/gated?name={slow}") + request(f"/gated?name={second}") + request("/pieces")
        )
        probe.notes(slow, until="called")
        probe.open_gate(second)
        assert probe.notes(second) == []
        probe.open_gate(slow)
        bodies = [client.read_answer().body for _ in range(3)]
        assert bodies == [slow.encode(), second.encode(), b"one,two,three"]


def test_a_request_that_comes_while_one_is_served_waits(probe: Probe) -> None:
    """A request that arrives, in two pieces, while another is served is answered after it."""
    slow = fresh_name()
    later = request("/echo", "Content-Length: 5", method="POST") + b"later"
    with probe.connect() as client:
        client.send(request(f"/gated?name={slow}"))
        probe.notes(slow, until="called")
        client.send(later[:20])
        probe.notes(slow)
        client.send(later[20:])
        probe.open_gate(slow)
        assert client.read_answer().body == slow.encode()
        assert client.read_answer().body == b"later"


def test_many_in_one_go(probe: Probe) -> None:
    """A thousand requests in one go get a thousand answers."""
    with probe.connect() as client:
        client.send(request() * 1000)
        assert {client.read_answer().body for _ in range(1000)} == {b"hello"}


def test_bodies_end_where_they_are_declared_to(probe: Probe) -> None:
    """Bodies of each framing, one behind the other in one go, are told apart."""
    chunked = request("/echo", "Transfer-Encoding: chunked", method="POST")
    sent = [
        request("/echo", "Content-Length: 3", method="POST") + b"one",
        chunked + b"3\r\ntwo\r\n0\r\n\r\n",
        request("/echo", "Content-Length: 0", method="POST"),
        chunked + b"0\r\n\r\n",
        request(),
    ]
    with probe.connect() as client:
        client.send(b"".join(sent))
        bodies = [client.read_answer().body for _ in sent]
    assert bodies == [b"one", b"two", b"", b"", b"hello"]


def test_the_same_one_byte_at_a_time(probe: Probe) -> None:
    """How the bytes are cut into packets makes no difference."""
    data = request("/echo", "Transfer-Encoding: chunked", method="POST")
    data += b"3;ext=1\r\ntwo\r\n0\r\nx-trailer: 1\r\n\r\n" + request()
    with probe.connect() as client:
        for index in range(len(data)):
            client.send(data[index : index + 1])
        assert client.read_answer().body == b"two"
        assert client.read_answer().body == b"hello"


def test_nothing_after_an_error_is_served(probe: Probe) -> None:
    """Good, bad, good in one go: one answer, one 400, the end."""
    before = probe.calls()
    with probe.connect() as client:
        client.send_what_is_taken(request() + b"GET / HTTP/1.1\r\n\r\n" + request("/smuggled"))
        assert client.read_answer().status == 200
        answer = client.read_answer()
        assert (answer.status, answer.closes) == (400, True)
        assert client.read_to_end() == b""
    assert probe.calls() == before + 1


def test_an_error_waits_for_the_answer_before_it(probe: Probe) -> None:
    """A bad request behind one that is being served does not disturb it."""
    slow = fresh_name()
    with probe.connect() as client:
        client.send(request(f"/gated?name={slow}") + b"nonsense\r\n\r\n")
        probe.notes(slow, until="called")
        probe.open_gate(slow)
        assert client.read_answer().body == slow.encode()
        assert client.read_answer().status == 400
        assert client.read_to_end() == b""


def test_a_body_nobody_read_is_not_taken_for_a_request(probe: Probe) -> None:
    """The bytes of an unread body are never parsed; what follows is answered or refused."""
    inner = request("/smuggled")
    post = request("/", f"Content-Length: {len(inner)}", method="POST")
    before = probe.calls()
    with probe.connect() as client:
        client.send_what_is_taken(post + inner)
        answer = client.read_answer()
        assert answer.body == b"hello"
        if not answer.closes:
            client.send(request("/echo"))
            assert client.read_answer().status == 200
    assert probe.calls() - before == (1 if answer.closes else 2)
