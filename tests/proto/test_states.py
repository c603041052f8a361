"""The states of a connection are a table; the connection does what the table says."""

from collections.abc import Callable

import pytest

from serverkit_proto.connection import HTTPConnection
from serverkit_proto.errors import LocalProtocolError
from serverkit_proto.http1_states import ALLOWED, Action, Writing
from serverkit_proto.http1_writer import ResponseWriter
from tests.proto.driving import HEADS, OK, UNDECLARED, head, ready

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"


def expect(rest: bytes) -> None:
    """Nothing has come after the request."""
    assert rest == b""


DO: dict[Action, Callable[[HTTPConnection], None]] = {
    Action.INFORM: lambda connection: connection.send_informational(HEADS.informational(103)),
    Action.START: lambda connection: connection.start_response(UNDECLARED),
    Action.BODY: lambda connection: connection.send_body(b"", more=True),
    Action.TRAILERS: lambda connection: connection.send_trailers(()),
    Action.SWITCH: lambda connection: expect(connection.switch_protocols(HEADS.switching(()))),
}


def bring(state: Writing) -> HTTPConnection:
    """Return a connection whose response is in a state."""
    connection = ready(OLD if state is Writing.UNTIL_CLOSE else GET)
    match state:
        case Writing.IDLE:
            connection.send_response(OK, b"ok")
        case Writing.COUNTED:
            connection.start_response(OK)
        case Writing.BODYLESS:
            connection.start_response(head(204))
        case Writing.CHUNKED | Writing.UNTIL_CLOSE:
            connection.start_response(UNDECLARED)
        case Writing.TRAILERS | Writing.DROPPED_TRAILERS:
            response = UNDECLARED if state is Writing.TRAILERS else OK
            connection.start_response(response, trailers=True)
            connection.send_body(b"" if state is Writing.TRAILERS else b"ok", more=False)
        case Writing.AWAITED:
            pass
    return connection


def test_the_table_is_whole() -> None:
    """Every state has its row."""
    assert set(ALLOWED) == set(Writing)
    assert set(DO) == set(Action)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", Writing)
def test_what_is_allowed_is_done_and_nothing_else(state: Writing, action: Action) -> None:
    """In each state each action does what ALLOWED says; a refused one changes nothing."""
    connection = bring(state)
    assert isinstance(connection, ResponseWriter)
    assert connection._writing is state
    if action in ALLOWED[state]:
        DO[action](connection)
        return
    before = connection.data_to_send()
    with pytest.raises(LocalProtocolError, match=f"{action.value} cannot be sent now") as caught:
        DO[action](connection)
    assert caught.value.code == "SERVERKIT_APP_MISUSE"
    assert connection._writing is state
    assert before is not None
    assert connection.data_to_send() == []
