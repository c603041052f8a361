"""docs/reference/settings.md, from the fields of the configuration."""

from collections.abc import Iterator
from dataclasses import Field, fields

from docs.generator.parts import NOTE
from serverkit_cli.help_layout import HEADINGS
from serverkit_cli.options import default_of, flag_of, write_number
from serverkit_server.config import ServerConfig
from serverkit_server.load import variable_of
from serverkit_server.setting_types import SettingType, setting_types

INTRODUCTION = f"""# Settings

{NOTE}

Every setting has one name. In Python it is a field of `ServerConfig` and an argument of
`serverkit.run`; on the command line it is a flag; in the environment a variable; in
`serverkit.toml`, or in `[tool.serverkit]` of `pyproject.toml`, a key.

What the command line says wins over the environment, the environment over the file, the file over
the default. `serverkit config show` tells which value is in effect and what set it. A name that
does not exist is an error, and so is a value that is not allowed.

`host` and `port` on one side and `bind`, `uds` and `fd` on the other are one choice: where to
listen. A layer that makes this choice makes all of it, whatever the layers below say.

In text, a switch is `true`, `yes`, `on` or `1`, or `false`, `no`, `off` or `0`. A list is separated
by commas in the environment, and its flag is repeated on the command line. An empty variable means
"left out" for a setting that may be left out.

Two more flags say where settings come from: `--config FILE` (`SERVERKIT_CONFIG`) and
`--env-file FILE` (`SERVERKIT_ENV_FILE`).
"""


def settings_page() -> str:
    """Make the page."""
    groups = _groups()
    lines = [INTRODUCTION]
    for heading, group in groups.items():
        links = ", ".join(f"[{field.name}](#{field.name})" for field in group)
        lines.append(f"- **[{heading}](#{heading.lower()})**: {links}")
    for heading, group in groups.items():
        lines.append(f"\n## {heading}")
        lines += [_section(field) for field in group]
    return "\n".join(lines) + "\n"


def _groups() -> dict[str, list[Field[object]]]:
    found: dict[str, list[Field[object]]] = {heading: [] for heading in HEADINGS}
    for field in fields(ServerConfig):
        found[field.metadata["group"]].append(field)
    return found


def _section(field: Field[object]) -> str:
    takes = setting_types(ServerConfig)[field.name]
    rows = "\n".join(f"- {row}" for row in _rows(field, takes))
    return f"\n### {field.name}\n\n{field.metadata['help']}\n\n{rows}"


def _rows(field: Field[object], takes: SettingType | None) -> Iterator[str]:
    if takes is None:
        yield "in Python only"
        yield f"default: `{default_of(field)}`"
        return
    flag = flag_of(field.name)
    is_switch = takes.kinds == ("boolean",)
    shown = f"{flag}`, `{flag.replace('--', '--no-', 1)}" if is_switch else flag
    yield f"flag: `{shown}`"
    yield f"environment: `{variable_of(field.name)}`"
    unit = field.metadata.get("unit")
    optional = ", or left out" if takes.optional else ""
    yield f"takes: {takes}{optional}" + (f"; unit: {unit}" if unit else "")
    yield f"default: {_default(field, takes)}"


def _default(field: Field[object], takes: SettingType) -> str:
    value = default_of(field)
    match value:
        case None:
            return "left out"
        case bool():
            return "on" if value else "off"
        case int() | float():
            return f"`{write_number(value, takes)}`"
        case "" | ():
            return "empty"
    return f"`{value}`"
