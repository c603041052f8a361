"""The settings of a server."""

import dataclasses
import pickle
from collections.abc import Mapping

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_server.address import InheritedSocket, TCPAddress, UnixAddress
from serverkit_server.config import ServerConfig
from serverkit_supervisor.config import SupervisorConfig
from serverkit_worker.config import WorkerConfig

FIELDS = {each.name: each for each in dataclasses.fields(ServerConfig)}
# Fields of a slice that are no settings of a server, with the reason.
NOT_TAKEN_OVER = {"proto": "the settings of the protocol stand beside those of the worker"}
# Values that are allowed and are not the default, where one cannot be made up.
OTHER_VALUES: Mapping[str, object] = {
    "http1": "h11",
    "loop": "auto",
    "recycle_jitter": 0.5,
    "root_path": "/below",
    "worker_startup_failure": "shutdown",
}
SLICE_FIELDS = [
    pytest.param(each, id=f"{slice_class.__name__}.{each.name}")
    for slice_class in (ProtoConfig, WorkerConfig)
    for each in dataclasses.fields(slice_class)
    if each.name not in NOT_TAKEN_OVER
]


@pytest.mark.parametrize("declared", SLICE_FIELDS)
def test_takes_every_setting_of_a_slice_over(declared: dataclasses.Field[object]) -> None:
    """A setting of protocol or worker has the same name, default, type and bounds here."""
    taken = FIELDS[declared.name]
    assert declared.default == taken.default
    assert getattr(declared.type, "__value__", declared.type) == taken.type
    assert declared.metadata.items() <= taken.metadata.items()


@pytest.mark.parametrize("declared", SLICE_FIELDS)
def test_hands_every_setting_to_its_slice(declared: dataclasses.Field[object]) -> None:
    """A value given here arrives in the slice that reads it."""
    other: object
    match declared.default:
        case _ if declared.name in OTHER_VALUES:
            other = OTHER_VALUES[declared.name]
        case bool() as default:
            other = not default
        case int() | float() as default:
            other = default + 1
        case None:
            other = 7.5
        case _:
            other = "x"
    config = ServerConfig.from_mapping({declared.name: other})
    worker = config.worker_config()
    slices: list[ProtoConfig | WorkerConfig] = [config.proto_config(), worker.proto, worker]
    assert {other} == {getattr(each, declared.name) for each in slices if _has(each, declared.name)}


def _has(config: ProtoConfig | WorkerConfig, name: str) -> bool:
    return name in {each.name for each in dataclasses.fields(config)}


def test_names_only_settings_that_are_there() -> None:
    """A reason why a field is not taken over is not left behind when the field goes."""
    known = {each.name for part in (ProtoConfig, WorkerConfig) for each in dataclasses.fields(part)}
    assert NOT_TAKEN_OVER.keys() <= known


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_explains_itself(name: str) -> None:
    """A setting has help, a heading and, where it is a duration or a size, a unit."""
    traits = FIELDS[name].metadata
    assert traits["help"].endswith(".")
    assert traits["group"]
    if name.endswith("_timeout"):
        assert traits["unit"] == "seconds"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 65_536}, "port must be 0 to 65535, not 65536"),
        ({"port": -1}, "port must be 0 to 65535, not -1"),
        ({"port": True}, "port must be a whole number, not True"),
        ({"port": "80"}, "port must be a whole number, not '80'"),
        ({"host": None}, "host must be a string, not None"),
        ({"bind": "a:1"}, "bind must be a tuple of strings, not 'a:1'"),
        ({"bind": (1,)}, "bind must be a tuple of strings, not"),
        ({"bind": ("nowhere",)}, "bind: no port in 'nowhere'"),
        ({"uds": ""}, "uds must not be empty"),
        ({"uds_permissions": 0o1000}, "uds_permissions must be 0 to 511"),
        ({"fd": -1}, "fd must be 0 or more, not -1"),
        ({"workers": -1}, "workers must be 0 or more, not -1"),
        ({"workers": 2.0}, "workers must be a whole number, not 2.0"),
        (
            {"workers": 3, "max_connections": 2},
            "max_connections must be as large as workers, which is 3, or 0, not 2",
        ),
        ({"worker_mode": "fork"}, "worker_mode must be one of auto, async, thread, process, sync"),
        ({"worker_mode": "sync"}, "worker_mode must not be 'sync': workers for sync applications"),
        ({"lifespan_scope": "loop"}, "lifespan_scope must be one of process, worker"),
        ({"cpu_affinity": 1}, "cpu_affinity must be True or False"),
        ({"worker_timeout": -1}, "worker_timeout must be"),
        ({"worker_timeout": True}, "worker_timeout must be"),
        ({"worker_lifetime": 0}, "worker_lifetime must be"),
        ({"worker_lifetime": float("inf")}, "worker_lifetime must be"),
        ({"worker_max_rss": -1}, "worker_max_rss must be"),
        (
            {"worker_max_rss": 9, "worker_mode": "thread"},
            "worker_max_rss must be 0 with worker_mode thread, not 9",
        ),
        ({"reload_timeout": 0}, "reload_timeout must be"),
        ({"max_requests": -1}, "max_requests must be"),
        ({"recycle_jitter": 1.5}, "recycle_jitter must be"),
        ({"restart_budget": -1}, "restart_budget must be 0 or more, not -1"),
        ({"restart_window": 0}, "restart_window must be"),
        ({"restart_window": "60"}, "restart_window must be"),
        ({"worker_startup_failure": "warn"}, "worker_startup_failure must be one of"),
        ({"lifespan": "maybe"}, "lifespan must be one of auto, on, off"),
        ({"log_level": "loud"}, "log_level must be one of"),
        ({"log_config": 3}, "log_config must be a path, a mapping or 'none', not 3"),
        ({"access_log_filter": "x"}, "access_log_filter must be callable"),
        ({"debug": 1}, "debug must be"),
        ({"header_timeout": 0}, "header_timeout must be"),
        ({"max_headers": 0}, "max_headers must be"),
        ({"http1": "fastest"}, "http1 must be one of"),
    ],
)
def test_refuses_what_is_out_of_bounds(settings: Mapping[str, object], message: str) -> None:
    """A value that cannot be is refused at once, with the names of field and value."""
    with pytest.raises(ValueError, match=r".") as caught:
        ServerConfig.from_mapping(settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        *({"port": 0}, {"port": 65_535}, {"uds_permissions": 0o777}, {"fd": 0}, {"log_config": {}}),
        *({"workers": 0}, {"workers": 4, "max_connections": 4}, {"worker_timeout": 0}),
        *({"workers": 4, "max_connections": 0}, {"recycle_jitter": 1.0}, {"restart_budget": 0}),
    ],
)
def test_accepts_what_is_just_within_bounds(settings: Mapping[str, object]) -> None:
    """The bounds themselves are allowed."""
    config = ServerConfig.from_mapping(settings)
    assert settings == {name: getattr(config, name) for name in settings}


def test_suggests_a_name() -> None:
    """An unknown setting is an error that suggests the one that was meant."""
    with pytest.raises(TypeError, match=r"no setting 'keepalive_timeout'; .*'keep_alive_timeout'"):
        ServerConfig.from_mapping({"keepalive_timeout": 5})
    with pytest.raises(TypeError, match=r"no setting 'qqq'$"):
        ServerConfig.from_mapping({"qqq": 5})


def test_listens_where_it_is_told() -> None:
    """Host and port count only where neither bind, uds nor fd says something else."""
    assert ServerConfig().addresses() == (TCPAddress("127.0.0.1", 8000),)
    assert ServerConfig(host="::1", port=1).addresses() == (TCPAddress("::1", 1),)
    everything = ServerConfig(bind=("a:1", "unix:/b"), uds="/c", fd=3, port=9)
    assert everything.addresses() == (
        TCPAddress("a", 1),
        UnixAddress("/b"),
        UnixAddress("/c"),
        InheritedSocket(3),
    )


def test_is_frozen_and_travels() -> None:
    """A configuration cannot change and can be sent to another process."""
    config = ServerConfig(port=81)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 82  # type: ignore[misc]
    assert config == pickle.loads(pickle.dumps(config))


def test_hands_the_supervisor_its_settings() -> None:
    """The slice of the supervisor has the values given here, and refuses as one worker does."""
    given = {
        "worker_timeout": 4.0,
        "max_connections": 50,
        "worker_lifetime": 6.0,
        "worker_max_rss": 7,
        "recycle_jitter": 0.8,
    }
    config = ServerConfig.from_mapping({**given, "restart_budget": 9, "restart_window": 10.0})
    taken = config.supervisor_config(11)
    assert given == {name: getattr(taken, name) for name in given}
    assert (taken.worker_count, taken.when_full, taken.accept) == (11, "refuse", "distribute")
    assert (taken.restart.budget, taken.restart.window_s) == (9, 10.0)


def test_a_worker_gives_up_before_its_supervisor_does() -> None:
    """What a worker bounds itself has more time from the supervisor, with its application's end."""
    config = ServerConfig(startup_timeout=20, shutdown_timeout=6, reload_timeout=40)
    taken = config.supervisor_config(1)
    assert taken.startup_timeout == 27
    assert taken.shutdown_timeout == 17
    assert taken.reload_timeout == 51


def test_settings_of_the_supervisor_have_its_defaults() -> None:
    """What is not said is as the supervisor alone would have it, but for what the server bounds."""
    taken, own = ServerConfig().supervisor_config(1), SupervisorConfig()
    ours = {"max_connections", "when_full", "startup_timeout", "shutdown_timeout", "reload_timeout"}
    for each in dataclasses.fields(SupervisorConfig):
        assert each.name in ours or getattr(taken, each.name) == getattr(own, each.name)
