"""Errors say who broke it, what can still be done, and how to tell the peer."""

import ast
import pickle
import re
from pathlib import Path

import pytest

import serverkit_proto
from serverkit_proto.errors import (
    REFUSALS,
    LocalProtocolError,
    ProtocolError,
    Recovery,
    RemoteProtocolError,
    WebSocketError,
    refuse,
    refuse_handshake,
)

PREFIXES = {"refuse": "SERVERKIT_PARSE_", "refuse_handshake": "SERVERKIT_WEBSOCKET_"}
SOURCES = sorted(Path(serverkit_proto.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(
    "error",
    [
        RemoteProtocolError("what", "SERVERKIT_PARSE_BAD_HOST", 421, Recovery.CLOSE),
        RemoteProtocolError("what", fields=((b"a", b"b"),)),
        LocalProtocolError("what", "SERVERKIT_APP_BAD_HEADER"),
        WebSocketError(1009, "what"),
    ],
)
def test_errors_survive_pickling(error: ProtocolError) -> None:
    """An error keeps all it says on its way to another process."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == "what"


@pytest.mark.parametrize("code", REFUSALS)
def test_each_code_has_status_and_message(code: str) -> None:
    """A refusal has a client error or an unsupported feature as status, and one sentence."""
    if code.startswith("SERVERKIT_WEBSOCKET_"):
        error = refuse_handshake(code.removeprefix("SERVERKIT_WEBSOCKET_"))
    else:
        error = refuse(code.removeprefix("SERVERKIT_PARSE_"))
    assert error.code == code
    assert error.status in {400, 414, 426, 431, 501, 505}
    assert error.recovery is Recovery.ANSWER
    assert str(error) == REFUSALS[code].message
    assert re.fullmatch(r"[a-zA-Z].*[^.]", error.message)


def test_no_two_codes_say_the_same() -> None:
    """Each way to be wrong has its own words."""
    messages = [refusal.message for refusal in REFUSALS.values()]
    assert len(set(messages)) == len(messages)


def test_each_code_is_used_and_each_used_one_is_listed() -> None:
    """REFUSALS is exactly what the sources refuse with."""
    used = set()
    for source in SOURCES:
        tree = ast.parse(source.read_text("utf-8"))
        for node in ast.walk(tree):
            prefix = PREFIXES.get(getattr(getattr(node, "func", None), "id", ""))
            if prefix is not None:
                used |= {
                    f"{prefix}{leaf.value}"
                    for leaf in ast.walk(node)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    assert used == set(REFUSALS)
