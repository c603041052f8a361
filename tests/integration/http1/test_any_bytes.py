"""Whatever bytes a client sends, the server answers the next one."""

from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.malformed import BODIES, HEADS
from tests.support.probe import Probe, request

# What requests are made of, right and wrong, to be put together in any order.
PIECES = [
    b"GET / HTTP/1.1\r\n",
    b"POST /echo HTTP/1.1\r\n",
    b"POST /stream-echo HTTP/1.0\r\n",
    b"HEAD /pieces HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"Host: testing\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"TE: trailers\r\n",
    b"Upgrade: websocket\r\n",
    b"X-A: 1\r\n 2\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\x00",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
]
WHOLE = [*(data for data, _ in HEADS.values()), *BODIES.values(), request(), request("/pieces")]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a request, right or wrong, with a piece of it replaced."""
    data = draw(st.sampled_from(WHOLE))[:2000]
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 8)))
    return data[:start] + draw(st.binary(max_size=8)) + data[end:]


ANYTHING = st.one_of(
    st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), mutated()
)


@given(data=ANYTHING)
@example(data=b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_next_client_is_answered(probe: Probe, data: bytes) -> None:
    """No byte string, ended or not, keeps the server from the next client, or spins it."""
    before = probe.server.cpu_seconds()
    with probe.connect() as client:
        client.send_what_is_taken(data)
        with probe.connect() as next_client:
            next_client.send(request())
            assert next_client.read_answer().body == b"hello"
        with suppress(OSError):
            client.half_close()
        client.read_to_end()
    after = probe.server.cpu_seconds()
    if before is not None and after is not None:
        assert after - before < 1.0
