"""The file that names the process of a service."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serverkit_supervisor.pid_file import PidFile, PidFileError

WAIT_S = 30.0
HOLD = """
import os, sys
from serverkit_supervisor.pid_file import PidFile
with PidFile(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
FORK = """
import os, sys
from serverkit_supervisor.pid_file import PidFile
PidFile(sys.argv[1]).write()
reading, writing = os.pipe()
if os.fork() == 0:
    os.close(reading)
    print("held", flush=True)
    sys.stdin.read()
os._exit(0)
"""


@contextmanager
def holder(path: Path, code: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Have another process that holds the file, as long as its input is open."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(WAIT_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for the file."""
    return tmp_path / "service.pid"


def test_it_names_this_process(path: Path) -> None:
    """The file holds the number of the process, for all to read, as long as it is held."""
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert list(path.parent.iterdir()) == [path]
    assert not path.exists()


@pytest.mark.slow
def test_who_lives_is_not_replaced(path: Path) -> None:
    """A file that another living process holds stays; the error says who that is."""
    with holder(path) as process:
        with pytest.raises(PidFileError) as caught:
            PidFile(path).write()
        assert caught.value.holder == process.pid
        assert str(process.pid) in caught.value.message
        assert path.read_text() == f"{process.pid}\n"
        assert list(path.parent.iterdir()) == [path]
    assert not path.exists()


@pytest.mark.slow
def test_who_was_killed_is_replaced(path: Path) -> None:
    """A file left behind by a process that was killed is in nobody's way."""
    with holder(path) as process:
        process.kill()
        process.wait(WAIT_S)
        assert path.exists()
        with PidFile(path):
            assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.slow
def test_a_child_that_outlives_its_parent_holds_nothing(path: Path) -> None:
    """A lock that lives on in a forked child of the dead holder is in nobody's way."""
    with holder(path, FORK) as process:
        process.wait(WAIT_S)
        with PidFile(path):
            assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("text", ["", "nonsense", "0", "-1", "999999999", "mine", "parent"])
def test_stale_files_are_replaced(path: Path, text: str) -> None:
    """A number without a lock says nothing: it may have been given to another process since.

    In a container it is the same number every time.
    """
    number = {"mine": str(os.getpid()), "parent": str(os.getppid())}
    path.write_text(number.get(text, text))
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_a_second_one_of_this_process_is_refused(path: Path) -> None:
    """Two services of one process cannot share the file."""
    with PidFile(path):
        with pytest.raises(PidFileError):
            PidFile(path).write()
        assert path.exists()


def test_only_the_own_file_is_removed(path: Path) -> None:
    """A file that somebody else has put there meanwhile stays."""
    with PidFile(path):
        path.unlink()
        path.write_text("1\n")
    assert path.read_text() == "1\n"


def test_a_missing_file_is_no_problem_at_the_end(path: Path) -> None:
    """A file that somebody has removed already is not missed; the end may come twice."""
    held = PidFile(path)
    with held:
        path.unlink()
    held.remove()
    assert not path.exists()


@pytest.mark.slow
def test_a_successor_takes_over(path: Path) -> None:
    """A process may take the file from the one that hands over to it, whose end leaves it."""
    with holder(path) as process:
        with pytest.raises(PidFileError):
            PidFile(path).write(successor_of=process.pid + 1)
        successor = PidFile(path)
        successor.write(successor_of=process.pid)
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(PidFileError):
        PidFile(path).write()
    successor.remove()
    assert not path.exists()


def test_what_is_no_file_stays(path: Path) -> None:
    """A folder or a pipe at the place is not replaced."""
    os.mkfifo(path)
    with pytest.raises(PidFileError, match="is no file"):
        PidFile(path).write()
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The error says which file and why."""
    with pytest.raises(PidFileError, match=r"service\.pid cannot be written: No such file"):
        PidFile(tmp_path / "nowhere" / "service.pid").write()


def test_the_place_does_not_move(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path means the folder of the beginning, wherever the program goes."""
    monkeypatch.chdir(path.parent)
    held = PidFile(path.name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with held:
        assert path.exists()
    assert not path.exists()


def test_one_of_many_wins(path: Path) -> None:
    """Of many that start at once one gets the file, and it names a whole number all the time."""
    path.write_text("999999999\n")
    start = threading.Barrier(8)
    won: list[PidFile] = []
    lost: list[PidFileError] = []

    def run() -> None:
        mine = PidFile(path)
        start.wait(WAIT_S)
        try:
            mine.write()
            won.append(mine)
        except PidFileError as error:
            lost.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert (len(won), len(lost)) == (1, 7)
    assert list(path.parent.iterdir()) == [path]
    won[0].remove()


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no locks, a living process of that number holds the file."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(PidFileError) as caught:
        PidFile(path).write()
    assert caught.value.holder == os.getppid()
    for stale in ("999999999\n", f"{os.getpid()}\n"):
        path.write_text(stale)
        with PidFile(path):
            assert path.read_text() == f"{os.getpid()}\n"
