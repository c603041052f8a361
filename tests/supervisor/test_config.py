"""The settings of a supervisor."""

import dataclasses

import pytest

from serverkit_supervisor import RestartPolicy, SupervisorConfig

FIELDS = {each.name: each for each in dataclasses.fields(SupervisorConfig)}


def test_the_defaults() -> None:
    """What a supervisor does where nothing is said."""
    config = SupervisorConfig()

    assert dataclasses.asdict(config) == {
        "worker_count": 1,
        "startup_timeout": 30.0,
        "shutdown_timeout": 10.0,
        "reload_timeout": 30.0,
        "worker_timeout": None,
        "restart": dataclasses.asdict(RestartPolicy()),
        "accept": "distribute",
        "max_connections": 0,
        "when_full": "hold",
        "worker_lifetime": None,
        "worker_max_rss": 0,
        "recycle_jitter": 0.1,
    }


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_says_everything_about_itself(name: str) -> None:
    """Help as a sentence and a group; numbers have a bound and, but for parts of one, a unit."""
    metadata = FIELDS[name].metadata

    assert metadata["help"][0].isupper()
    assert metadata["help"].endswith(".")
    assert metadata["group"]
    if isinstance(FIELDS[name].default, int | float):
        assert {"at_least", "above"} & set(metadata)
        assert ("unit" in metadata) == (name != "recycle_jitter")


def test_a_configuration_does_not_change() -> None:
    """It is frozen, and its settings are named."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        SupervisorConfig().worker_count = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        SupervisorConfig(2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("worker_count", 0, "a whole number of workers, 1 or more"),
        ("worker_count", 1.5, "a whole number of workers, 1 or more"),
        ("worker_count", True, "a whole number of workers, 1 or more"),
        ("worker_count", None, "a whole number of workers, 1 or more"),
        ("startup_timeout", 0, "a finite number of seconds, above 0"),
        ("startup_timeout", float("inf"), "a finite number of seconds, above 0"),
        ("startup_timeout", float("nan"), "a finite number of seconds, above 0"),
        ("startup_timeout", None, "a finite number of seconds, above 0"),
        ("shutdown_timeout", -1, "a finite number of seconds, above 0"),
        ("reload_timeout", "30", "a finite number of seconds, above 0"),
        ("worker_timeout", -1, "a finite number of seconds, 0 or more"),
        ("restart", None, "a RestartPolicy"),
        ("accept", "all", "one of distribute, share"),
        ("max_connections", -1, "a whole number of connections, 0 or more"),
        ("when_full", "", "one of hold, refuse"),
        ("worker_lifetime", 0, "a finite number of seconds, above 0"),
        ("worker_max_rss", -1, "a whole number of bytes, 0 or more"),
        ("recycle_jitter", 1.1, "a finite number, 0 to 1"),
        ("recycle_jitter", -0.1, "a finite number, 0 to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: object, expected: str) -> None:
    """The message names the setting, what it takes, and the value."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        SupervisorConfig(**{name: value})  # type: ignore[arg-type]

    assert str(caught.value) == f"{name} must be {expected}, not {value!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker_count", 1),
        ("startup_timeout", 0.001),
        ("worker_timeout", 0),
        ("worker_timeout", None),
        ("worker_lifetime", None),
        ("recycle_jitter", 0),
        ("recycle_jitter", 1),
        ("accept", "share"),
        ("when_full", "refuse"),
    ],
)
def test_bounds_themselves_are_allowed(name: str, value: object) -> None:
    """And what may be left out."""
    assert getattr(SupervisorConfig(**{name: value}), name) == value  # type: ignore[arg-type]


def test_who_shares_the_sockets_cannot_be_counted() -> None:
    """A bound on connections needs somebody who accepts for all."""
    with pytest.raises(ValueError, match="max_connections must be 0 with accept='share', not 5"):
        SupervisorConfig(accept="share", max_connections=5)
