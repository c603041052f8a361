"""The lines between a supervisor and the process of a worker."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_supervisor.channel import (
    MAX_LINE,
    Command,
    Lines,
    command_line,
    notice_line,
    read_command,
    read_notice,
)
from serverkit_supervisor.exit_reason import ExitReason
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

SOURCE = object()
NOTICES: list[Notice] = [
    Ready(SOURCE),
    Alive(SOURCE),
    RecycleWanted(SOURCE, "it has served 1000 requests"),
    RecycleWanted(SOURCE, "lines\nand \ud800 odd \U0001f600 text"),
    Status(SOURCE, idle=True),
    Status(SOURCE, idle=False),
    Stacks(SOURCE, "Thread 1:\n  here\n"),
    Failed(SOURCE, None, "Traceback\n", "Error: text"),
]


@pytest.mark.parametrize("command", Command)
def test_a_command_comes_as_it_was_sent(command: Command) -> None:
    """Writing and reading a command are opposites; one is a short line."""
    line = command_line(command)
    assert read_command(line) is command
    assert line.endswith(b"\n")
    assert len(line) < 100


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_a_notice_comes_as_it_was_sent(notice: Notice) -> None:
    """Writing and reading a notice are opposites, whatever its text."""
    line = notice_line(notice)
    assert line.count(b"\n") == 1
    assert read_notice(line, SOURCE) == notice


def test_an_error_comes_with_its_notice() -> None:
    """The exception itself comes over."""
    error = OSError(98, "Address already in use")
    read = read_notice(notice_line(Failed(SOURCE, error, "text")), SOURCE)
    assert isinstance(read, Failed)
    assert isinstance(read.error, OSError)
    assert read.error.errno == 98


def test_a_process_does_not_tell_its_own_end() -> None:
    """The end is told by the system alone."""
    with pytest.raises(ValueError, match="told by the system"):
        notice_line(Exited(SOURCE, ExitReason()))


GARBAGE = [
    b"",
    b"x",
    b"\xff\xfe",
    b"[1]",
    b"1",
    b"null",
    b"{}",
    b'{"notice": 1}',
    b'{"notice": "exited"}',
    b'{"notice": ["ready"]}',
    b'{"command": "jump"}',
    b'{"command": ["drain"]}',
    b"[" * 100_000,
    b"9" * 10_000,
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_what_makes_no_sense_is_nothing(line: bytes) -> None:
    """Garbage is no notice and no command, and raises nothing."""
    assert read_notice(line, SOURCE) is None
    assert read_command(line) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"notice": "failed"},
        {"notice": "failed", "error": 1, "traceback": None, "summary": []},
        {"notice": "failed", "error": "not base64 !", "traceback": {}},
        {"notice": "failed", "error": "\u00e9"},
        {"notice": "failed", "error": base64.b64encode(b"no pickle").decode()},
    ],
)
def test_fields_of_the_wrong_kind_are_left_out(fields: dict[str, object]) -> None:
    """A notice with wrong fields is read as far as it goes."""
    assert read_notice(json.dumps(fields).encode(), SOURCE) == Failed(SOURCE, None, "", "")


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_are_put_together_however_they_arrive(
    lines: list[bytes], data: st.DataObject
) -> None:
    """What is cut anywhere is joined again."""
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    reader = Lines()
    read = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        read += reader.feed(stream[:size])
        stream = stream[size:]
    assert read == lines


def test_a_line_that_has_no_end_takes_no_memory() -> None:
    """An endless line is skipped as it comes; what follows its end is read."""
    reader = Lines()
    for _ in range(MAX_LINE // 1000 + 100):
        assert reader.feed(b"x" * 1000) == []
    assert sum(map(len, reader._held)) <= MAX_LINE
    assert reader.feed(b"x\nnext\n") == [b"next"]
    assert reader.feed(b"x" * (MAX_LINE + 1) + b"\nnext\n") == [b"next"]
