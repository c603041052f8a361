"""The options that set a configuration, derived from its fields.

Rules:
    There is no list of options: a field with its type, default and metadata is one.
    Nothing is passed on but what was given, so that a default never hides what a file says.
"""

from dataclasses import MISSING, Field, fields

import click
from click.shell_completion import CompletionItem

from serverkit_cli.help_layout import HeadedOption
from serverkit_server.config import ServerConfig
from serverkit_server.load import variable_of
from serverkit_server.setting_types import SettingType, setting_types

FILES = "Configuration"
_METAVARS = {  # by the last word of a name
    "bind": "ADDRESS",
    "certfile": "FILE",
    "certs": "FILE",
    "ciphers": "CIPHERS",
    "config": "FILE",
    "dir": "FOLDER",
    "file": "FILE",
    "factory": "MODULE:FUNCTION",
    "host": "HOST",
    "keyfile": "FILE",
    "password": "PASSWORD",
    "path": "PATH",
    "sni": "NAME=FILE,FILE",
    "uds": "PATH",
}


def flag_of(name: str) -> str:
    """Name the option of a setting."""
    return "--" + name.replace("_", "-")


class SettingText(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.5
    """Reads the text of an option as the configuration reads that of a variable."""

    name = "setting"

    def __init__(self, takes: SettingType, metavar: str | None) -> None:
        self._takes = takes
        self._path_type = {"FILE": "file", "FOLDER": "dir"}.get(metavar or "")

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Read the text.

        Args:
            value: the text.
            param: the option it was given to.
            ctx: the context of the command.
        """
        if not isinstance(value, str):
            return value
        try:
            return self._takes.from_text(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the choices of the setting, or files or folders where it takes the path of one.

        Args:
            ctx: the context of the command.
            param: the option.
            incomplete: what has been typed.
        """
        del ctx, param
        if self._path_type:
            return [CompletionItem(incomplete, type=self._path_type)]
        return [
            CompletionItem(choice)
            for choice in self._takes.choices
            if choice.startswith(incomplete)
        ]


class SettingOption(HeadedOption):
    """The option of one field of the configuration."""

    def __init__(self, field: Field[object], takes: SettingType) -> None:
        flag = flag_of(field.name)
        is_switch = takes.kinds == ("boolean",)
        is_list = takes.kinds == ("list",)
        metavar = None if is_switch else _metavar(field, takes)
        super().__init__(
            [f"{flag}/{flag.replace('--', '--no-', 1)}" if is_switch else flag, field.name],
            heading=field.metadata.get("group", "Other settings"),
            help=field.metadata.get("help", ""),
            default=None,
            metavar=metavar,
            multiple=is_list,
            type=None if is_switch else click.STRING if is_list else SettingText(takes, metavar),
        )
        self._extra = "; ".join(filter(None, [_default(field, takes), variable_of(field.name)]))

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Describe the option with its default, its unit and its variable.

        Args:
            ctx: the context of the command.
        """
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]}  [{self._extra}]")


def setting_options() -> list[click.Parameter]:
    """Make the options of all settings that can be written on a command line."""
    takes = setting_types(ServerConfig)
    files: list[click.Parameter] = [
        HeadedOption(
            ["--config", "config_file"],
            heading=FILES,
            metavar="FILE",
            help="The TOML file to read settings from. Without it: serverkit.toml of this folder, "
            "or else [tool.serverkit] of its pyproject.toml.  [SERVERKIT_CONFIG]",
        ),
        HeadedOption(
            ["--env-file"],
            heading=FILES,
            metavar="FILE",
            help="A file of KEY=VALUE lines to put into the environment, for the application and "
            "for settings. What is set there already stays.  [SERVERKIT_ENV_FILE]",
        ),
    ]
    return files + [
        SettingOption(field, kind) for field in fields(ServerConfig) if (kind := takes[field.name])
    ]


def app_parameters() -> list[click.Parameter]:
    """Make the parameter that names an application, as an argument and as an option."""
    return [
        click.Argument(["app"], required=False),
        HeadedOption(
            ["--app", "app_option"],
            heading="Application",
            metavar="APP",
            help="Another way to name the application.",
        ),
    ]


def app_name(ctx: click.Context) -> str:
    """Give the name of the application, which must be given once.

    Raises:
        click.UsageError: it was given twice, or not at all.
    """
    names = [name for name in (ctx.params["app"], ctx.params["app_option"]) if name]
    if len(names) == 1:
        return str(names[0])
    what = "Two applications are named" if names else "No application is named"
    raise click.UsageError(f"{what}; write one as module:attribute, such as hello:app", ctx)


def given_settings(ctx: click.Context) -> dict[str, object]:
    """Collect the settings that stand on the command line, by name of the field."""
    names = {field.name for field in fields(ServerConfig)}
    return {
        name: value
        for name, value in ctx.params.items()
        if name in names
        and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }


def default_of(field: Field[object]) -> object:
    """The value of a field where nothing is said."""
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory is MISSING else field.default_factory()


def write_number(value: float, takes: SettingType) -> str:
    """Write a number as people do: octal where it is meant, thousands apart in large ones."""
    if takes.base == 8:
        return f"0o{value:o}"
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return str(int(value)) if value.is_integer() else repr(value)


def _default(field: Field[object], takes: SettingType) -> str:
    value = default_of(field)
    if isinstance(value, bool):
        return f"default: {'on' if value else 'off'}"
    if isinstance(value, (int, float)):
        return f"default: {write_number(value, takes)} {field.metadata.get('unit', '')}".rstrip()
    return f"default: {value}" if value else ""


def _metavar(field: Field[object], takes: SettingType) -> str:
    if takes.choices:
        return f"[{'|'.join(takes.choices)}]"
    if "unit" in field.metadata:
        return str(field.metadata["unit"]).upper()
    if takes.base == 8:
        return "OCTAL"
    if takes.kinds[0] in ("integer", "number"):
        return "NUMBER"
    return _METAVARS.get(field.name.rpartition("_")[2], "TEXT")
