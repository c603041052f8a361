"""The event loop a worker runs on."""

import asyncio
import sys

import pytest

from serverkit_worker.loops import new_event_loop


class NoSuchModule:
    """Lets the import of one module fail, as where it is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, *_: object) -> None:
        """Fail for this module, leave others to others."""
        if fullname == self._name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@pytest.fixture
def without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine without uvloop."""
    monkeypatch.delitem(sys.modules, "uvloop", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoSuchModule("uvloop"), *sys.meta_path])


def module_of_new(loop: str) -> str:
    """Make a loop, see that it runs, and give the package it is from."""
    made = new_event_loop(loop)
    try:
        assert made.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
    finally:
        made.close()
    return type(made).__module__.partition(".")[0]


def test_the_standard_library_s_loop_is_had_by_name() -> None:
    """It is made anew, and not set as anybody's current loop."""
    assert module_of_new("asyncio") == "asyncio"


def test_uvloop_is_had_by_name() -> None:
    """Where it is installed."""
    pytest.importorskip("uvloop")

    assert module_of_new("uvloop") == "uvloop"


def test_auto_takes_uvloop_where_it_is_installed() -> None:
    """Who installed it wants it."""
    pytest.importorskip("uvloop")

    assert module_of_new("auto") == "uvloop"


@pytest.mark.usefixtures("without_uvloop")
def test_auto_does_without_uvloop() -> None:
    """It is an extra."""
    assert module_of_new("auto") == "asyncio"


@pytest.mark.usefixtures("without_uvloop")
def test_a_missing_uvloop_is_told_how_to_be_installed() -> None:
    """The message has the command."""
    with pytest.raises(ImportError, match=r"pip install uvloop") as caught:
        new_event_loop("uvloop")

    assert caught.value.name == "uvloop"


def test_an_unknown_loop_is_told_the_known_ones() -> None:
    """A typo does not silently give the default."""
    with pytest.raises(ValueError, match="loop must be one of asyncio, uvloop, auto, not 'trio'"):
        new_event_loop("trio")
