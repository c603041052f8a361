"""wsproto as a client that was not written for these tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate

from tests.support.probe import fresh_name
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess

DEFLATES: dict[str, dict[str, Any] | None] = {
    "none": None,
    "plain": {},
    "no context": {"client_no_context_takeover": True, "server_no_context_takeover": True},
    "small window": {"client_max_window_bits": 9, "server_max_window_bits": 9},
}


class Talk:
    """One WebSocket of wsproto's over one connection."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._protocol = WSConnection(ConnectionType.CLIENT)

    def say(self, event: Event) -> None:
        """Send what an event stands for."""
        self._client.send(self._protocol.send(event))

    def hear(self) -> Event:
        """Return the next event."""
        while True:
            for event in self._protocol.events():
                return event
            data = self._client.read_some()
            self._protocol.receive_data(data or None)

    def hear_message(self) -> str | bytes:
        """Return the next message, put together if it comes in parts."""
        parts = []
        while True:
            event = self.hear()
            assert isinstance(event, Message), event
            parts.append(event.data)
            if event.message_finished:
                whole: str | bytes = parts[0][:0].join(parts)
                return whole


@contextmanager
def talk(server: ServerProcess, path: str, extensions: list[Extension]) -> Iterator[Talk]:
    """Open a connection and ask for a WebSocket."""
    with RawClient(server.address, trust=server.trust) as client:
        it = Talk(client)
        it.say(Request(host="localhost", target=path, extensions=extensions))
        yield it


@pytest.mark.parametrize("deflate", DEFLATES)
def test_echo(server: ServerProcess, deflate: str) -> None:
    """Text and bytes come back, whole or in fragments, compressed as it was offered or not."""
    offer = DEFLATES[deflate]
    offered: list[Extension] = [] if offer is None else [PerMessageDeflate(**offer)]
    with talk(server, f"/ws/echo?name={fresh_name()}", offered) as it:
        accepted = it.hear()
        assert isinstance(accepted, AcceptConnection)
        assert bool(accepted.extensions) == bool(offered)
        for _ in range(3):
            it.say(TextMessage(data="Grüße " * 5000))
            assert it.hear_message() == "Grüße " * 5000
            it.say(BytesMessage(data=b"begin " * 500, message_finished=False))
            it.say(Ping(payload=b"between"))
            it.say(BytesMessage(data=b"end", message_finished=True))
            assert it.hear() == Pong(payload=b"between")
            assert it.hear_message() == b"begin " * 500 + b"end"
        it.say(CloseConnection(code=3001, reason="bye"))
        end = it.hear()
        assert isinstance(end, CloseConnection)
        assert end.code == 3001


def test_the_application_closes(server: ServerProcess) -> None:
    """It is told code and reason, and after its answer comes the end of the connection."""
    with RawClient(server.address, trust=server.trust) as client:
        it = Talk(client)
        it.say(Request(host="localhost", target="/ws/close?code=4321&reason=done"))
        assert isinstance(it.hear(), AcceptConnection)
        it.say(TextMessage(data="now"))
        end = it.hear()
        assert end == CloseConnection(code=4321, reason="done")
        assert isinstance(end, CloseConnection)
        it.say(end.response())
        assert client.read_to_end() == b""


def test_a_handshake_that_is_refused(server: ServerProcess) -> None:
    """It is told the status."""
    with talk(server, "/ws/refused", []) as it:
        refused = it.hear()
        assert isinstance(refused, RejectConnection)
        assert refused.status_code == 403
