"""What a setting takes: its value read from text or from TOML, judged by the type of its field.

Rules:
    The annotation and the metadata of a field are the only description of what it takes.
    What one value alone cannot tell is judged by the dataclass when it is made.
"""

import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

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
        at_least: the smallest number it takes.
        at_most: the largest number it takes.
        above: numbers must be larger than this.
        base: of whole numbers in text; 0: as their prefix says.
        secret: no message has its value in it.

    Threads: any; it never changes.
    """

    kinds: tuple[Kind, ...]
    choices: tuple[str, ...] = ()
    optional: bool = False
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    base: int = 0
    secret: bool = False

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = " or ".join(_WORDS[kind] for kind in self.kinds)
        if self.above is not None:
            return f"{words} above {self.above:g}"
        if self.at_least is not None and self.at_most is not None:
            return f"{words}, {self._write(self.at_least)} to {self._write(self.at_most)}"
        return words if self.at_least is None else f"{words}, {self._write(self.at_least)} or more"

    def from_text(self, text: str) -> object:
        """Read the value from a flag or an environment variable; a list is separated by commas.

        Raises:
            ValueError: the text is no such value. The message says what it should be.
        """
        if self.optional and not text:
            return None
        for kind in self.kinds:
            try:
                value = self._read(text.strip(), kind)
            except ValueError:
                continue
            if self._accepts(value):
                return value
        raise self._refusal(text)

    def from_toml(self, value: object) -> object:
        """Take over a value that TOML has read.

        Raises:
            ValueError: the value has another type. The message says what it should be.
        """
        for kind in self.kinds:
            if _is_of_kind(value, kind) and self._accepts(value):
                if isinstance(value, list):
                    return tuple(value)
                return float(value) if kind == "number" and isinstance(value, int) else value
        raise self._refusal(value)

    def _refusal(self, value: object) -> ValueError:
        if self.secret:
            return ValueError(f"must be {self}")
        such = f", such as {[value]}" if "list" in self.kinds and isinstance(value, str) else ""
        return ValueError(f"must be {self}{such}, not {value!r}")

    def _read(self, text: str, kind: Kind) -> object:
        return int(text, self.base) if kind == "integer" else _READERS[kind](text)

    def _write(self, number: float) -> str:
        return f"{number:o}" if self.base == 8 and isinstance(number, int) else f"{number:g}"

    def _accepts(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return True
        return (
            math.isfinite(value)
            and (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


def setting_types(config_class: type) -> dict[str, SettingType | None]:
    """Describe what each field of a configuration takes.

    Returns:
        By name of the field; None where only Python can say the value, such as a function.
    """
    hints = typing.get_type_hints(config_class)
    return {
        each.name: setting_type(hints[each.name], each.metadata) for each in fields(config_class)
    }


def setting_type(
    annotation: object, traits: Mapping[str, typing.Any] = types.MappingProxyType({})
) -> SettingType | None:
    """Describe what a field takes; None when no value of it can be written down.

    Args:
        annotation: the resolved annotation, as `typing.get_type_hints` gives it.
        traits: the metadata of the field: `at_least`, `at_most`, `above` and `base` count.
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
        at_least=traits.get("at_least"),
        at_most=traits.get("at_most"),
        above=traits.get("above"),
        base=traits.get("base", 0),
        secret=traits.get("secret", False),
    )


def _members(annotation: object) -> tuple[object, ...]:
    if isinstance(annotation, typing.TypeAliasType):
        return _members(annotation.__value__)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return tuple(each for member in typing.get_args(annotation) for each in _members(member))
    return (annotation,)


def _is_of_kind(value: object, kind: Kind) -> bool:
    match kind:
        case "list":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "table":
            return isinstance(value, dict)


def _boolean(text: str) -> bool:
    if text.lower() in YES + NO:
        return text.lower() in YES
    raise ValueError


def _list(text: str) -> Sequence[str]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _table(text: str) -> typing.NoReturn:
    raise ValueError(text)


_READERS: Mapping[Kind, Callable[[str], object]] = {
    "boolean": _boolean,
    "number": float,
    "string": str,
    "list": _list,
    "table": _table,
}
