"""Layers the sources of a configuration: argument > environment > file > default.

Rules:
    A source that says a value wins over the sources below it, even if it says the default.
    Nothing unknown is skipped: a misspelt setting is an error with a suggestion.
    Where to listen is one choice, though it has five settings: a layer that makes it unmakes what
    the layers below say of it.
"""

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Literal

from serverkit_server.setting_files import (
    PROJECT_FILE,
    PROJECT_TABLE,
    ConfigError,
    SettingFile,
    find_config_file,
    read_config_file,
    read_env_file,
)
from serverkit_server.setting_types import SettingType, setting_types
from serverkit_supervisor.inheritance import UPGRADE_VARIABLE

PREFIX = "SERVERKIT_"
_TABLES = ("serverkit", "tool")  # under which people may look for settings in serverkit.toml
CONFIG_VARIABLE = PREFIX + "CONFIG"
ENV_FILE_VARIABLE = PREFIX + "ENV_FILE"

# Where to listen is one choice: host and port, or any of the others.
HOST_AND_PORT = frozenset({"host", "port"})
ADDRESSES = frozenset({"bind", "uds", "fd"})

type Layer = Literal["argument", "environment", "file", "default"]


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What set a value.

    Attributes:
        layer: the layer it belongs to.
        place: where to change it: a flag, a variable, file:line; empty for a default.
    """

    layer: Layer
    place: str = ""

    def __str__(self) -> str:
        return self.place or self.layer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded[C]:
    """A configuration, and for each of its fields what set it.

    Attributes:
        config: the configuration.
        sources: by name of the field.
    """

    config: C
    sources: Mapping[str, Source]


def load[C](
    config_class: type[C],
    arguments: Mapping[str, object] | None = None,
    *,
    config_file: str | os.PathLike[str] | None = None,
    env_file: str | os.PathLike[str] | None = None,
    environ: MutableMapping[str, str] = os.environ,
    directory: str | os.PathLike[str] = ".",
    name_argument: Callable[[str], str] = str,
) -> Loaded[C]:
    """Make a configuration of all that is said about it.

    Args:
        config_class: a frozen dataclass whose fields are the settings.
        arguments: values by field name, as given by the caller; they win over everything else.
        config_file: a TOML file of settings. When not given: the one SERVERKIT_CONFIG names, else
            serverkit.toml of the directory, else [tool.serverkit] of its pyproject.toml.
        env_file: a file of environment variables. When not given: the one SERVERKIT_ENV_FILE names.
            What is in it is put into `environ`, unless it is set there already.
        environ: the environment.
        directory: where the files are looked for.
        name_argument: names an argument as its giver knows it, such as --port for port.

    Returns:
        The configuration, and what set each of its fields.

    Raises:
        ConfigError: a setting is unknown, has the wrong type or is out of bounds, or a file cannot
            be read.

    Threads: the one that owns `environ`.
    """
    takes = setting_types(config_class)
    by = name_argument("env_file") if env_file else ENV_FILE_VARIABLE
    env_path = _named_file(env_file or environ.get(ENV_FILE_VARIABLE), directory, by)
    places = _load_env_file(env_path, environ) if env_path else {}
    by = name_argument("config") if config_file else CONFIG_VARIABLE
    config_path = _named_file(config_file or environ.get(CONFIG_VARIABLE), directory, by)
    if config_path:
        found: SettingFile | None = read_config_file(config_path)
    else:
        found = find_config_file(Path(directory))
    of_arguments = dict(_from_arguments(arguments or {}, takes, name_argument))
    of_file = dict(_from_file(found, takes)) if found else {}
    of_environment = dict(_from_environment(environ, places, takes))
    given = _layer([of_arguments, of_environment, of_file])
    sources = {name: given[name][1] if name in given else Source("default") for name in takes}
    try:
        config = config_class(**{name: value for name, (value, _) in given.items()})
    except ValueError as error:
        raise _explain(error, sources) from error
    return Loaded(config=config, sources=sources)


def variable_of(name: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + name.upper()


def _named_file(
    named: str | os.PathLike[str] | None, directory: str | os.PathLike[str], by: str
) -> Path | None:
    path = Path(directory, named) if named else None
    if path and not path.exists():
        raise ConfigError(f"There is no file {path} (set by {by})")
    return path


type _Values = dict[str, tuple[object, Source]]
type _Items = Iterator[tuple[str, tuple[object, Source]]]


def _from_arguments(
    arguments: Mapping[str, object],
    takes: Mapping[str, SettingType | None],
    name_argument: Callable[[str], str],
) -> _Items:
    for name, value in arguments.items():
        if name not in takes:
            raise _unknown(name, takes, Source("argument"))
        yield name, (value, Source("argument", name_argument(name)))


def _from_environment(
    environ: Mapping[str, str],
    places: Mapping[str, str],
    takes: Mapping[str, SettingType | None],
) -> _Items:
    names = {variable_of(name): name for name, kind in takes.items() if kind}
    no_settings = {CONFIG_VARIABLE, ENV_FILE_VARIABLE, UPGRADE_VARIABLE}
    foreign = _service_links(environ) | no_settings
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in foreign:
            continue
        source = Source("environment", " in ".join(filter(None, [variable, places.get(variable)])))
        kind = takes.get(names.get(variable, ""))
        if not kind:
            raise _unknown(variable, names, source)
        yield names[variable], (_convert(kind.from_text, text, names[variable], source), source)


def _from_file(file: SettingFile, takes: Mapping[str, SettingType | None]) -> _Items:
    for name, value in file.settings.items():
        source = Source("file", file.place(name))
        kind = takes.get(name)
        if not kind:
            raise _unknown(name, [name for name, kind in takes.items() if kind], source)
        yield name, (_convert(kind.from_toml, value, name, source), source)


def _layer(layers: list[_Values]) -> _Values:
    given: _Values = {}
    for layer in layers:
        _check_address(layer)
        unmade: frozenset[str] = frozenset()
        if _chosen(given):
            unmade = ADDRESSES | HOST_AND_PORT
        elif HOST_AND_PORT & given.keys():
            unmade = ADDRESSES
        given = {name: value for name, value in layer.items() if name not in unmade} | given
    return given


def _check_address(layer: _Values) -> None:
    """Refuse what would have no effect: a host or port beside another way to say where."""
    idle, made = HOST_AND_PORT & layer.keys(), _chosen(layer)
    if idle and made:
        (_, first), (_, second) = layer[min(idle)], layer[min(made)]
        raise ConfigError(
            f"{first.place} has no effect beside {second.place}; leave one of them out, or write "
            "the host and port as one more bind"
        )


def _chosen(given: _Values) -> frozenset[str]:
    """Name what replaces host and port; an empty list of addresses replaces nothing."""
    return frozenset(name for name in ADDRESSES & given.keys() if given[name][0] not in ((), None))


def _convert[V](read: Callable[[V], object], value: V, name: str, source: Source) -> object:
    try:
        return read(value)
    except ValueError as error:
        raise ConfigError(f"{source.place}: {name} {error}") from None


def _unknown(name: str, known: Iterable[str], source: Source) -> ConfigError:
    like = name.upper() if source.layer == "environment" else name.lower().replace("-", "_")
    close = difflib.get_close_matches(like, known, 1)
    remedy = f"did you mean {close[0]}?" if close else "`serverkit config schema` lists them all"
    if like.removeprefix(PREFIX).lower() == "app" and source.layer != "argument":
        remedy = "name the application on the command line"
    elif source.layer == "file" and name in _TABLES:
        remedy = f"settings stand in no table here, and in [{PROJECT_TABLE}] of {PROJECT_FILE}"
    if source.layer == "file":
        return ConfigError(f"{source.place}: {name} is no setting; {remedy}")
    return ConfigError(f"{source.place or name} is no setting; {remedy}")


def _explain(error: ValueError, sources: Mapping[str, Source]) -> ConfigError:
    """Add to the complaint of a configuration what set the fields it names."""
    named = [
        sources[word].place
        for word in dict.fromkeys(re.findall(r"\w+", str(error)))
        if word in sources and sources[word].place
    ]
    return ConfigError(f"{error} (set by {', '.join(named)})" if named else str(error))


def _load_env_file(path: Path, environ: MutableMapping[str, str]) -> dict[str, str]:
    places = {}
    for key, (value, place) in read_env_file(path).items():
        if key not in environ:
            environ[key] = value
            places[key] = place
    return places


def _service_links(environ: Mapping[str, str]) -> set[str]:
    """Find what Kubernetes puts into each container about a service called serverkit, or so."""
    ours = [name for name in environ if name.startswith(PREFIX)]
    services = [
        name.removesuffix("_SERVICE_HOST") for name in ours if name.endswith("_SERVICE_HOST")
    ]
    return {
        name
        for name in ours
        for service in services
        if name.startswith((f"{service}_SERVICE_", f"{service}_PORT_"))
        or (name == f"{service}_PORT" and "://" in environ[name])
    }
