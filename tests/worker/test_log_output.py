"""Where lines go, and what happens when they cannot."""

import logging
import os
import pty
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_worker.log_output import LogOutput

BOUND_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a log file may be made."""
    return tmp_path / "access.log"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What each call of os.write is given, from now on."""
    given: list[bytes] = []
    write = os.write

    def note_and_write(fd: int, data: bytes) -> int:
        given.append(bytes(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", note_and_write)
    return given


def test_lines_are_appended_to_a_file(path: Path) -> None:
    """What was there stays; what is written can be read at once."""
    path.write_bytes(b"old\n")
    output = LogOutput.file(path)

    output.write(b"one\ntwo\n")

    assert path.read_bytes() == b"old\none\ntwo\n"
    output.close()


def test_a_new_file_is_not_for_strangers(path: Path) -> None:
    """Nobody but the owner writes it, nobody but owner and group reads it."""
    LogOutput.file(path).close()

    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0


def test_a_batch_is_one_write_to_a_file(path: Path, writes: list[bytes]) -> None:
    """A reader sees all of a batch or none, however large it is."""
    output = LogOutput.file(path)

    output.write(b"0123456789\n" * 10_000)

    assert [len(data) for data in writes] == [110_000]
    output.close()


def test_a_batch_is_written_to_a_pipe_in_pieces_of_whole_lines(
    pipe: tuple[int, int], writes: list[bytes]
) -> None:
    """No piece is larger than what the system keeps together, but for a line that is."""
    lines = [b"x" * n + b"\n" for n in (10, 4000, 200, 5000, 1, 4095)]

    LogOutput(pipe[1]).write(b"".join(lines))

    assert writes == [lines[0] + lines[1], lines[2], lines[3], lines[4], lines[5]]
    assert os.read(pipe[0], 20_000) == b"".join(lines)


def test_a_log_moved_away_is_followed_by_a_new_one(path: Path) -> None:
    """After reopen, lines go to a new file of the old name."""
    output = LogOutput.file(path)
    output.write(b"before\n")
    moved = path.rename(path.with_suffix(".1"))
    output.write(b"between\n")

    output.reopen()
    output.write(b"after\n")

    assert moved.read_bytes() == b"before\nbetween\n"
    assert path.read_bytes() == b"after\n"
    output.close()


def test_a_failed_reopen_keeps_the_old_file(path: Path) -> None:
    """The caller is told, and no line is lost."""
    path.parent.joinpath("folder").mkdir()
    path = path.parent / "folder" / "access.log"
    output = LogOutput.file(path)
    moved = path.parent.rename(path.parent.with_name("moved")) / path.name

    with pytest.raises(FileNotFoundError):
        output.reopen()
    output.write(b"still here\n")

    assert moved.read_bytes() == b"still here\n"
    output.close()


def test_reopen_leaves_a_borrowed_descriptor_alone(pipe: tuple[int, int]) -> None:
    """There is nothing to reopen, and nothing is closed."""
    output = LogOutput(pipe[1])

    output.reopen()
    output.write(b"x\n")

    assert os.read(pipe[0], 10) == b"x\n"


def test_close_leaves_a_borrowed_descriptor_open(pipe: tuple[int, int]) -> None:
    """It belongs to somebody else, who can go on using it."""
    output = LogOutput(pipe[1])

    output.close()
    output.write(b"dropped\n")

    assert os.write(pipe[1], b"mine\n") == 5
    assert os.read(pipe[0], 100) == b"mine\n"


def test_close_closes_what_was_opened_once(path: Path) -> None:
    """A second close does not close what has the number by then; late lines are dropped."""
    output = LogOutput.file(path)
    output.close()
    with path.open("rb") as stranger:
        output.close()
        output.write(b"late\n")
        output.reopen()

        assert stranger.read() == b""
    assert output.lost_lines == 1


def errors_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and message of what was told about failing."""
    return [(record.levelname, record.message) for record in caplog.records]


def test_a_reader_that_left_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """Lines are dropped and counted, and nothing is raised into the request."""
    read_end, write_end = os.pipe()
    output = LogOutput(write_end)
    os.close(read_end)

    for _ in range(3):
        output.write(b"a\nb\n")
    os.close(write_end)

    assert output.lost_lines == 6
    [(level, message)] = errors_of(caplog)
    assert level == "ERROR"
    assert "cannot be written" in message
    assert "Broken pipe" in message
    assert caplog.records[0].name == "serverkit.error"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """ENOSPC is no reason to stop serving."""
    output = LogOutput.file(Path("/dev/full"))

    output.write(b"a\n")
    output.write(b"b\n")
    output.close()

    assert output.lost_lines == 2
    assert [level for level, _ in errors_of(caplog)] == ["ERROR"]


def test_a_log_that_can_be_written_again_says_what_it_lost(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The next failure is then reported anew, and a torn line does not swallow the next one."""
    caplog.set_level(logging.INFO)
    read_end, write_end = pipe
    os.set_blocking(write_end, False)
    output = LogOutput(write_end)
    long_line = b"x" * 200_000 + b"\n"  # More than a pipe holds.

    output.write(long_line)
    torn = len(os.read(read_end, 1_000_000))
    output.write(b"next\n")

    assert 0 < torn < len(long_line)
    assert os.read(read_end, 1_000_000) == b"\nnext\n"
    output.write(long_line)
    assert output.lost_lines == 2
    assert [level for level, _ in errors_of(caplog)] == ["ERROR", "WARNING", "ERROR"]
    assert "1 lines were lost" in errors_of(caplog)[1][1]


def test_a_descriptor_that_is_not_open_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """It costs the lines, not the server."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    os.close(write_end)

    output = LogOutput(write_end)
    output.write(b"a\n")

    assert not output.is_terminal
    assert output.lost_lines == 1
    assert [level for level, _ in errors_of(caplog)] == ["ERROR"]


def test_batches_of_many_threads_do_not_mix() -> None:
    """Workers in threads share an output; a batch stays together, also in a pipe that is full."""
    read_end, write_end = os.pipe()
    output = LogOutput(write_end)
    start = threading.Barrier(4)

    def write(name: bytes) -> None:
        start.wait(BOUND_S)
        for _ in range(20):
            output.write((name * 60 + b"\n") * 200)

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c", b"d")]

    def end_when_written() -> None:
        for thread in threads:
            thread.join(BOUND_S)
        os.close(write_end)

    for thread in threads:
        thread.start()
    closer = threading.Thread(target=end_when_written)
    closer.start()
    with open(read_end, "rb") as reader:  # noqa: PTH123 - a descriptor
        lines = reader.readlines()
    closer.join(BOUND_S)

    assert len(lines) == 4 * 20 * 200
    assert {len(line) for line in lines} == {61}
    assert all(len(set(lines[n : n + 200])) == 1 for n in range(0, len(lines), 200))


def test_standard_error_is_descriptor_two() -> None:
    """Lines go past Python's own buffers."""
    script = "from serverkit_worker.log_output import LogOutput; LogOutput.stderr().write(b'x\\n')"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=BOUND_S, check=True
    )

    assert (done.stdout, done.stderr) == (b"", b"x\n")


def test_without_standard_error_lines_go_nowhere(path: Path) -> None:
    """Descriptor 2 is then somebody's file or connection, which must not get log lines."""
    script = (
        "import sys; from serverkit_worker.log_output import LogOutput\n"
        f"stranger = open({str(path)!r}, 'wb')\n"
        "assert stranger.fileno() == 2, stranger.fileno()\n"
        "output = LogOutput.stderr(); output.write(b'x\\n'); print(output.lost_lines)"
    )

    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, script],
        stdout=subprocess.PIPE,
        timeout=BOUND_S,
        check=True,
    )

    assert done.stdout == b"1\n"
    assert path.read_bytes() == b""


def test_a_terminal_is_known_as_one(path: Path) -> None:
    """A file, a pipe and a closed output are none."""
    primary, secondary = pty.openpty()
    terminal, file = LogOutput(secondary), LogOutput.file(path)

    seen = [terminal.is_terminal, file.is_terminal]
    file.close()
    terminal.close()

    assert [*seen, terminal.is_terminal] == [True, False, False]
    os.close(primary)
    os.close(secondary)
