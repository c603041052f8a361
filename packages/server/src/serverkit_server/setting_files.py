"""The files settings come from: a TOML file of settings, and a file of environment variables."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CONFIG_FILE = "serverkit.toml"
PROJECT_FILE = "pyproject.toml"
PROJECT_TABLE = "tool.serverkit"


class ConfigError(ValueError):
    """A setting is unknown, has the wrong type, is out of bounds, or cannot be read.

    The message names the setting, where it was set, and what to write instead.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFile:
    """The settings of one file, as TOML has read them.

    Attributes:
        path: the file, as it was named.
        settings: values by name.
        lines: the line on which a name stands, counted from 1, where it could be found.
    """

    path: Path
    settings: Mapping[str, object]
    lines: Mapping[str, int]

    def place(self, name: str) -> str:
        """Say where a name stands: file:line."""
        return f"{self.path}:{self.lines[name]}" if name in self.lines else str(self.path)


def find_config_file(directory: Path) -> SettingFile | None:
    """Read serverkit.toml of a directory, or else [tool.serverkit] of its pyproject.toml.

    Raises:
        ConfigError: the file cannot be read, or is no TOML.
    """
    if (directory / CONFIG_FILE).is_file():
        return read_config_file(directory / CONFIG_FILE)
    if (directory / PROJECT_FILE).is_file():
        found = read_config_file(directory / PROJECT_FILE)
        return found if found.settings else None
    return None


def read_config_file(path: Path) -> SettingFile:
    """Read a TOML file of settings; of a pyproject.toml, its table [tool.serverkit].

    Raises:
        ConfigError: the file cannot be read, or is no TOML.
    """
    text = _read(path)
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    table = PROJECT_TABLE if path.name == PROJECT_FILE else ""
    for key in table.split(".") if table else ():
        inner = settings.get(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"[{table}] in {path} must be a table, not {inner!r}")
        settings = inner
    return SettingFile(path=path, settings=settings, lines=dict(_lines(text, table)))


def read_env_file(path: Path) -> dict[str, tuple[str, str]]:
    """Read a file of lines KEY=VALUE; give value and place (file:line) by key.

    Empty lines and lines that start with # are skipped, a leading `export` too. A value may stand
    in single quotes, where it is taken as it is, or in double quotes, where a backslash escapes.
    Without quotes it ends before a # that follows a space.

    Raises:
        ConfigError: the file cannot be read, or a line is no assignment.
    """
    variables = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _assignment(stripped)
        if not found:
            raise ConfigError(
                f"{path}:{number} must be KEY=VALUE, with a matching quote if there is one, "
                f"not {stripped!r}"
            )
        variables[found[0]] = (found[1], f"{path}:{number}")
    return variables


_KEY = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")(?:\s*|\s+\#.*)""")
_COMMENT = re.compile(r"(?:^|\s+)#.*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def _assignment(line: str) -> tuple[str, str] | None:
    left, equals, right = line.partition("=")
    key, value = _KEY.fullmatch(left.strip()), right.strip()
    quoted = _QUOTED.fullmatch(value)
    if not key or not equals or (value[:1] in ("'", '"') and not quoted):
        return None
    if not quoted:
        return key[1], _COMMENT.sub("", value)
    if quoted[1] is not None:
        return key[1], quoted[1]
    return key[1], _ESCAPE.sub(lambda each: _ESCAPES.get(each[1], each[1]), quoted[2])


_TABLE_LINE = re.compile(r"\s*\[\s*(?P<table>[^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY_LINE = re.compile(r"""\s*["']?(?P<key>[A-Za-z0-9_-]+)["']?\s*[.=]""")


def _lines(text: str, table: str) -> Iterator[tuple[str, int]]:
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE_LINE.fullmatch(line)
        key = _KEY_LINE.match(line)
        if header:
            current = header["table"]
            if not table:
                yield current.partition(".")[0], number
        elif key and current == table:
            yield key["key"], number


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8") from None
