"""Importing the code of an application anew."""

import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverkit_server.reimport import AppModules, Reimport, without_stale_bytecode

NAME = "reimported_app"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from; its modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> Path:
    """Write the source of a module."""
    path = folder / f"{name.replace('.', '/')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    importlib.invalidate_caches()
    return path


def value_of(name: str = NAME) -> object:
    """Import a module and give its value."""
    return importlib.import_module(name).VALUE


def names_of(modules: AppModules) -> set[str]:
    """Name the modules that count as the application's."""
    return set(modules.find())


def test_new_code_is_imported(folder: Path) -> None:
    """What is below the folder is imported anew, packages and their modules as well."""
    write(folder, NAME, f"from {NAME}_parts.deep import VALUE")
    write(folder, f"{NAME}_parts.__init__", "")
    write(folder, f"{NAME}_parts.deep", "VALUE = 'old'")
    assert value_of() == "old"
    write(folder, f"{NAME}_parts.deep", "VALUE = 'new and longer'")
    attempt = Reimport(AppModules([folder]))
    attempt.begin()
    assert value_of() == "new and longer"


def test_modules_without_a_file_are_found_by_their_folders(folder: Path) -> None:
    """A package without `__init__` is the application's as well."""
    write(folder, f"{NAME}_space.part", "VALUE = 1")
    assert value_of(f"{NAME}_space.part") == 1
    assert names_of(AppModules([folder])) == {f"{NAME}_space", f"{NAME}_space.part"}


def test_other_modules_stay(folder: Path) -> None:
    """Python's own modules, installed ones, the server's and the main one are left alone."""
    write(folder, "venv/lib/site-packages/installed_beside", "VALUE = 1")
    sys.path.insert(0, str(folder / "venv/lib/site-packages"))
    try:
        assert value_of("installed_beside") == 1
    finally:
        sys.path.remove(str(folder / "venv/lib/site-packages"))
    found = names_of(AppModules(["/", folder]))
    assert "installed_beside" not in found
    assert not found & {"__main__", "json", "asyncio", "pytest", "serverkit_server.reimport", "sys"}


def test_an_installed_application_is_imported_anew(folder: Path) -> None:
    """The package that the name of the application begins with counts, also if it is installed."""
    place = "lib/site-packages"
    write(folder, f"{place}/{NAME}/__init__", "")
    write(folder, f"{place}/{NAME}/web", "VALUE = 1")
    write(folder, f"{place}/{NAME}_not", "VALUE = 1")
    sys.path.insert(0, str(folder / place))
    try:
        assert value_of(f"{NAME}.web") == value_of(f"{NAME}_not") == 1
    finally:
        sys.path.remove(str(folder / place))
    assert names_of(AppModules([folder], NAME)) == {NAME, f"{NAME}.web"}
    assert names_of(AppModules([folder], "json")) == set()


def test_links_lead_to_the_application(folder: Path, tmp_path: Path) -> None:
    """A folder counts under every name it has."""
    write(folder, NAME, "VALUE = 1")
    assert value_of() == 1
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    assert names_of(AppModules([link])) == {NAME}


def test_the_root_is_a_folder_too(folder: Path) -> None:
    """An application directory of `/`, as in small containers, counts."""
    write(folder, NAME, "VALUE = 1")
    assert value_of() == 1
    assert NAME in names_of(AppModules(["/"]))


def test_a_failed_attempt_changes_nothing(folder: Path) -> None:
    """After an import that fails, the modules are those from before, and no others."""
    write(folder, NAME, f"import {NAME}_helper\nVALUE = {NAME}_helper")
    write(folder, f"{NAME}_helper", "VALUE = 'old'")
    old = {name: importlib.import_module(name) for name in (NAME, f"{NAME}_helper")}
    write(folder, NAME, f"import {NAME}_helper, {NAME}_more\nraise ValueError")
    write(folder, f"{NAME}_more", "")
    attempt = Reimport(AppModules([folder]))
    attempt.begin()
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        importlib.import_module(NAME)
    assert f"{NAME}_more" in sys.modules
    for _ in range(2):
        attempt.undo()
        assert {name: sys.modules[name] for name in old} == old
        assert f"{NAME}_more" not in sys.modules


def test_what_was_not_begun_is_not_undone(folder: Path) -> None:
    """To undo an attempt that has changed nothing changes nothing."""
    write(folder, NAME, "VALUE = 1")
    module = importlib.import_module(NAME)
    Reimport(AppModules([folder])).undo()
    assert sys.modules[NAME] is module


def test_two_edits_in_a_second_are_two(folder: Path) -> None:
    """Code of the same size and the same second as what was compiled is read all the same."""
    second = time.time() // 1
    for value in (1, 2, 3):
        path = write(folder, NAME, f"VALUE = {value}")
        os.utime(path, (second, second))
        attempt = Reimport(AppModules([folder]))
        attempt.begin()
        assert value_of() == value


def test_a_process_reads_the_source_too(folder: Path) -> None:
    """What was compiled a moment after the source was written is not trusted, by whoever it was."""
    second = time.time() // 1
    path = write(folder, NAME, "VALUE = 1")
    os.utime(path, (second, second))
    assert value_of() == 1
    del sys.modules[NAME]
    path.write_text("VALUE = 2", "utf-8")
    os.utime(path, (second, second))
    assert value_of() == 1, "the trap is not there"
    del sys.modules[NAME]
    before = list(sys.meta_path)
    with without_stale_bytecode():
        assert value_of() == 2
    assert sys.meta_path == before


def test_a_source_may_come_with_the_time_of_another(folder: Path) -> None:
    """As with tar and rsync, which set it back: what counts is when the file was changed here."""
    old = time.time() // 1 - 3600
    for value in (1, 2):
        os.utime(write(folder, NAME, f"VALUE = {value}"), (old, old))
        sys.modules.pop(NAME, None)
        with without_stale_bytecode():
            assert value_of() == value


def test_trusts_what_was_compiled_long_after(folder: Path) -> None:
    """Compiled code that is clearly younger than its source is used."""
    path = write(folder, NAME, "VALUE = 1")
    assert value_of() == 1
    compiled = Path(importlib.util.cache_from_source(str(path)))
    later = time.time() + 3600
    os.utime(compiled, (later, later))
    written = compiled.stat().st_mtime_ns
    del sys.modules[NAME]
    with without_stale_bytecode():
        assert value_of() == 1
    assert compiled.stat().st_mtime_ns == written


def test_code_that_was_shipped_compiled_stays(folder: Path) -> None:
    """A module that is there only as compiled code is not removed."""
    path = write(folder, NAME, "VALUE = 1")
    assert value_of() == 1
    compiled = folder / f"{NAME}.pyc"
    Path(importlib.util.cache_from_source(str(path))).rename(compiled)
    path.unlink()
    attempt = Reimport(AppModules([folder]))
    attempt.begin()
    with without_stale_bytecode():
        assert value_of() == 1
    assert compiled.exists()
