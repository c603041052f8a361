"""The words between a supervisor and the process of one worker: lines of JSON, both ways.

Rules:
    A line that makes no sense is skipped. The other end may run any code, and print anywhere.
    A command is a few bytes and at most one of each kind is on its way, so the kernel has room for
    all: sending one never waits.
"""

import binascii
import json
from collections.abc import Callable, Mapping
from enum import StrEnum

from serverkit_supervisor.notices import (
    Alive,
    Exited,
    Failed,
    Notice,
    Ready,
    RecycleWanted,
    Stacks,
    Status,
)
from serverkit_supervisor.portable_errors import dump_error, load_error

MAX_LINE = 4_000_000
"""No sensible line is longer, in bytes."""

type _Fields = Mapping[str, object]


class Command(StrEnum):
    """What the process of a worker is told over its control channel."""

    DRAIN = "drain"
    STOP = "stop"
    STATUS = "status"
    STACKS = "stacks"
    REOPEN_LOGS = "reopen_logs"
    TERMINATE = "terminate"


class Lines:
    """Puts together lines from the pieces in which they arrive.

    Owner: the one thread that reads the channel.
    """

    __slots__ = ("_held", "_size", "_skipping")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; return the lines that are complete now, without their ends."""
        *ends, rest = data.split(b"\n")
        lines = []
        for end in ends:
            if not self._skipping and self._size + len(end) <= MAX_LINE:
                lines.append(b"".join((*self._held, end)))
            self._hold_nothing()
        if rest and not self._skipping:
            self._held.append(rest)
            self._size += len(rest)
            if self._size > MAX_LINE:
                self._hold_nothing(skipping=True)
        return lines

    def _hold_nothing(self, *, skipping: bool = False) -> None:
        self._held.clear()
        self._size = 0
        self._skipping = skipping


def command_line(command: Command) -> bytes:
    """Write a command as it is sent."""
    return _line({"command": str(command)})


def read_command(line: bytes) -> Command | None:
    """Read a command; None for what is none."""
    try:
        return Command(str(_fields(line).get("command")))
    except ValueError:
        return None


def notice_line(notice: Notice) -> bytes:
    """Write a notice as it is sent, without its source.

    Raises:
        ValueError: a process cannot say of itself that it is gone.
    """
    match notice:
        case Ready():
            return _line({"notice": "ready"})
        case Alive():
            return _line({"notice": "alive"})
        case RecycleWanted(_, reason):
            return _line({"notice": "recycle", "reason": reason})
        case Status(_, idle):
            return _line({"notice": "status", "idle": idle})
        case Stacks(_, text):
            return _line({"notice": "stacks", "text": text})
        case Failed(_, error, traceback, summary):
            packed = dump_error(error) if error is not None else b""
            encoded = binascii.b2a_base64(packed, newline=False).decode("ascii")
            parts = {"error": encoded, "traceback": traceback, "summary": summary}
            return _line({"notice": "failed", **parts})
        case Exited():
            raise ValueError("the end of a process is told by the system")


def read_notice(line: bytes, source: object) -> Notice | None:
    """Read a notice; None for what is none.

    Args:
        line: without its end.
        source: of the notice: the runner of the process that wrote the line.
    """
    fields = _fields(line)
    read = _READERS.get(str(fields.get("notice")))
    return read(source, fields) if read is not None else None


def _line(fields: _Fields) -> bytes:
    return json.dumps(fields).encode("ascii") + b"\n"


def _fields(line: bytes) -> _Fields:
    """Read an object; empty where the line is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _text(fields: _Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _failed(source: object, fields: _Fields) -> Failed:
    try:
        packed = binascii.a2b_base64(_text(fields, "error"))
    except (binascii.Error, ValueError):
        packed = b""
    traceback, summary = _text(fields, "traceback"), _text(fields, "summary")
    return Failed(source, load_error(packed), traceback, summary)


_READERS: Mapping[str, Callable[[object, _Fields], Notice]] = {
    "ready": lambda source, _: Ready(source),
    "alive": lambda source, _: Alive(source),
    "recycle": lambda source, fields: RecycleWanted(source, _text(fields, "reason")),
    "status": lambda source, fields: Status(source, idle=fields.get("idle") is True),
    "stacks": lambda source, fields: Stacks(source, _text(fields, "text")),
    "failed": _failed,
}
