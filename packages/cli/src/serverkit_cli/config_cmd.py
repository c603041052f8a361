"""`serverkit config`: shows the settings in effect, and all there are."""

from dataclasses import fields
from typing import Literal

import click

from serverkit_cli.help_layout import HeadedCommand, HeadedOption, examples
from serverkit_cli.options import setting_options
from serverkit_cli.output import format_option, wants_json, write_json
from serverkit_cli.schema import HIDDEN, json_schema, toml_template, toml_with_sources
from serverkit_cli.settings import load_settings
from serverkit_server.config import ServerConfig


@click.group("config")
def config() -> None:
    """Show the settings in effect, or all there are."""


@config.command(
    "show",
    cls=HeadedCommand,
    params=[*setting_options(), format_option("text", "json")],
    epilog=examples(
        ("serverkit config show", "what `serverkit serve` would use here"),
        ("serverkit config show --port 9000", "the same with an option"),
        ("serverkit config show | jq .port", "one setting, for a script"),
    ),
)
@click.pass_context
def show(ctx: click.Context, /, output_format: str | None, **_settings: object) -> None:
    """Show the settings in effect, and what set each of them.

    It takes the options of `serve`. The text is TOML, and can be used as a serverkit.toml.
    """
    loaded = load_settings(ctx)
    if wants_json(output_format):
        write_json(
            {
                name: {
                    "value": _shown(loaded.config, name),
                    "source": source.layer,
                    "place": source.place or None,
                }
                for name, source in loaded.sources.items()
            }
        )
        return
    lines = list(toml_with_sources(loaded))
    width = min(40, max(len(line) for line, source in lines if source))
    for line, source in lines:
        text = f"{line:<{width}}  # {source}" if source else line
        click.secho(
            text, dim=source.startswith("default") or None, bold=line.startswith("# ") or None
        )


def _shown(settings: ServerConfig, name: str) -> object:
    """Give a value as it may be seen by others."""
    value: object = getattr(settings, name)
    declared = next(each for each in fields(settings) if each.name == name)
    return HIDDEN if value is not None and declared.metadata.get("secret") else value


@config.command(
    "schema",
    cls=HeadedCommand,
    params=[
        HeadedOption(
            ["--format", "schema_format"],
            type=click.Choice(["json", "toml-template"]),
            default="json",
            help="json: a JSON schema, for editors and checks. toml-template: a serverkit.toml "
            "with all defaults.  [default: json]",
        )
    ],
    epilog=examples(("serverkit config schema --format toml-template > serverkit.toml", "")),
)
def schema(schema_format: Literal["json", "toml-template"]) -> None:
    """Show all settings with their types, defaults and units."""
    if schema_format == "json":
        write_json(json_schema())
    else:
        click.echo(toml_template(), nl=False)
