"""Layers of a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from serverkit_server.load import Loaded, Source, load
from serverkit_server.setting_files import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration with one field of each kind."""

    host: str = "127.0.0.1"
    port: int = 8000
    bind: tuple[str, ...] = ()
    uds: str | None = None
    fd: int | None = None
    keep_alive_timeout: float = 5.0
    access_log: bool = True
    log_level: Literal["info", "warning"] = "info"
    log_config: str | Mapping[str, object] | None = None
    access_log_filter: type[Exception] | None = None

    def __post_init__(self) -> None:
        if self.keep_alive_timeout <= 0:
            raise ValueError(f"keep_alive_timeout must be above 0, not {self.keep_alive_timeout}")


def read(
    directory: Path,
    arguments: Mapping[str, object] | None = None,
    environ: dict[str, str] | None = None,
    config_file: str | None = None,
    env_file: str | None = None,
) -> Loaded[Config]:
    """Load the configuration with nothing of this process in it."""
    return load(
        Config,
        arguments,
        environ={} if environ is None else environ,
        directory=directory,
        name_argument=lambda name: "--" + name.replace("_", "-"),
        config_file=config_file,
        env_file=env_file,
    )


def refusal(
    directory: Path,
    arguments: Mapping[str, object] | None = None,
    environ: dict[str, str] | None = None,
    **files: str,
) -> str:
    """Load what must be refused; give the message."""
    with pytest.raises(ConfigError) as caught:
        read(directory, arguments, environ, **files)
    return str(caught.value)


def test_with_nothing_said_everything_is_default(tmp_path: Path) -> None:
    """Without any source the configuration is as its class has it, and says so for each field."""
    loaded = read(tmp_path)

    assert loaded.config == Config()
    assert set(loaded.sources.values()) == {Source("default")}
    assert loaded.sources.keys() == set(Config.__slots__)


def test_argument_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """Each layer wins over those below it, field by field, and is named as the source."""
    (tmp_path / "serverkit.toml").write_text(
        'host = "file"\nport = 1\nkeep_alive_timeout = 1\naccess_log = false\n'
    )
    environ = {
        "SERVERKIT_HOST": "env",
        "SERVERKIT_PORT": "2",
        "SERVERKIT_KEEP_ALIVE_TIMEOUT": "2",
    }

    loaded = read(tmp_path, {"host": "argument", "port": 3}, environ)

    assert loaded.config == Config(
        host="argument", port=3, keep_alive_timeout=2.0, access_log=False, log_level="info"
    )
    assert {name: str(source) for name, source in loaded.sources.items()} == {
        "host": "--host",
        "port": "--port",
        "bind": "default",
        "uds": "default",
        "fd": "default",
        "keep_alive_timeout": "SERVERKIT_KEEP_ALIVE_TIMEOUT",
        "access_log": str(tmp_path / "serverkit.toml:4"),
        "log_level": "default",
        "log_config": "default",
        "access_log_filter": "default",
    }


@pytest.mark.parametrize("layer", ["argument", "environment"])
def test_a_value_equal_to_the_default_still_wins(tmp_path: Path, layer: str) -> None:
    """Who says the default explicitly means it: the file does not win over them."""
    (tmp_path / "serverkit.toml").write_text("port = 9000\n")
    arguments = {"port": 8000} if layer == "argument" else {}
    environ = {"SERVERKIT_PORT": "8000"} if layer == "environment" else {}

    loaded = read(tmp_path, arguments, environ)

    assert loaded.config.port == 8000
    assert loaded.sources["port"].layer == layer


def test_the_project_file_is_read_where_there_is_no_file_of_our_own(tmp_path: Path) -> None:
    """[tool.serverkit] of pyproject.toml counts, unless there is a serverkit.toml."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\n[tool.serverkit]\nport = 9000\n')

    alone = read(tmp_path)
    (tmp_path / "serverkit.toml").write_text("")
    beside = read(tmp_path)

    assert (alone.config.port, str(alone.sources["port"])) == (9000, f"{project}:4")
    assert beside.config.port == 8000


def test_a_project_file_that_does_not_mention_us_says_nothing(tmp_path: Path) -> None:
    """A pyproject.toml without [tool.serverkit] changes nothing."""
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nport = 9000\n")

    assert read(tmp_path).config == Config()


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_named_file_is_read_instead(tmp_path: Path, by: str) -> None:
    """--config, or else SERVERKIT_CONFIG, names the file; what would be found is not read."""
    (tmp_path / "serverkit.toml").write_text("port = 1\nfd = 1\n")
    (tmp_path / "other.toml").write_text("port = 2\n")

    loaded = (
        read(tmp_path, config_file="other.toml")
        if by == "argument"
        else read(tmp_path, environ={"SERVERKIT_CONFIG": "other.toml"})
    )

    assert loaded.config == Config(port=2)


def test_each_kind_of_value_is_read_from_text(tmp_path: Path) -> None:
    """Variables are converted to the types of their fields."""
    environ = {
        "SERVERKIT_BIND": "127.0.0.1:1, unix:/x",
        "SERVERKIT_UDS": "",
        "SERVERKIT_FD": "3",
        "SERVERKIT_ACCESS_LOG": "Off",
        "SERVERKIT_LOG_LEVEL": "warning",
        "SERVERKIT_LOG_CONFIG": "none",
    }

    assert read(tmp_path, environ=environ).config == Config(
        bind=("127.0.0.1:1", "unix:/x"),
        uds=None,
        fd=3,
        access_log=False,
        log_level="warning",
        log_config="none",
    )


def test_each_kind_of_value_is_read_from_a_file(tmp_path: Path) -> None:
    """TOML values become the types of their fields: arrays tuples, whole numbers seconds."""
    (tmp_path / "serverkit.toml").write_text(
        'bind = ["127.0.0.1:1"]\nfd = 3\nkeep_alive_timeout = 2\naccess_log = false\n'
        "[log_config]\nversion = 1\n"
    )

    loaded = read(tmp_path)

    assert loaded.config == Config(
        bind=("127.0.0.1:1",),
        fd=3,
        keep_alive_timeout=2.0,
        access_log=False,
        log_config={"version": 1},
    )
    assert type(loaded.config.keep_alive_timeout) is float
    assert loaded.sources["log_config"].place.endswith("serverkit.toml:5")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('port = "x"', "port must be a whole number, not 'x'"),
        ("port = true", "port must be a whole number, not True"),
        ("port = 1.5", "port must be a whole number, not 1.5"),
        ("host = 1", "host must be a string, not 1"),
        ('access_log = "yes"', "access_log must be true or false, not 'yes'"),
        ('bind = "x"', "bind must be a list of strings, such as ['x'], not 'x'"),
        ("bind = [1]", "bind must be a list of strings, not [1]"),
        ('log_level = "loud"', "log_level must be one of info, warning, not 'loud'"),
        ("prot = 1", "prot is no setting; did you mean port?"),
        (
            "keep-alive-timeout = 1",
            "keep-alive-timeout is no setting; did you mean keep_alive_time",
        ),
        ("zzz = 1", "zzz is no setting; `serverkit config schema` lists them all"),
        ('app = "a:b"', "app is no setting; name the application on the command line"),
        ("[serverkit]\nport = 1", "serverkit is no setting; settings stand in no table here"),
        ("[tool.serverkit]\nport = 1", "tool is no setting; settings stand in no table here"),
        ('access_log_filter = "x"', "access_log_filter is no setting; did you mean access_log?"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(
    tmp_path: Path, line: str, complaint: str
) -> None:
    """A wrong type or an unknown name is refused with file, line, name, value and remedy."""
    (tmp_path / "serverkit.toml").write_text(f"# first\n{line}\n")

    error = refusal(tmp_path)

    assert error.startswith(f"{tmp_path / 'serverkit.toml'}:2: {complaint}")


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("SERVERKIT_PORT", "x", "SERVERKIT_PORT: port must be a whole number, not 'x'"),
        ("SERVERKIT_PORT", "", "SERVERKIT_PORT: port must be a whole number, not ''"),
        (
            "SERVERKIT_ACCESS_LOG",
            "maybe",
            "SERVERKIT_ACCESS_LOG: access_log must be true or false, not 'maybe'",
        ),
        (
            "SERVERKIT_KEEPALIVE_TIMEOUT",
            "1",
            "SERVERKIT_KEEPALIVE_TIMEOUT is no setting; did you mean SERVERKIT_KEEP_ALIVE_TIMEOUT?",
        ),
        (
            "SERVERKIT_APP",
            "a:b",
            "SERVERKIT_APP is no setting; name the application on the command line",
        ),
        (
            "SERVERKIT_LOG_LEVEL",
            "loud",
            "SERVERKIT_LOG_LEVEL: log_level must be one of info, warning, not 'loud'",
        ),
    ],
)
def test_what_is_wrong_in_the_environment_is_named_with_its_variable(
    tmp_path: Path, variable: str, text: str, complaint: str
) -> None:
    """A wrong text or an unknown variable is refused with variable, value and remedy."""
    error = refusal(tmp_path, None, {variable: text})

    assert error == complaint


def test_an_unknown_variable_of_an_env_file_is_named_with_its_line(tmp_path: Path) -> None:
    """A misspelt variable is found where it stands."""
    (tmp_path / "app.env").write_text("\nSERVERKIT_PROT=1\n")

    assert refusal(tmp_path, env_file="app.env") == (
        f"SERVERKIT_PROT in {tmp_path / 'app.env'}:2 is no setting; did you mean SERVERKIT_PORT?"
    )


def test_an_unknown_argument_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """A misspelt keyword is not swallowed."""
    error = refusal(tmp_path, {"keep_alive": 1})

    assert error == "keep_alive is no setting; did you mean keep_alive_timeout?"


@pytest.mark.parametrize("layer", ["argument", "environment", "file"])
def test_a_value_out_of_bounds_is_traced_to_who_set_it(tmp_path: Path, layer: str) -> None:
    """What the configuration itself refuses is completed with the place it was set at."""
    config_file = tmp_path / "serverkit.toml"
    config_file.write_text("keep_alive_timeout = 0\n" if layer == "file" else "")
    arguments = {"keep_alive_timeout": 0.0} if layer == "argument" else {}
    environ = {"SERVERKIT_KEEP_ALIVE_TIMEOUT": "0"} if layer == "environment" else {}
    place = {
        "argument": "--keep-alive-timeout",
        "environment": "SERVERKIT_KEEP_ALIVE_TIMEOUT",
        "file": f"{config_file}:1",
    }[layer]

    error = refusal(tmp_path, arguments, environ)

    assert error == f"keep_alive_timeout must be above 0, not 0.0 (set by {place})"


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        ({"port": 1}, Config(port=1)),
        ({"bind": ("h:1",)}, Config(bind=("h:1",))),
        ({"fd": 3}, Config(fd=3)),
        ({"access_log": False}, Config(uds="/file", access_log=False)),
        ({"uds": "/flag"}, Config(uds="/flag")),
        ({"uds": "/flag", "fd": 3}, Config(uds="/flag", fd=3)),
    ],
)
def test_another_way_to_say_where_to_listen_unmakes_the_lower_one(
    tmp_path: Path, arguments: Mapping[str, object], config: Config
) -> None:
    """--port on the command line means that port, though the file names a unix socket."""
    (tmp_path / "serverkit.toml").write_text('uds = "/file"\n')

    assert read(tmp_path, arguments).config == config


def test_host_and_port_go_together(tmp_path: Path) -> None:
    """--host does not unmake the port of the file."""
    (tmp_path / "serverkit.toml").write_text("port = 9000\n")

    assert read(tmp_path, {"host": "::1"}).config == Config(host="::1", port=9000)


def test_a_port_without_effect_is_refused(tmp_path: Path) -> None:
    """A port beside a unix socket, said in one breath, would be ignored: that is said instead."""
    error = refusal(tmp_path, {"port": 9000, "uds": "/x"})

    assert error.startswith("--port has no effect beside --uds; leave one of them out")


def test_an_empty_address_is_no_choice(tmp_path: Path) -> None:
    """An empty list of addresses leaves host and port as they are, from every layer."""
    (tmp_path / "serverkit.toml").write_text("port = 9000\nbind = []\n")
    environ = {"SERVERKIT_BIND": "", "SERVERKIT_UDS": ""}

    assert read(tmp_path, environ=environ).config == Config(port=9000)


def test_an_env_file_fills_the_environment_and_counts_as_it(tmp_path: Path) -> None:
    """What an env file says is there for the application, and our variables in it are settings."""
    (tmp_path / "app.env").write_text(
        "SECRET=1\nSERVERKIT_PORT=9000\nSERVERKIT_HOST=::1\nSET=file\n"
    )
    environ = {"SET": "before", "SERVERKIT_HOST": "::2"}

    loaded = read(tmp_path, environ=environ, env_file="app.env")

    assert environ == {
        "SET": "before",
        "SECRET": "1",
        "SERVERKIT_PORT": "9000",
        "SERVERKIT_HOST": "::2",
    }
    assert (loaded.config.port, loaded.config.host) == (9000, "::2")
    assert str(loaded.sources["port"]) == f"SERVERKIT_PORT in {tmp_path / 'app.env'}:2"
    assert str(loaded.sources["host"]) == "SERVERKIT_HOST"


def test_the_environment_can_name_an_env_file(tmp_path: Path) -> None:
    """SERVERKIT_ENV_FILE does what --env-file does; it can name the file of settings in turn."""
    (tmp_path / "app.env").write_text("SERVERKIT_CONFIG=other.toml\n")
    (tmp_path / "other.toml").write_text("port = 9000\n")

    assert read(tmp_path, environ={"SERVERKIT_ENV_FILE": "app.env"}).config.port == 9000


@pytest.mark.parametrize("option", ["config_file", "env_file"])
def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path, option: str) -> None:
    """A file that was asked for and is not there is never skipped."""
    error = refusal(tmp_path, None, None, **{option: "missing"})

    by = {"config_file": "--config", "env_file": "--env-file"}[option]
    assert error == f"There is no file {tmp_path / 'missing'} (set by {by})"


def test_what_kubernetes_says_of_a_service_is_no_setting(tmp_path: Path) -> None:
    """A service called serverkit puts variables with our prefix into each container."""
    environ = {
        "SERVERKIT_SERVICE_HOST": "10.0.0.1",
        "SERVERKIT_SERVICE_PORT": "80",
        "SERVERKIT_SERVICE_PORT_HTTP": "80",
        "SERVERKIT_PORT": "tcp://10.0.0.1:80",
        "SERVERKIT_PORT_80_TCP": "tcp://10.0.0.1:80",
        "SERVERKIT_PORT_80_TCP_PROTO": "tcp",
        "SERVERKIT_WEB_SERVICE_HOST": "10.0.0.2",
        "SERVERKIT_WEB_PORT_80_TCP_ADDR": "10.0.0.2",
    }

    assert read(tmp_path, environ=environ).config == Config()


def test_a_port_is_a_setting_also_beside_a_service(tmp_path: Path) -> None:
    """SERVERKIT_PORT set by a person counts where Kubernetes' own are present."""
    environ = {"SERVERKIT_SERVICE_HOST": "10.0.0.1", "SERVERKIT_PORT": "9000"}

    assert read(tmp_path, environ=environ).config.port == 9000
