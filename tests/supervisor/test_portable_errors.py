"""Exceptions on their way from one process to another."""

import os
import pickle
import subprocess
from typing import NoReturn

import pytest

from serverkit_supervisor.portable_errors import (
    MAX_PICKLE,
    MAX_TRACEBACK,
    dump_error,
    load_error,
    summary_of,
    traceback_text,
)
from tests.supervisor.process_workers import OddError, Unpackable


class Hostile(Exception):
    """An exception that does not even like to be written down."""

    def __str__(self) -> NoReturn:
        raise RuntimeError("no text")

    def __reduce__(self) -> NoReturn:
        raise RuntimeError("no pickle")


class Calling:
    """Something that calls a function when it is unpacked."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        function, *arguments = self.call
        return function, tuple(arguments)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError(1), OSError(2, "no", "file"), SystemExit(3), KeyboardInterrupt()],
)
def test_an_exception_arrives(error: BaseException) -> None:
    """Class and arguments come over."""
    loaded = load_error(dump_error(error))
    assert type(loaded) is type(error)
    assert loaded is not None
    assert loaded.args == error.args


def test_a_group_arrives_whole() -> None:
    """The exceptions of a group come over with it, notes too."""
    error = ExceptionGroup("both", [ValueError("a"), OSError(1, "b")])
    error.add_note("a note")
    loaded = load_error(dump_error(error))
    assert isinstance(loaded, ExceptionGroup)
    assert [type(each) for each in loaded.exceptions] == [ValueError, PermissionError]
    assert loaded.__notes__ == ["a note"]


@pytest.mark.parametrize(
    "error",
    [OddError("a", "b"), Unpackable(), Hostile(), ValueError("x" * MAX_PICKLE)],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_travel_is_left_out(error: BaseException) -> None:
    """An exception that cannot be packed and unpacked, or is huge, is none."""
    assert dump_error(error) == b""
    assert load_error(b"") is None


@pytest.mark.parametrize(
    "value",
    [
        Calling(os.getenv, "HOME"),
        Calling(subprocess.Popen, ["true"]),
        Calling(eval, "1"),
        ValueError(Calling(os.getenv, "HOME")),
        "text",
        ValueError,
    ],
    ids=range(6),
)
def test_nothing_else_is_unpacked(value: object) -> None:
    """A pickle that would call anything but an exception class is no exception."""
    assert load_error(pickle.dumps(value)) is None


def test_classes_of_modules_that_are_not_imported_are_not_found() -> None:
    """Unpacking imports nothing."""
    packed = pickle.dumps(OddError("a", "b")).replace(b"process_workers", b"process_unknown")
    assert load_error(packed) is None
    assert load_error(b"garbage") is None


def test_the_main_module_has_two_names() -> None:
    """What a worker's process calls its adopted main module is the main module here."""
    packed = pickle.dumps(ValueError("x"), 4)
    assert b"builtins" in packed
    # The name is as long as the other one, and a main module has the built-in names too.
    import __main__

    if not hasattr(__main__, "ValueError"):
        __main__.ValueError = ValueError
    try:
        loaded = load_error(packed.replace(b"\x08builtins", b"\x0b__mp_main__"))
    finally:
        del __main__.ValueError
    assert isinstance(loaded, ValueError)


def test_an_exception_in_one_line() -> None:
    """The summary is the class and the first line of the text."""
    assert summary_of(ValueError("no such port")) == "ValueError: no such port"
    assert summary_of(ValueError("\nfirst\nsecond")) == "ValueError: first"
    assert summary_of(ValueError()) == "ValueError"
    assert summary_of(Hostile()) == "Hostile"
    assert len(summary_of(ValueError("x" * 10_000))) < 2000


def test_the_traceback_as_text() -> None:
    """The text is what Python prints; a huge one lacks its middle."""
    with pytest.raises(ValueError, match="here") as raised:
        raise ValueError("here")
    text = traceback_text(raised.value)
    assert text.startswith("Traceback")
    assert text.endswith("ValueError: here\n")
    huge = traceback_text(ValueError("x" * 2 * MAX_TRACEBACK + "end"))
    assert len(huge) < MAX_TRACEBACK + 100
    assert huge.endswith("end\n")
    assert "left out" in huge
    assert "Hostile" in traceback_text(Hostile())
