"""Noticing that the GIL is back."""

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from serverkit_server import gil
from tests.support.gil_extension import build_gil_extension

MESSAGE = (
    "The global interpreter lock (GIL) has been enabled to load module 'fast_thing', which has not "
    "declared that it can run safely without the GIL."
)


def test_overhears_the_culprit() -> None:
    """The module that Python names is known afterwards, and its warning still arrives."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        arrived: list[str] = []
        warnings.showwarning = lambda message, *_: arrived.append(str(message))
        theirs = warnings.showwarning
        with gil.GilWatch() as watch:
            warnings.warn(MESSAGE, RuntimeWarning, stacklevel=1)
            warnings.warn("something else", RuntimeWarning, stacklevel=1)
        assert warnings.showwarning is theirs
    assert watch.culprits == ["fast_thing"]
    assert arrived == [MESSAGE, "something else"]


@pytest.mark.parametrize(
    ("culprits", "expected"),
    [(["fast_thing"], "the module 'fast_thing' needs it"), ([], "extension modules: lib_a, lib_b")],
)
def test_names_the_culprit(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    culprits: list[str],
    expected: str,
) -> None:
    """Where a free-threaded Python has its GIL on, a warning says which module did it."""
    monkeypatch.setattr(gil, "is_free_threaded_build", lambda: True)
    monkeypatch.setattr(gil, "is_gil_enabled", lambda: True)
    monkeypatch.setattr(gil, "_is_gil_asked_for", lambda: False)
    monkeypatch.setattr(gil, "_foreign_extensions", lambda: {"lib_b", "lib_a"})
    with caplog.at_level(logging.WARNING, "serverkit"):
        gil.warn_if_gil_is_back(culprits)
    assert [expected in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize(
    ("build", "enabled", "asked_for"),
    [(False, True, False), (True, False, False), (True, True, True)],
)
def test_is_silent_where_all_is_as_wished(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    build: bool,  # noqa: FBT001 - a parameter of the test
    enabled: bool,  # noqa: FBT001
    asked_for: bool,  # noqa: FBT001
) -> None:
    """Nothing is said of a GIL that is off, that cannot be off, or that was asked for."""
    monkeypatch.setattr(gil, "is_free_threaded_build", lambda: build)
    monkeypatch.setattr(gil, "is_gil_enabled", lambda: enabled)
    monkeypatch.setattr(gil, "_is_gil_asked_for", lambda: asked_for)
    gil.warn_if_gil_is_back(["fast_thing"])
    assert not caplog.records


def test_knows_this_python() -> None:
    """A Python with a GIL has it on; one without says what it is."""
    assert gil.is_gil_enabled() or gil.is_free_threaded_build()


@pytest.mark.slow
@pytest.mark.skipif(not gil.is_free_threaded_build(), reason="this Python always has a GIL")
def test_notices_a_real_extension(tmp_path: Path) -> None:
    """An extension module that does not say that it can do without the GIL is named."""
    build_gil_extension(tmp_path)
    code = (
        "from serverkit_server import gil\n"
        "before, own = gil.is_gil_enabled(), gil._foreign_extensions()\n"
        "with gil.GilWatch() as watch:\n"
        "    import needs_gil\n"
        "print(before, gil.is_gil_enabled(), watch.culprits, gil._foreign_extensions() - own)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "False True ['needs_gil'] {'needs_gil'}\n"
    assert "has been enabled to load module" in done.stderr
