"""Writes settings down: as JSON schema, as a TOML template, as TOML with their sources."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields

from serverkit_cli.help_layout import HEADINGS
from serverkit_cli.options import default_of, flag_of, write_number
from serverkit_server.config import ServerConfig
from serverkit_server.load import ADDRESSES, HOST_AND_PORT, Loaded, variable_of
from serverkit_server.setting_types import Kind, SettingType, setting_types

_JSON_TYPES: Mapping[Kind, str] = {
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "string": "string",
    "list": "array",
    "table": "object",
}
HIDDEN = "***"
"""Stands for a value that is shown to nobody."""
_WIDTH = 96


def json_schema() -> dict[str, object]:
    """Make the JSON schema (draft 2020-12) of serverkit.toml."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "serverkit.toml",
        "description": "Settings of serverkit; in pyproject.toml they stand in [tool.serverkit].",
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _property(field, takes) for field, takes in writable()},
    }


def toml_template() -> str:
    """Make a serverkit.toml in which every setting stands with its default, commented out."""
    lines = ["# Settings of serverkit. Each stands with its default: remove the # to change it."]
    for heading, group in _by_heading().items():
        lines += ["", f"# --- {heading} ---"]
        for field, takes in group:
            default = default_of(field)
            comment = field.metadata.get("help", "")
            if takes.choices:
                comment += f" One of: {', '.join(takes.choices)}."
            lines += [
                "",
                *textwrap.wrap(comment, _WIDTH, initial_indent="# ", subsequent_indent="# "),
            ]
            unit = field.metadata.get("unit", "")
            if default is None:
                lines.append(f"#{field.name} =  # {takes}{f', in {unit}' if unit else ''}")
            else:
                written = toml_value(default, takes)
                lines.append(f"#{field.name} = {written}{f'  # {unit}' if unit else ''}")
    return "\n".join(lines) + "\n"


def toml_with_sources(loaded: Loaded[ServerConfig]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a configuration as TOML, each with what set it, or with nothing."""
    config = loaded.config
    elsewhere = any(getattr(config, name) not in ((), None) for name in ADDRESSES)
    for number, (heading, group) in enumerate(_by_heading().items()):
        if number:
            yield "", ""
        yield f"# {heading}", ""
        for field, takes in group:
            value = getattr(config, field.name)
            source = str(loaded.sources[field.name])
            if elsewhere and field.name in HOST_AND_PORT:
                yield f"#{field.name} = {toml_value(value, takes)}", f"{source}; no effect"
            elif value is None:
                yield f"#{field.name} =", source
            elif takes.secret:
                yield f"#{field.name} = {toml_value(HIDDEN, takes)}", f"{source}; not shown"
            else:
                yield f"{field.name} = {toml_value(value, takes)}", source


def toml_value(value: object, takes: SettingType) -> str:
    """Write a value as TOML does."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return write_number(value, takes)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case tuple() | list():
            return f"[{', '.join(toml_value(item, takes) for item in value)}]"
        case Mapping():
            pairs = (
                f"{json.dumps(key)} = {toml_value(item, takes)}" for key, item in value.items()
            )
            return f"{{ {', '.join(pairs)} }}"
    raise TypeError(f"TOML has no way to write {value!r}")


def writable() -> Iterator[tuple[Field[object], SettingType]]:
    """Yield the settings that can be written down, each with what it takes."""
    takes = setting_types(ServerConfig)
    for field in fields(ServerConfig):
        kind = takes[field.name]
        if kind:
            yield field, kind


def _by_heading() -> dict[str, list[tuple[Field[object], SettingType]]]:
    found: dict[str, list[tuple[Field[object], SettingType]]] = {name: [] for name in HEADINGS}
    for field, takes in writable():
        found.setdefault(field.metadata.get("group", "Other settings"), []).append((field, takes))
    return {heading: group for heading, group in found.items() if group}


def _property(field: Field[object], takes: SettingType) -> dict[str, object]:
    kinds = [_JSON_TYPES[kind] for kind in takes.kinds]
    default = default_of(field)
    described = {
        "description": field.metadata.get("help"),
        "type": kinds[0] if len(kinds) == 1 else kinds,
        "items": {"type": "string"} if "array" in kinds else None,
        "enum": list(takes.choices) or None,
        "minimum": takes.at_least,
        "maximum": takes.at_most,
        "exclusiveMinimum": takes.above,
        "default": list(default) if isinstance(default, tuple) else default,
        "x-unit": field.metadata.get("unit"),
        "writeOnly": takes.secret or None,
        "x-group": field.metadata.get("group"),
        "x-flag": flag_of(field.name),
        "x-env": variable_of(field.name),
    }
    return {key: value for key, value in described.items() if value is not None}
