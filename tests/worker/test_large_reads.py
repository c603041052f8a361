"""Clients that send much at once."""

import pytest

from serverkit_worker.socket_transport import LARGE_READ_BYTES
from tests.worker.driving import GET, Held, hello, stepped, turns, wire
from tests.worker.wire_format import responses

REQUEST = GET[:-2] + b"X-Padding: %b\r\n\r\n" % (b"x" * 5_000)
REQUESTS = LARGE_READ_BYTES // len(REQUEST)


@stepped
async def test_what_waits_behind_a_request_is_bounded() -> None:
    """Reading goes on when it has its answer."""
    app = Held()
    line = wire(app)

    line.send(REQUEST * (REQUESTS + 1))
    await turns()
    assert not line.transport.reading

    app.go_on.set()
    while len(app.calls) < REQUESTS + 1:
        await turns()
    await turns()
    assert line.transport.reading


@pytest.mark.parametrize("size", [LARGE_READ_BYTES, 4 * LARGE_READ_BYTES])
@stepped
async def test_a_large_body_is_read_to_its_end(size: int) -> None:
    """Turn by turn."""
    line = wire(hello)

    line.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size // LARGE_READ_BYTES):
        line.send(bytes(LARGE_READ_BYTES))
        await turns()

    assert line.transport.reading
    assert [response.status for response in responses(line.take())] == [200]
