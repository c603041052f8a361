"""What a setting takes: its value read from text or from TOML, judged by the type of its field.

Rules:
    The annotation of a field of a configuration dataclass is the only description of its type.
    Bounds are not judged here; the dataclass does that when it is made.
"""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

YES = ("true", "yes", "on", "1")
NO = ("false", "no", "off", "0")

type Kind = typing.Literal["boolean", "integer", "number", "string", "list", "table"]

_KINDS: Mapping[object, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    tuple: "list",
    list: "list",
    frozenset: "list",
    dict: "table",
    Mapping: "table",
}
_WORDS: Mapping[Kind, str] = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "list": "a list of strings",
    "table": "a table",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingType:
    """What a setting takes.

    Attributes:
        kinds: the kinds of value that can be written down; more than one for a union.
        choices: the only strings it takes; empty: any.
        optional: it takes None, which is written as nothing at all.

    Threads: any; it never changes.
    """

    kinds: tuple[Kind, ...]
    choices: tuple[str, ...] = ()
    optional: bool = False

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return " or ".join(_WORDS[kind] for kind in self.kinds)

    def from_text(self, text: str) -> object:
        """Read the value from a flag or an environment variable; a list is separated by commas.

        Raises:
            ValueError: the text is no such value. The message says what it should be.
        """
        if self.optional and not text:
            return None
        for kind in self.kinds:
            try:
                return self._accept(_READERS[kind](text.strip()))
            except ValueError:
                continue
        raise ValueError(f"must be {self}, not {text!r}")

    def from_toml(self, value: object) -> object:
        """Take over a value that TOML has read.

        Raises:
            ValueError: the value has another type. The message says what it should be.
        """
        for kind in self.kinds:
            if kind == "number" and type(value) is int:
                return float(value)
            if _is_of_kind(value, kind):
                return self._accept(tuple(value) if isinstance(value, list) else value)
        raise ValueError(f"must be {self}, not {value!r}")

    def _accept(self, value: object) -> object:
        if self.choices and value not in self.choices:
            raise ValueError(f"must be {self}, not {value!r}")
        return value


def setting_type(annotation: object) -> SettingType | None:
    """Describe the type of a field; None when no value of it can be written down, as of a callable.

    Args:
        annotation: the resolved annotation, as `typing.get_type_hints` gives it.
    """
    members = _members(annotation)
    choices = tuple(
        str(choice)
        for member in members
        if typing.get_origin(member) is typing.Literal
        for choice in typing.get_args(member)
    )
    found: dict[Kind, None] = {"string": None} if choices else {}
    for member in members:
        kind = _KINDS.get(typing.get_origin(member) or member)
        if kind:
            found[kind] = None
    if not found:
        return None
    return SettingType(
        kinds=tuple(kind for kind in _WORDS if kind in found),
        choices=choices,
        optional=type(None) in members,
    )


def _members(annotation: object) -> tuple[object, ...]:
    if isinstance(annotation, typing.TypeAliasType):
        return _members(annotation.__value__)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return tuple(each for member in typing.get_args(annotation) for each in _members(member))
    return (annotation,)


def _is_of_kind(value: object, kind: Kind) -> bool:
    if kind == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    wanted = {"boolean": bool, "integer": int, "number": float, "string": str, "table": dict}[kind]
    return type(value) is wanted


def _boolean(text: str) -> bool:
    if text.lower() in YES + NO:
        return text.lower() in YES
    raise ValueError


def _list(text: str) -> Sequence[str]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _integer(text: str) -> int:
    return int(text, 0)


def _table(text: str) -> typing.NoReturn:
    raise ValueError(text)


_READERS: Mapping[Kind, Callable[[str], object]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": float,
    "string": str,
    "list": _list,
    "table": _table,
}
