"""The tables of docs/guides/websocket.md, from the tables in the code."""

from docs.generator.parts import table
from serverkit_worker.websocket_endings import ENDINGS, NO_STATUS, Ending
from serverkit_worker.websocket_messages import WEBSOCKET_STATES


def websocket_order() -> str:
    """What an application may send, by how far it is with its WebSocket."""
    rows = (
        (state.value, ", ".join(f"`{kind}`" for kind in kinds) or "nothing more")
        for state, kinds in WEBSOCKET_STATES.items()
    )
    return table(("the WebSocket is", "the application may send"), rows)


def websocket_endings() -> str:
    """What is sent and told, by the cause of an end."""
    rows = ((each.cause, _sent(each), _told(each)) for each in ENDINGS)
    return table(("cause", "the client is sent", "the application is told"), rows)


def _sent(ending: Ending) -> str:
    if ending.sent is None:
        return ending.sent_note
    return _code(ending.sent, ending)


def _told(ending: Ending) -> str:
    if ending.told is None:
        return ending.told_note
    return f"{ending.told}" if ending.told in (NO_STATUS, 1006) else _code(ending.told, ending)


def _code(code: int, ending: Ending) -> str:
    return f"{code}, `{ending.reason}`" if ending.reason else f"{code}"
