"""Settings, shown."""

import json
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from serverkit_cli.options import default_of
from serverkit_cli.schema import json_schema, toml_template, toml_value, writable
from serverkit_server.config import ServerConfig
from serverkit_server.setting_types import setting_types
from tests.cli.conftest import Run


def test_show_says_what_set_each_value(run: Run, folder: Path) -> None:
    """In a pipe it is JSON: value, layer and place of every setting."""
    (folder / "serverkit.toml").write_text("\nport = 1\nbacklog = 10\nlog_level = 'error'\n")

    result = run("config", "show", "--log-level", "info", SERVERKIT_BACKLOG="20")

    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert list(shown) == [field.name for field in fields(ServerConfig)]
    assert shown["host"] == {"value": "127.0.0.1", "source": "default", "place": None}
    assert shown["port"] == {"value": 1, "source": "file", "place": "serverkit.toml:2"}
    assert shown["backlog"] == {
        "value": 20,
        "source": "environment",
        "place": "SERVERKIT_BACKLOG",
    }
    assert shown["log_level"] == {"value": "info", "source": "argument", "place": "--log-level"}


def test_the_text_of_show_is_a_file_of_settings(run: Run, folder: Path) -> None:
    """What is shown to people can be saved as serverkit.toml and gives the same settings."""
    flags = (
        "--bind",
        "[::1]:0",
        "--uds-permissions",
        "600",
        "--no-access-log",
        "--server-header=a b",
    )

    first = run("config", "show", "--format", "text", *flags)
    (folder / "serverkit.toml").write_text(first.stdout, "utf-8")
    second = run("config", "show", "--format", "json")

    lines = {line.partition(" ")[0]: line for line in first.stdout.splitlines()}
    assert lines["access_log"].split("  ")[0] == "access_log = false"
    assert lines["access_log"].endswith("  # --access-log")
    assert lines["#port"].endswith("  # default; no effect")
    values = {name: item["value"] for name, item in json.loads(second.stdout).items()}
    expected = ServerConfig(
        bind=("[::1]:0",), uds_permissions=0o600, access_log=False, server_header="a b"
    )
    assert values == json.loads(json.dumps(asdict(expected)))


def test_show_refuses_what_serve_refuses(run: Run) -> None:
    """Wrong settings are not shown."""
    result = run("config", "show", SERVERKIT_PORT="x")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: SERVERKIT_PORT: port must be a whole number")


def test_the_schema_has_every_setting() -> None:
    """Each setting that can be written is in the schema, with type, default, unit and flag."""
    properties = json_schema()["properties"]

    assert isinstance(properties, dict)
    assert list(properties) == [field.name for field, _ in writable()]
    assert properties["keep_alive_timeout"] == {
        "description": "How long a connection may stay idle between two requests.",
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 5.0,
        "x-unit": "seconds",
        "x-group": "Timeouts",
        "x-flag": "--keep-alive-timeout",
        "x-env": "SERVERKIT_KEEP_ALIVE_TIMEOUT",
    }
    assert properties["bind"]["items"] == {"type": "string"}
    assert properties["loop"]["enum"] == ["asyncio", "uvloop", "auto"]
    assert properties["log_config"]["type"] == ["string", "object"]
    assert (properties["port"]["minimum"], properties["port"]["maximum"]) == (0, 65_535)


def test_the_schema_is_json_and_the_default(run: Run) -> None:
    """Without --format the schema is printed, in a pipe and on a terminal alike."""
    assert json.loads(run("config", "schema").stdout) == json_schema()


def test_the_template_has_every_default(run: Run, folder: Path) -> None:
    """With the # removed, the template is a file that says what is the default anyway."""
    template = run("config", "schema", "--format", "toml-template").stdout
    settings = [line[1:] for line in template.splitlines() if line[:1] == "#" and line[1:2] != " "]
    given = "\n".join(line for line in settings if " =  #" not in line)
    unset = {line.partition(" ")[0] for line in settings if " =  #" in line}

    assert template == toml_template()
    assert tomllib.loads(template) == {}
    assert tomllib.loads(given).keys() | unset == {field.name for field, _ in writable()}
    assert unset == {field.name for field, _ in writable() if default_of(field) is None}
    (folder / "serverkit.toml").write_text(given)
    shown = json.loads(run("config", "show").stdout)
    assert all(
        item["value"] == json.loads(json.dumps(default_of(field)))
        for field in fields(ServerConfig)
        for item in [shown[field.name]]
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (10_000, "10_000"),
        (0.25, "0.25"),
        (3.0, "3"),
        ('a"b\n', '"a\\"b\\n"'),
        (("x", "y"), '["x", "y"]'),
        ({"a b": [1], "c": {}}, '{ "a b" = [1], "c" = {  } }'),
    ],
)
def test_a_value_is_written_as_toml(value: object, written: str) -> None:
    """What is written is what TOML reads back."""
    takes = setting_types(ServerConfig)["port"]

    assert takes is not None
    assert toml_value(value, takes) == written
    assert tomllib.loads(f"x = {written}")["x"] == (list(value) if value == ("x", "y") else value)


def test_what_toml_cannot_write_is_refused() -> None:
    """No value is written as something else in silence."""
    takes = setting_types(ServerConfig)["port"]

    assert takes is not None
    with pytest.raises(TypeError, match="TOML has no way to write"):
        toml_value(object(), takes)
