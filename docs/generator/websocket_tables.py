"""The tables of docs/guides/websocket.md and of its states, from the tables in the code."""

from docs.generator.parts import table
from docs.generator.state_tables import member_notes
from serverkit_proto.websocket_states import ALLOWED, TRANSITIONS, Action, State
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


def websocket_states() -> str:
    """How far a WebSocket is, what may be sent then, and what follows."""
    notes = member_notes(State)
    rows = (
        (
            f"`{state.name}`",
            notes[state.name],
            ", ".join(action.value for action in Action if action in ALLOWED[state]) or "-",
            "; ".join(
                f"{event.value}: `{after.name}`" for event, after in TRANSITIONS[state].items()
            )
            or "-",
        )
        for state in State
    )
    return table(("state", "meaning", "what may be sent", "what follows"), rows)


def websocket_state_diagram() -> str:
    """The same as a picture."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(State)).name}"]
    for state in State:
        ways = TRANSITIONS[state].items()
        lines += [f"    {state.name} --> {after.name}: {event.value}" for event, after in ways]
        if not ways:
            lines.append(f"    {state.name} --> [*]")
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


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
