"""The states of a WebSocket are tables; the WebSocket does what the tables say."""

import contextlib
from collections.abc import Callable

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.errors import LocalProtocolError, WebSocketError
from serverkit_proto.websocket import WebSocket
from serverkit_proto.websocket_states import ALLOWED, TRANSITIONS, Action, Event, State
from tests.proto.framing import close_frame, frame


def fed(websocket: WebSocket, data: bytes) -> None:
    """Let a WebSocket read a frame."""
    websocket.receive_data(data)
    with contextlib.suppress(WebSocketError):
        websocket.next_event()


DO: dict[Action, Callable[[WebSocket], None]] = {
    Action.MESSAGE: lambda websocket: websocket.send_message("x"),
    Action.PING: lambda websocket: websocket.ping(),
    Action.CLOSE: lambda websocket: websocket.close(),
}
HAPPEN: dict[Event, Callable[[WebSocket], None]] = {
    Event.CLOSE_SENT: lambda websocket: websocket.close(),
    Event.CLOSE_RECEIVED: lambda websocket: fed(websocket, close_frame()),
    Event.ERROR: lambda websocket: fed(websocket, frame(b"", 7)),
}
WAYS: dict[State, tuple[Event, ...]] = {
    State.OPEN: (),
    State.CLOSING: (Event.CLOSE_SENT,),
    State.CLOSED: (Event.CLOSE_SENT, Event.CLOSE_RECEIVED),
    State.FAILED: (Event.ERROR,),
}


def bring(state: State) -> WebSocket:
    """Return a WebSocket in a state, with nothing to be sent."""
    websocket = WebSocket(ProtoConfig(), None)
    for event in WAYS[state]:
        HAPPEN[event](websocket)
    websocket.data_to_send()
    assert websocket._state is state
    return websocket


def test_the_tables_are_whole() -> None:
    """Every state has its rows."""
    assert set(ALLOWED) == set(TRANSITIONS) == set(WAYS) == set(State)
    assert set(DO) == set(Action)
    assert set(HAPPEN) == set(Event)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", State)
def test_what_is_allowed_is_done_and_nothing_else(state: State, action: Action) -> None:
    """In each state each action does what ALLOWED says; a refused one changes nothing."""
    websocket = bring(state)
    if action in ALLOWED[state]:
        DO[action](websocket)
        assert websocket.data_to_send()
        return
    with pytest.raises(LocalProtocolError, match=f"{action.value} cannot be sent now") as caught:
        DO[action](websocket)
    assert caught.value.code == "SERVERKIT_APP_MISUSE"
    assert websocket._state is state
    assert websocket.data_to_send() == []


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_what_follows(state: State, event: Event) -> None:
    """Each event leads where TRANSITIONS says; one that is not there changes nothing."""
    websocket = bring(state)
    with contextlib.suppress(LocalProtocolError):
        HAPPEN[event](websocket)
    after = TRANSITIONS[state].get(event, state)
    assert websocket._state is after
    assert websocket.close_sent == (after is not State.OPEN)
    assert websocket.close_received == (after is State.CLOSED)
    # Exactly one close frame is sent: by what leads out of OPEN.
    assert bool(websocket.data_to_send()) == (state is State.OPEN)
