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
