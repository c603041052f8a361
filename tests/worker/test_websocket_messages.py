"""What an application may send of a WebSocket: the order, and what each message holds."""

from typing import Any

import pytest

from serverkit_worker.errors import ASGIMessageError
from serverkit_worker.websocket_messages import (
    WEBSOCKET_STATES,
    WebSocketState,
    accept_of,
    check_websocket_order,
    close_of,
    payload_of,
)

KINDS = (
    "websocket.accept",
    "websocket.send",
    "websocket.close",
    "websocket.http.response.start",
    "websocket.http.response.body",
)
ALLOWED = {
    WebSocketState.CONNECTING: {KINDS[0], KINDS[2], KINDS[3]},
    WebSocketState.DENYING: {KINDS[4]},
    WebSocketState.DENIED: set(),
    WebSocketState.OPEN: {KINDS[1], KINDS[2]},
    WebSocketState.CLOSED: set(),
}


@pytest.mark.parametrize("state", WebSocketState)
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_that_of_the_specification(state: WebSocketState, kind: str) -> None:
    """Each message has its time: in every other state it is refused."""
    if kind in ALLOWED[state]:
        assert check_websocket_order(state, kind) == kind
    else:
        with pytest.raises(ASGIMessageError, match=kind):
            check_websocket_order(state, kind)


def test_every_state_has_a_row() -> None:
    """The table is complete."""
    assert set(WEBSOCKET_STATES) == set(WebSocketState)


def test_a_refused_message_is_told_what_would_have_been_right() -> None:
    """The error names the messages that may be sent, and how far the WebSocket is."""
    with pytest.raises(ASGIMessageError) as caught:
        check_websocket_order(WebSocketState.OPEN, "websocket.accept")

    assert str(caught.value) == (
        "expected 'websocket.send' or 'websocket.close' (the WebSocket is open), "
        "the application sent 'websocket.accept'"
    )


@pytest.mark.parametrize("kind", [None, 1, b"websocket.accept", ["websocket.accept"], ""])
def test_what_is_no_type_is_refused(kind: object) -> None:
    """A message without a type, or with one that is no text, does nothing."""
    with pytest.raises(ASGIMessageError, match=r"websocket\.accept"):
        check_websocket_order(WebSocketState.CONNECTING, kind)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"text": "a"}, "a"),
        ({"text": ""}, ""),
        ({"bytes": b"a"}, b"a"),
        ({"bytes": b""}, b""),
        ({"bytes": bytearray(b"a")}, b"a"),
        ({"bytes": memoryview(b"a")}, b"a"),
        ({"text": "a", "bytes": None}, "a"),
        ({"text": None, "bytes": b"a"}, b"a"),
    ],
)
def test_a_message_has_text_or_bytes(message: dict[str, Any], expected: str | bytes) -> None:
    """None is the same as nothing; empty is not."""
    found = payload_of(message)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({}, "neither"),
        ({"text": None, "bytes": None}, "neither"),
        ({"text": "a", "bytes": b"a"}, "both"),
        ({"text": "", "bytes": b""}, "both"),
        ({"text": b"a"}, "'text' of 'websocket.send', the application sent bytes"),
        ({"bytes": "a"}, "'bytes' of 'websocket.send', the application sent str"),
        ({"text": 1}, "int"),
    ],
)
def test_a_message_with_anything_else_is_refused(message: dict[str, Any], named: str) -> None:
    """The error names the field and what stood in it."""
    with pytest.raises(ASGIMessageError, match=named):
        payload_of(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, (1000, "")),
        ({"code": None, "reason": None}, (1000, "")),
        ({"code": 3000, "reason": "enough"}, (3000, "enough")),
    ],
)
def test_a_close_has_code_and_reason(message: dict[str, Any], expected: tuple[int, str]) -> None:
    """1000 and no reason where nothing is said."""
    assert close_of(message) == expected


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"code": "1000"}, "'code' of 'websocket.close', the application sent str"),
        ({"code": True}, "bool"),
        ({"code": 1000.0}, "float"),
        ({"reason": b"enough"}, "'reason' of 'websocket.close', the application sent bytes"),
    ],
)
def test_a_close_with_anything_else_is_refused(message: dict[str, Any], named: str) -> None:
    """The error names the field and what stood in it."""
    with pytest.raises(ASGIMessageError, match=named):
        close_of(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, (None, [])),
        ({"subprotocol": None, "headers": None}, (None, [])),
        ({"subprotocol": "chat", "headers": []}, ("chat", [])),
        ({"headers": [[b"a", b"b"], (b"c", b"d")]}, (None, [(b"a", b"b"), (b"c", b"d")])),
        ({"headers": iter([(b"a", b"b")])}, (None, [(b"a", b"b")])),
    ],
)
def test_an_accept_has_subprotocol_and_headers(
    message: dict[str, Any], expected: tuple[str | None, list[tuple[bytes, bytes]]]
) -> None:
    """Both may be left out."""
    assert accept_of(message) == expected


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"subprotocol": b"chat"}, "'subprotocol' of 'websocket.accept', the application sent byt"),
        ({"headers": 1}, "'headers' of 'websocket.accept'"),
        ({"headers": [b"a"]}, "'headers' of 'websocket.accept'"),
        ({"headers": [(b"a", b"b", b"c")]}, "'headers' of 'websocket.accept'"),
    ],
)
def test_an_accept_with_anything_else_is_refused(message: dict[str, Any], named: str) -> None:
    """The error names the field and what stood in it."""
    with pytest.raises(ASGIMessageError, match=named):
        accept_of(message)
