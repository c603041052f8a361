"""What settings take."""

from collections.abc import Callable, Mapping
from typing import Literal, Optional

import pytest

from serverkit_server.setting_types import setting_type

type Mode = Literal["auto", "on"]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (bool, "TRUE", True),
        (bool, "0", False),
        (int, "0o660", 0o660),
        (int, "1_000", 1000),
        (float, "2", 2.0),
        (str, "", ""),
        (str | None, "", None),
        (float | None, "1.5", 1.5),
        (Optional[int], "", None),  # noqa: UP045  (the old way to write it counts too)
        (Mode, "auto", "auto"),
        (Mode | None, "on", "on"),
        (tuple[str, ...], "a, b,", ("a", "b")),
        (tuple[str, ...], "", ()),
        (frozenset[str], "a", ("a",)),
        (str | Mapping[str, object] | None, "x", "x"),
        (int | str, "7", 7),
        (int | str, "x", "x"),
    ],
)
def test_text_becomes_a_value(annotation: object, text: str, value: object) -> None:
    """Text is read as the type of the field."""
    kind = setting_type(annotation)

    assert kind is not None
    assert kind.from_text(text) == value
    assert type(kind.from_text(text)) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text", "complaint"),
    [
        (bool, "maybe", "must be true or false, not 'maybe'"),
        (int, "1.0", "must be a whole number, not '1.0'"),
        (float, "x", "must be a number, not 'x'"),
        (Mode, "off", "must be one of auto, on, not 'off'"),
        (dict[str, object], "{}", "must be a table, not '{}'"),
    ],
)
def test_text_that_is_no_value_is_refused(annotation: object, text: str, complaint: str) -> None:
    """The complaint says what is taken and what was given."""
    kind = setting_type(annotation)

    assert kind is not None
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (compared in full below)
        kind.from_text(text)
    assert str(caught.value) == complaint


def test_a_callable_cannot_be_written_down() -> None:
    """A field for Python objects alone takes no text."""
    assert setting_type(Callable[[str], bool] | None) is None


def test_a_number_is_bounded_by_its_metadata() -> None:
    """Bounds that stand in the metadata of a field are judged where the value is read."""
    port = setting_type(int, {"at_least": 0, "at_most": 65_535})
    timeout = setting_type(float | None, {"above": 0, "unit": "seconds"})
    backlog = setting_type(int, {"at_least": 1})

    assert port is not None
    assert timeout is not None
    assert backlog is not None
    assert [str(port), str(timeout), str(backlog)] == [
        "a whole number, 0 to 65535",
        "a number above 0",
        "a whole number, 1 or more",
    ]
    assert (port.from_text("65535"), timeout.from_toml(1), backlog.from_toml(1)) == (65535, 1.0, 1)
    with pytest.raises(ValueError, match="must be a whole number, 0 to 65535, not '65536'"):
        port.from_text("65536")
    with pytest.raises(ValueError, match="must be a whole number, 0 to 65535, not -1"):
        port.from_toml(-1)
    for text in ("0", "-1", "inf", "nan"):
        with pytest.raises(ValueError, match="must be a number above 0, not"):
            timeout.from_text(text)
    with pytest.raises(ValueError, match="must be a whole number, 1 or more, not 0"):
        backlog.from_toml(0)


def test_permissions_are_written_in_octal() -> None:
    """A field in base 8 takes the digits people know from chmod, with and without prefix."""
    mode = setting_type(int, {"at_least": 0, "at_most": 0o777, "base": 8})

    assert mode is not None
    assert [mode.from_text(text) for text in ("660", "0660", "0o660")] == [0o660] * 3
    assert str(mode) == "a whole number, 0 to 777"
