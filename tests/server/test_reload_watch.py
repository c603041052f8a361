"""Watching the files of an application, and calling for a reload."""

import importlib.util
import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from serverkit_server import reload_changes
from serverkit_server.config import ServerConfig
from serverkit_server.errors import StartupError
from serverkit_server.reload_watch import ReloadWatcher, forget_bytecode

WAIT_S = 30
LAST = "last.py"


class Watched:
    """A folder that is watched.

    Args:
        root: the folder.
        settings: of `ServerConfig`, besides `app_dir`.
    """

    def __init__(self, root: Path, **settings: object) -> None:
        self.root = root
        self._calls: queue.Queue[Sequence[str]] = queue.Queue()
        config = ServerConfig.from_mapping({"app_dir": str(root), "reload": True, **settings})
        self.watcher = ReloadWatcher(config, "app:app", self._calls.put)
        self.watcher.allow()

    def make(self, *names: str, text: str = "x = 1") -> None:
        """Make files, with the folders they are in.

        Each appears whole: who writes into a file changes it twice, and may be seen to.
        """
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            written = path.with_name(f"{path.name}.tmp")
            written.write_text(text)
            written.replace(path)

    def next(self) -> set[str]:
        """Wait for a reload; name the paths of it from the folder."""
        changed = self._calls.get(timeout=WAIT_S)
        assert list(changed) == sorted(set(changed))
        return {os.path.relpath(path, self.root) for path in changed}

    def until_last(self) -> set[str]:
        """Change one file more; name all paths of the reloads until that one."""
        self.make(LAST)
        found: set[str] = set()
        while LAST not in found:
            found |= self.next()
        return found - {LAST}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A folder with an application, being watched."""
    watched = Watched(tmp_path)
    watched.make("app.py", "package/__init__.py", "package/module.py", ".venv/lib/x.py")
    with watched.watcher:
        yield watched


def test_an_edit_is_a_reload(watched: Watched) -> None:
    """Writing to a source calls for a reload with its path."""
    (watched.root / "app.py").write_text("x = 2")
    assert watched.next() == {"app.py"}


def test_each_edit_is_noticed(watched: Watched) -> None:
    """An edit of the same size in the same second is one too, as often as it is made."""
    for number in range(5):
        (watched.root / "package/module.py").write_text(f"x = {number}")
        assert watched.next() == {"package/module.py"}


def test_a_file_that_is_replaced_is_one_reload(watched: Watched) -> None:
    """An editor that writes beside the file and renames it is one change of the file alone."""
    watched.make("app.py.tmp", "4913", ".app.py.swp", "app.py~")
    (watched.root / "app.py.tmp").replace(watched.root / "app.py")
    assert watched.next() == {"app.py"}
    assert watched.until_last() == set()


def test_new_and_deleted_files_count(watched: Watched) -> None:
    """A file that comes or goes is a change."""
    watched.make("package/new.py")
    assert watched.next() == {"package/new.py"}
    (watched.root / "package" / "new.py").unlink()
    assert watched.next() == {"package/new.py"}


def test_a_renamed_file_is_both(watched: Watched) -> None:
    """A file that gets another name is gone under the one and new under the other."""
    (watched.root / "package/module.py").rename(watched.root / "package/other.py")
    assert watched.until_last() == {"package/module.py", "package/other.py"}


def test_what_does_not_count_is_no_reload(watched: Watched) -> None:
    """Neither data, nor temporary files, nor caches, nor an environment call for a reload."""
    watched.make("app.log", "app.py~", "__pycache__/app.pyc", ".venv/lib/x.py", "node_modules/x.py")
    watched.make(".made/pyvenv.cfg", ".made/lib/python/os.py")
    (watched.root / ".made").rename(watched.root / "env312")
    (watched.root / "empty").mkdir()
    assert watched.until_last() == set()


def test_reading_is_no_change(watched: Watched) -> None:
    """A file that is only read, and one that Python imports, is none that has changed."""
    (watched.root / "app.py").read_text()
    subprocess.run([sys.executable, "-c", "import app"], cwd=watched.root, check=True)
    assert watched.until_last() == set()


def test_files_in_new_folders_count(watched: Watched) -> None:
    """A folder that comes is watched with all below it, from the files it comes with."""
    watched.make("new/deep/one.py")
    assert "new/deep/one.py" in watched.until_last()
    watched.make("new/deep/two.py")
    assert "new/deep/two.py" in watched.until_last()


def test_a_folder_may_come_and_go(watched: Watched) -> None:
    """A folder that is deleted, and one that is moved, is a change; one that is back counts."""
    shutil.rmtree(watched.root / "package")
    assert watched.next() & {"package", "package/module.py"}
    watched.make("package/module.py")
    assert "package/module.py" in watched.until_last()
    (watched.root / "package").rename(watched.root / "moved")
    assert {"package", "moved/module.py"} <= watched.until_last()
    watched.make("moved/module.py", text="x = 3")
    assert "moved/module.py" in watched.until_last()


def test_the_folder_itself_may_come_and_go(tmp_path: Path) -> None:
    """A watched folder that is deleted, as by git, is watched again when it is back."""
    watched = Watched(tmp_path / "root")
    watched.make("app.py", LAST)
    with watched.watcher:
        shutil.rmtree(watched.root)
        assert watched.next()
        watched.make("app.py", "other.py")
        found: set[str] = set()
        while not {"app.py", "other.py"} <= found:
            found |= watched.next()
        assert watched.until_last() <= {"app.py", "other.py"}


def test_a_burst_is_told_whole(watched: Watched) -> None:
    """As many changes as git makes at once are all told, those in new folders too."""
    names = {f"many{number % 7}/of{number % 3}/file{number}.py" for number in range(200)}
    watched.make(*names)
    assert watched.until_last() == names


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    """A change behind a link is one, of a linked folder and of a linked file; a new link too."""
    watched = Watched(tmp_path / "root")
    watched.make("app.py", "../folder/a.py", "../files/b.py", "../files/c.py", "../later/d.py")
    (watched.root / "folder").symlink_to(tmp_path / "folder")
    (watched.root / "b.py").symlink_to(tmp_path / "files" / "b.py")
    with watched.watcher:
        watched.make("../folder/a.py")
        assert watched.next() == {"folder/a.py"}
        watched.make("../files/b.py", "../files/c.py")
        assert watched.until_last() == {"b.py"}
        (watched.root / "d.py").symlink_to(tmp_path / "later" / "d.py")
        assert watched.next() == {"d.py"}
        watched.make("../later/d.py")
        assert watched.next() == {"d.py"}


def test_settings_say_what_counts(tmp_path: Path) -> None:
    """Folders, patterns to include and patterns to exclude are those of the configuration."""
    watched = Watched(
        tmp_path,
        reload_dir=(str(tmp_path / "src"), str(tmp_path / ".hidden")),
        reload_include=("*.css", "*.txt"),
        reload_exclude=("generated", "*.json"),
    )
    watched.make("src/app.py", ".hidden/app.py", "app.py", "src/generated/x.py")
    with watched.watcher:
        watched.make("app.py", "src/generated/x.py", "src/a.json", "src/a.css", ".hidden/b.txt")
        watched.make("src/last.py")
        found: set[str] = set()
        while "src/last.py" not in found:
            found |= watched.next()
    assert found == {"src/a.css", ".hidden/b.txt", "src/last.py"}


def test_relative_folders_are_read_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder may be given from the current one; the log names files from there."""
    monkeypatch.chdir(tmp_path)
    watched = Watched(tmp_path, reload_dir=("src/../src",))
    watched.make("src/app.py")
    with caplog.at_level(logging.INFO, "serverkit.server"), watched.watcher:
        watched.make("src/app.py")
        assert watched.next() == {"src/app.py"}
    assert f"Watching for changes: {tmp_path / 'src'} (1 folder)." in caplog.text
    assert "for these have changed: src/app.py" in caplog.text


@pytest.mark.parametrize("name", ["gone", "file.txt"])
def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    """The start fails with the name of the setting and the folder."""
    (tmp_path / "file.txt").write_text("")
    watched = Watched(tmp_path, reload_dir=(str(tmp_path / name),))
    with pytest.raises(StartupError, match=name) as caught, watched.watcher:
        pass
    assert caught.value.setting == "reload_dir"


def test_a_system_that_does_not_watch_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start fails with what the system says and what can be done."""

    def refuse(_folders: list[str]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reload_changes, "_new_notifier", refuse)
    with pytest.raises(StartupError, match="No space left") as caught, Watched(tmp_path).watcher:
        pass
    assert "max_user_watches" in caught.value.remedy


def test_a_reload_that_raises_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The error is logged, and the next change is noticed."""
    called: queue.Queue[Sequence[str]] = queue.Queue()

    def fail(changed: Sequence[str]) -> None:
        called.put(changed)
        raise RuntimeError("not now")

    config = ServerConfig(app_dir=str(tmp_path), reload=True)
    with ReloadWatcher(config, "app:app", fail) as watcher:
        watcher.allow()
        (tmp_path / "a.py").write_text("")
        assert called.get(timeout=WAIT_S)
        (tmp_path / "b.py").write_text("")
        while not called.get(timeout=WAIT_S)[-1].endswith("b.py"):
            pass
    assert "not now" in caplog.text


def test_it_ends_when_it_is_left(watched: Watched) -> None:
    """No thread is left behind, and nobody is called any more."""
    watched.watcher.__exit__(None, None, None)
    assert not [each for each in threading.enumerate() if each.name == "serverkit-reload"]


def test_polling_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system tells of nothing, as on some network drives, files can be looked at."""
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    watched = Watched(tmp_path)
    watched.make("app.py")
    with watched.watcher:
        os.utime(tmp_path / "app.py", (4e9, 4e9))  # it counts whole seconds
        assert watched.next() == {"app.py"}


def test_bytecode_of_an_edit_is_forgotten(tmp_path: Path) -> None:
    """What Python keeps of a source goes, of each level; of other files nothing is touched."""
    source = tmp_path / "app.py"
    kept = [
        Path(importlib.util.cache_from_source(str(path), optimization=level))
        for path in (source, tmp_path / "other.py")
        for level in ("", "1", "2")
    ]
    kept[0].parent.mkdir()
    for each in kept:
        each.write_text("")

    forget_bytecode([str(source), str(tmp_path / "page.html"), str(tmp_path / "gone.py")])

    assert [each.exists() for each in kept] == [False] * 3 + [True] * 3


def test_what_changes_before_there_is_a_server_is_told_then(tmp_path: Path) -> None:
    """A change while the application starts is neither lost nor told too early."""
    calls: queue.Queue[Sequence[str]] = queue.Queue()
    config = ServerConfig(app_dir=str(tmp_path), reload=True)
    with ReloadWatcher(config, "app:app", calls.put) as watcher:
        (tmp_path / "app.py").write_text("")
        with pytest.raises(queue.Empty):
            calls.get(timeout=0.5)
        watcher.allow()
        assert calls.get(timeout=WAIT_S) == [str(tmp_path / "app.py")]


def test_a_start_that_fails_calls_nobody(tmp_path: Path) -> None:
    """A watcher that is left before anything may be told ends as well."""
    calls: list[Sequence[str]] = []
    config = ServerConfig(app_dir=str(tmp_path), reload=True)
    with ReloadWatcher(config, "app:app", calls.append):
        (tmp_path / "app.py").write_text("")
    assert calls == []
    assert not [each for each in threading.enumerate() if each.name == "serverkit-reload"]


def test_without_reload_nothing_is_watched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Settings that only reloading reads are named in the log, and nothing else happens."""
    off = ServerConfig(app_dir=str(tmp_path), reload_dir=("gone",), reload_exclude=("x",))
    with ReloadWatcher(off, None, print):
        assert not [each for each in threading.enumerate() if each.name == "serverkit-reload"]
    assert caplog.messages == [
        "reload_dir has no effect without reload.",
        "reload_exclude has no effect without reload.",
    ]


def test_an_object_cannot_be_reloaded() -> None:
    """An application without a name is refused at the start, not at the first change."""
    watcher = ReloadWatcher(ServerConfig(reload=True), None, print)
    with pytest.raises(StartupError, match="object") as caught, watcher:
        pass
    assert "app_path" in caught.value.remedy
