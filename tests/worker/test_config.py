"""The settings of a worker: their defaults, their bounds, and what a wrong one is told."""

import dataclasses
import math
import re

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_worker.config import WorkerConfig

FIELDS = {field.name: field for field in dataclasses.fields(WorkerConfig)}
IN_SECONDS = [name for name, field in FIELDS.items() if field.metadata.get("unit") == "seconds"]
DURATIONS = [name for name in IN_SECONDS if "above" in FIELDS[name].metadata]
OPTIONAL_DURATIONS = [name for name in IN_SECONDS if name not in DURATIONS]
COUNTS = [name for name, field in FIELDS.items() if field.type is int]
SWITCHES = [name for name, field in FIELDS.items() if field.type is bool]
TEXTS = [name for name, field in FIELDS.items() if field.type is str]


def config(**changes: object) -> WorkerConfig:
    """The defaults but for the changes, whatever their types."""
    return WorkerConfig(**changes)  # type: ignore[arg-type]


def test_the_defaults_are_the_published_ones() -> None:
    """Nobody's deployment changes its behaviour with a release unannounced."""
    assert dataclasses.asdict(WorkerConfig()) | {"proto": None} == {
        "keep_alive_timeout": 5.0,
        "header_timeout": 10.0,
        "request_timeout": 30.0,
        "write_timeout": 30.0,
        "handler_timeout": None,
        "startup_timeout": 30.0,
        "shutdown_timeout": 10.0,
        "reload_timeout": 30.0,
        "max_request_size": 1_048_576,
        "max_connections": 10_000,
        "max_requests_per_connection": 0,
        "limit_concurrency": 0,
        "backlog": 2048,
        "max_requests": 0,
        "recycle_jitter": 0.1,
        "websocket": True,
        "websocket_handshake_timeout": 10.0,
        "websocket_ping_interval": 20.0,
        "websocket_ping_timeout": 20.0,
        "websocket_idle_timeout": 0.0,
        "websocket_close_timeout": 5.0,
        "websocket_max_queue": 32,
        "server_header": "serverkit",
        "date_header": True,
        "root_path": "",
        "cancel_on_disconnect": False,
        "worker_startup_failure": "ignore",
        "debug": False,
        "ssl_handshake_timeout": 10.0,
        "loop": "asyncio",
        "executor_threads_per_worker": 0,
        "access_log": True,
        "log_slow_requests_threshold": 5.0,
        "proto": None,
    }


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_explains_itself(name: str) -> None:
    """Help and documentation are derived from the fields, so each has a sentence and a heading."""
    metadata = FIELDS[name].metadata

    assert re.fullmatch(r"[A-Z].{15,}\.", metadata["help"])
    assert re.fullmatch(r"[A-Z][A-Za-z ]+", metadata["group"])
    bounds = {"above", "at_least"} & set(metadata)
    assert "unit" in metadata or not bounds or "at_most" in metadata  # A part of something.


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [0, -1, -0.001, math.inf, math.nan, True, "5", b"5"])
def test_a_duration_is_a_finite_number_above_zero(name: str, value: object) -> None:
    """No phase of a connection can be left unbounded, and the message says what to write."""
    message = f"{name} must be a finite number of seconds above 0, not {value!r}"

    with pytest.raises(ValueError, match=re.escape(message)):
        config(**{name: value})


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [0.001, 1, 86_400.5])
def test_a_duration_may_be_any_number_above_zero(name: str, value: float) -> None:
    """Whole seconds and fractions are both taken as they are."""
    assert getattr(config(**{name: value}), name) == value


@pytest.mark.parametrize("name", sorted(set(DURATIONS) - {"handler_timeout"}))
def test_a_duration_cannot_be_left_open(name: str) -> None:
    """None means no bound, which only the application's own time may have."""
    with pytest.raises(ValueError, match=f"{name} must be a finite number of seconds above 0"):
        config(**{name: None})


@pytest.mark.parametrize("name", OPTIONAL_DURATIONS)
def test_a_duration_that_may_be_switched_off_is_zero_then(name: str) -> None:
    """0 and fractions are taken; what is below, endless or no number is refused."""
    assert [getattr(config(**{name: each}), name) for each in (0, 0.5, 86_400)] == [0, 0.5, 86_400]
    for wrong in (-1, -0.001, math.inf, math.nan, True, "5", None):
        with pytest.raises(ValueError, match=f"{name} must be a finite number of seconds, 0 to "):
            config(**{name: wrong})


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_starts_at_its_lowest_value(name: str) -> None:
    """The bound itself is taken, one less is refused with the bound in the message."""
    lowest = FIELDS[name].metadata["at_least"]
    below = rf"{name} must be a whole number of \w+, {lowest} or more, not {lowest - 1}"

    assert getattr(config(**{name: lowest}), name) == lowest
    with pytest.raises(ValueError, match=below):
        config(**{name: lowest - 1})


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [1.0, True, "1", None, math.inf])
def test_a_count_is_a_whole_number(name: str, value: object) -> None:
    """What only looks like a number is refused, also True."""
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        config(**{name: value})


@pytest.mark.parametrize("value", [-0.01, 1.01, math.inf, math.nan, True, "0.1", None])
def test_a_jitter_is_a_part_of_the_whole(value: object) -> None:
    """Beyond the whole, a bound might vary to nothing."""
    message = f"recycle_jitter must be a finite number, 0 to 1, not {value!r}"

    with pytest.raises(ValueError, match=re.escape(message)):
        config(recycle_jitter=value)
    assert [config(recycle_jitter=each).recycle_jitter for each in (0, 0.5, 1)] == [0, 0.5, 1]


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", [1, 0, "no", None])
def test_a_switch_is_true_or_false(name: str, value: object) -> None:
    """The string "no" does not switch something on."""
    with pytest.raises(ValueError, match=f"{name} must be True or False, not {value!r}"):
        config(**{name: value})


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [b"x", None, 1])
def test_a_text_is_a_string(name: str, value: object) -> None:
    """Bytes are not silently shown with a b in front."""
    with pytest.raises(ValueError, match=f"{name} must be a string, not {value!r}"):
        config(**{name: value})


@pytest.mark.parametrize("value", ["trio", "", None, "ASYNCIO"])
def test_an_unknown_loop_is_told_the_known_ones(value: object) -> None:
    """The message lists every choice."""
    message = f"loop must be one of asyncio, uvloop, auto, not {value!r}"

    with pytest.raises(ValueError, match=re.escape(message)):
        config(loop=value)


@pytest.mark.parametrize("value", ["warn", "", None, True])
def test_an_unknown_policy_is_told_the_known_ones(value: object) -> None:
    """The message lists every choice."""
    message = f"worker_startup_failure must be one of ignore, shutdown, not {value!r}"

    with pytest.raises(ValueError, match=re.escape(message)):
        config(worker_startup_failure=value)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\0", "caf\xe9", " a", "a ", "\t"])
def test_the_server_header_cannot_split_a_response(value: str) -> None:
    """Only what is harmless in a header is taken; the message says how to send none."""
    with pytest.raises(ValueError, match=r"server_header must be printable.* leave it empty"):
        config(server_header=value)


def test_the_server_header_may_be_left_out() -> None:
    """Empty is how to send none."""
    assert config(server_header="").server_header == ""


@pytest.mark.parametrize("value", ["", "/api", "/a/b", "/caf\xe9"])
def test_a_root_path_is_taken_as_it_is(value: str) -> None:
    """Nothing is added or removed."""
    assert config(root_path=value).root_path == value


@pytest.mark.parametrize("value", ["api", "/api/", "/", "api/"])
def test_a_malformed_root_path_is_told_the_right_one(value: str) -> None:
    """The message has the value that would do."""
    right = "/api" if "api" in value else ""

    with pytest.raises(ValueError, match=f"root_path must .*, not {value!r}; write {right!r}$"):
        config(root_path=value)


def test_a_root_path_has_no_control_characters() -> None:
    """It stands in links and logs."""
    with pytest.raises(ValueError, match="root_path must be printable"):
        config(root_path="/a\nb")


def test_the_protocol_has_its_own_settings() -> None:
    """They are a slice of their own, and nothing else is taken for one."""
    assert config().proto == ProtoConfig()
    with pytest.raises(ValueError, match=r"proto must be a ProtoConfig, not \{\}"):
        config(proto={})


def test_settings_are_frozen_and_named() -> None:
    """They cannot change under a running worker, nor be mixed up by position."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        config().debug = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        WorkerConfig(5.0)  # type: ignore[call-arg]
