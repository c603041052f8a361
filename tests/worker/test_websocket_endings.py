"""The table of endings: by each cause, what the client is sent and what the application is told."""

import pytest

from serverkit_worker.errors import ClientDisconnected
from serverkit_worker.websocket_endings import ENDINGS
from tests.worker.driving import stepped, turns
from tests.worker.websocket_causes import CONFIGS, ROWS, SMALL
from tests.worker.websocket_driving import CLOSE, config_of, opened


def test_every_cause_of_the_table_is_tried() -> None:
    """A row without a test would be a claim."""
    assert {row.ending for row in ROWS.values()} == set(ENDINGS)


@pytest.mark.parametrize("name", ROWS)
@stepped
async def test_a_websocket_ends(name: str) -> None:
    """The client is sent what the table says, and the application is told it, once."""
    ending, cause, sent, told = ROWS[name]
    app, peer = await opened(CONFIGS.get(name) or config_of(proto=SMALL))

    await cause(app, peer)
    await turns()

    if sent is None:
        assert [opcode for opcode, _ in peer.frames()].count(CLOSE) == 0
        assert peer.ended()
    else:
        found = peer.closed_with()
        assert found[0] == sent[0]
        assert sent[1] in ("*", found[1])
        assert ending.sent in (None, found[0])
    if told is not None:
        message = await app.receive()
        assert set(message) == {"type", "code", "reason"}
        assert (message["type"], message["code"]) == ("websocket.disconnect", told[0])
        assert told[1] in ("*", message["reason"])
        with pytest.raises(ClientDisconnected):
            await app.receive()
