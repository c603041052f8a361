"""Clients that send much at once, and the others on the same loop."""

import pytest

from serverkit_worker.client_transport import LARGE_READ
from tests.worker.driving import GET, Held, hello, stepped, turns, wire
from tests.worker.wire_format import responses

REQUEST = GET[:-2] + b"X-Padding: %b\r\n\r\n" % (b"x" * 5_000)
REQUESTS = LARGE_READ // len(REQUEST)


@stepped
async def test_behind_a_large_read_others_have_their_turn() -> None:
    """A loop that would go on to read at once is told not to, until it has gone round."""
    line = wire(hello)
    reading = []

    for data in (REQUEST * REQUESTS, REQUEST * (REQUESTS + 1)):
        line.send(data)
        reading.append(line.transport.reading)
    await turns()

    assert (*reading, line.transport.reading) == (True, False, True)
    assert len(responses(line.take())) == 2 * REQUESTS + 1


@stepped
async def test_a_pause_for_a_reason_outlasts_that_turn() -> None:
    """What waits behind a request that takes long is still bounded."""
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


@pytest.mark.parametrize("size", [LARGE_READ, 4 * LARGE_READ])
@stepped
async def test_a_large_body_is_read_to_its_end(size: int) -> None:
    """Turn by turn."""
    line = wire(hello)

    line.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size // LARGE_READ):
        line.send(bytes(LARGE_READ))
        await turns()

    assert line.transport.reading
    assert [response.status for response in responses(line.take())] == [200]
