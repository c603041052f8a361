"""Changes of files, told in bursts, by whatever the system says of them."""

import threading
from pathlib import Path

import pytest

from serverkit_server import reload_changes
from serverkit_server.reload_changes import FileChanges
from serverkit_server.reload_filter import ReloadFilter


class ToldNotifier:
    """A stand-in for `watchfiles` that says what it is told to, then that nothing happens."""

    def __init__(self, *told: set[tuple[int, str]] | str | Exception) -> None:
        self._told = list(told)
        self.is_closed = False

    def watch(self, *_arguments: object) -> set[tuple[int, str]] | str:
        told = self._told.pop(0) if self._told else "timeout"
        if isinstance(told, Exception):
            raise told
        return told

    def close(self) -> None:
        self.is_closed = True


def make(path: Path) -> None:
    """Make a file, and the folder it is in."""
    path.parent.mkdir()
    path.write_text("")


def changes_of(
    root: Path, monkeypatch: pytest.MonkeyPatch, *notifiers: ToldNotifier
) -> FileChanges:
    """Watch a folder by stand-ins, one after the other."""
    waiting = list(notifiers)
    monkeypatch.setattr(reload_changes, "_new_notifier", lambda _folders: waiting.pop(0))
    return FileChanges([str(root)], ReloadFilter(base=str(root)), stopping=threading.Event())


def test_changes_that_come_together_are_one_burst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written in pieces, and others meanwhile, are one burst."""
    a, b = str(tmp_path / "a.py"), str(tmp_path / "b.py")
    notifier = ToldNotifier({(2, f"{a}~")}, {(1, a)}, {(2, a)}, {(2, a), (2, b)}, {(2, a)})
    assert changes_of(tmp_path, monkeypatch, notifier).next_burst() == {a, b}


def test_changes_that_do_not_end_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written all the time does not put a reload off for ever."""
    path = str(tmp_path / "a.py")
    notifier = ToldNotifier()
    monkeypatch.setattr(notifier, "watch", lambda *_: {(2, path)})
    assert changes_of(tmp_path, monkeypatch, notifier).next_burst() == {path}


def test_a_watch_that_breaks_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the system could not name may be a change, so it is one; the watch goes on."""
    path = str(tmp_path / "a.py")
    broken = ToldNotifier(RuntimeError("Unable to decode path"))
    changes = changes_of(tmp_path, monkeypatch, broken, ToldNotifier(), ToldNotifier({(2, path)}))
    assert changes.next_burst() == {str(tmp_path)}
    assert broken.is_closed
    assert "Unable to decode path" in caplog.text


def test_what_came_before_a_new_watch_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes that the old watch knows of when a new one begins are not lost."""
    (tmp_path / "new").mkdir()
    new, a = str(tmp_path / "new"), str(tmp_path / "a.py")
    (tmp_path / "new").rmdir()
    first = ToldNotifier({(1, new)}, {(2, a)})
    changes = changes_of(tmp_path, monkeypatch, first, ToldNotifier())
    (tmp_path / "new").mkdir()
    assert changes.next_burst() == {a}
    assert first.is_closed


def test_what_nobody_tells_of_while_a_watch_begins_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may be too late for the watch before and too early for the next one."""
    edited, new = tmp_path / "a.py", tmp_path / "new"
    for name in ("a.py", "same.py", "gone.py"):
        (tmp_path / name).write_text("")
    changes = changes_of(tmp_path, monkeypatch, ToldNotifier({(1, str(new))}))

    def begin(_folders: list[str]) -> ToldNotifier:
        edited.write_text("x = 1")
        (tmp_path / "gone.py").unlink(missing_ok=True)
        return ToldNotifier({(2, str(tmp_path / "later.py"))})

    monkeypatch.setattr(reload_changes, "_new_notifier", begin)
    new.mkdir()
    told = {str(tmp_path / name) for name in ("a.py", "gone.py", "later.py")}
    assert changes.next_burst() == told


def test_folders_that_come_all_the_time_are_watched_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often there is another as soon as the one before is watched, no file is missed."""
    changes = changes_of(tmp_path, monkeypatch, ToldNotifier({(1, str(tmp_path / "new0"))}))
    files = [tmp_path / f"new{number}" / "a.py" for number in range(40)]
    waiting = list(files)

    def begin(_folders: list[str]) -> ToldNotifier:
        if waiting:
            make(waiting.pop(0))
        return ToldNotifier()

    monkeypatch.setattr(reload_changes, "_new_notifier", begin)
    make(waiting.pop(0))
    found: set[str] = set()
    while len(found) < len(files):
        found |= changes.next_burst()
    assert found == {str(path) for path in files}


def test_new_folders_that_cannot_be_watched_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged, and the folders from before are watched on."""
    new, a = str(tmp_path / "new"), str(tmp_path / "a.py")
    changes = changes_of(tmp_path, monkeypatch, ToldNotifier({(1, new)}, {(2, a)}))

    def refuse(_folders: list[str]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reload_changes, "_new_notifier", refuse)
    (tmp_path / "new").mkdir()
    assert changes.next_burst() == {a}
    assert "No space left on device" in caplog.text
