"""Judges the settings of a configuration by what its fields say of themselves.

Rules:
    A field is judged by its annotation and its metadata alone, as `ServerConfig` describes them.
    What depends on more than one field is judged by the configuration itself.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol


class Declared(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


_KINDS: Mapping[object, tuple[type | tuple[type, ...], str]] = {
    bool: (bool, "True or False"),
    int: (int, "a whole number"),
    int | None: (int, "a whole number"),
    float: ((int, float), "a number"),
    float | None: ((int, float), "a number"),
    str: (str, "a string"),
    str | None: (str, "a string"),
    str | Mapping[str, object] | None: ((str, Mapping), "a path, a mapping or 'none'"),
}


def check_settings(config: Declared) -> None:
    """Judge each field by itself.

    Raises:
        ValueError: one has the wrong type, is out of bounds, or none of its choices. The message
            names the field and the value.
    """
    for each in fields(config):
        value = getattr(config, each.name)
        if value is None and each.default is None:
            continue
        _check_type(each, value)
        _check_bounds(each, value)
        choices = each.metadata.get("choices")
        if choices and value not in choices:
            raise ValueError(f"{each.name} must be one of {', '.join(choices)}, not {value!r}")


def _check_type(declared: Field[object], value: object) -> None:
    kind, expected = _KINDS.get(declared.type, (object, ""))
    is_bool_astray = expected and isinstance(value, bool) and declared.type is not bool
    if not isinstance(value, kind) or is_bool_astray:
        if declared.metadata.get("secret"):
            raise ValueError(f"{declared.name} must be {expected}")  # what it is stays unsaid
        raise ValueError(f"{declared.name} must be {expected}, not {value!r}")
    if declared.type == tuple[str, ...] and not (
        isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    ):
        raise ValueError(f"{declared.name} must be a tuple of strings, not {value!r}")


def _check_bounds(declared: Field[object], value: object) -> None:
    if not isinstance(value, (int, float)):
        return
    traits, name = declared.metadata, declared.name
    low, high, above = traits.get("at_least"), traits.get("at_most"), traits.get("above")
    if above is not None and not above < value < math.inf:
        raise ValueError(f"{name} must be a finite number above {above}, not {value!r}")
    if (low is not None and not low <= value < math.inf) or (high is not None and value > high):
        bounds = f"{low} or more" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")
