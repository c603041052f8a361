"""The tables of states in docs/design/architecture.md, from the tables in the code."""

import ast
import enum
import inspect
import itertools
from collections.abc import Mapping

from docs.generator.parts import table
from serverkit_proto.http1_states import ALLOWED, Action, Reading, Writing
from serverkit_server.config import ServerConfig
from serverkit_supervisor.states import TRANSITIONS, Event, State
from serverkit_worker.errors import (
    TIMEOUT_HANDLER,
    TIMEOUT_REQUEST_BODY,
    TIMEOUT_REQUEST_HEAD,
    ErrorReply,
)
from serverkit_worker.phases import Phase
from serverkit_worker.response_messages import RESPONSE_STATES

# What bounds each phase, and what is answered when time is up; None: the connection is closed.
DEADLINES: Mapping[Phase, tuple[str, ErrorReply | None]] = {
    Phase.HEAD: ("header_timeout", TIMEOUT_REQUEST_HEAD),
    Phase.IDLE: ("keep_alive_timeout", None),
    Phase.BODY: ("request_timeout", TIMEOUT_REQUEST_BODY),
    Phase.RESPONSE: ("handler_timeout", TIMEOUT_HANDLER),
}

# Events that lead to one state, whatever the state before: one arrow says it for all.
_FROM_EVERYWHERE = frozenset({Event.ABORT, Event.EXITED})


def response_order() -> str:
    """What an application may send, by how far its response is."""
    rows = (
        (state.value, ", ".join(f"`{kind}`" for kind in kinds) or "nothing more")
        for state, kinds in RESPONSE_STATES.items()
    )
    return table(("the response is", "the application may send"), rows)


def reading_states() -> str:
    """How far the reading half of a connection is."""
    notes = member_notes(Reading)
    return table(("state", "meaning"), ((f"`{each.name}`", notes[each.name]) for each in Reading))


def writing_states() -> str:
    """How far the writing half is, and what the connection may be asked for."""
    notes = member_notes(Writing)
    rows = (
        (f"`{each.name}`", notes.get(each.name, ""), ", ".join(_in_order(ALLOWED[each])) or "-")
        for each in Writing
    )
    return table(("state", "meaning", "what may be sent"), rows)


def connection_phases() -> str:
    """What a connection waits for, for how long, and what happens then."""
    rows = []
    defaults = ServerConfig()
    for phase in Phase:
        if phase not in DEADLINES:
            rows.append((phase.value, "-", "-", "-"))
            continue
        setting, reply = DEADLINES[phase]
        default = getattr(defaults, setting)
        rows.append(
            (
                phase.value,
                f"[`{setting}`](../reference/settings.md#{setting})",
                "no bound" if default is None else f"{default:g} s",
                _end_of(phase, reply),
            )
        )
    return table(("it waits for", "bounded by", "default", "when time is up"), rows)


def _end_of(phase: Phase, reply: ErrorReply | None) -> str:
    if reply is None:
        return "the connection is closed"
    silent = "; closed without an answer where not a byte has come" if phase is Phase.HEAD else ""
    return f"{reply.status} `{reply.code}`{silent}"


def member_notes(kind: type[enum.Enum]) -> dict[str, str]:
    """Read the docstrings below the members of an enum from its source."""
    (cls,) = ast.parse(inspect.getsource(kind)).body
    body = cls.body if isinstance(cls, ast.ClassDef) else []
    notes = {}
    for before, after in itertools.pairwise(body):
        match before, after:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(ast.Constant(str(note))):
                notes[name] = note
    return notes


def _in_order(actions: frozenset[Action]) -> list[str]:
    return [action.value for action in Action if action in actions]


def worker_states() -> str:
    """How far the run of a supervised worker is."""
    notes = member_notes(State)
    rows = ((f"`{each.name}`", notes[each.name], _ways_out(each)) for each in State)
    return table(("state", "meaning", "what follows"), rows)


def worker_state_diagram() -> str:
    """The same as a picture, without what leads to the same from everywhere."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(State)).name}"]
    lines += [
        f"    {state.name} --> {after.name}: {' or '.join(events)}"
        for state in State
        for after, events in _ways(state).items()
    ]
    lines.append(f"    {State.GONE.name} --> [*]")
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def worker_events() -> str:
    """What may happen to a run."""
    notes = member_notes(Event)
    return table(("event", "meaning"), ((each.value, notes[each.name]) for each in Event))


def _ways_out(state: State) -> str:
    """Name the states that follow, each with the events that lead there."""
    ways = _ways(state).items()
    return "; ".join(f"{' or '.join(events)}: `{after.name}`" for after, events in ways) or "-"


def _ways(state: State) -> dict[State, list[str]]:
    """Group the events that change a state by the state they lead to."""
    found: dict[State, list[str]] = {}
    for event, after in TRANSITIONS[state].items():
        if after is not state and event not in _FROM_EVERYWHERE:
            found.setdefault(after, []).append(event.value)
    return found
