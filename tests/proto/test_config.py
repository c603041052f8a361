"""Limits are judged when they are written."""

import dataclasses

import pytest

from serverkit_proto.config import ProtoConfig


def test_defaults_are_as_promised() -> None:
    """The limits and the engine that hold unless said otherwise."""
    assert dataclasses.asdict(ProtoConfig()) == {
        "max_header_size": 65_536,
        "max_headers": 100,
        "max_target_size": 16_384,
        "http1": "fast",
        "websocket_max_message_size": 16_777_216,
        "websocket_max_fragments": 100_000,
        "websocket_compression": True,
    }


@pytest.mark.parametrize(
    "name",
    [
        "max_header_size",
        "max_headers",
        "max_target_size",
        "websocket_max_message_size",
        "websocket_max_fragments",
    ],
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "1", True, None])
def test_a_bad_limit_is_named(name: str, value: object) -> None:
    """The error says which field and which value."""
    with pytest.raises(ValueError, match=f"{name} .*{value!r}"):
        ProtoConfig(**{name: value})  # type: ignore[arg-type]  # on purpose


def test_an_unknown_engine_is_named() -> None:
    """The error says which there are."""
    with pytest.raises(ValueError, match=r"http1 .*'fast', 'h11'.*'quick'"):
        ProtoConfig(http1="quick")  # type: ignore[arg-type]  # on purpose


def test_compression_is_a_switch() -> None:
    """The error says that it is on or off."""
    with pytest.raises(ValueError, match="websocket_compression must be a bool, not 1"):
        ProtoConfig(websocket_compression=1)  # type: ignore[arg-type]  # on purpose


def test_it_is_frozen() -> None:
    """Nobody changes the limits of a connection under way."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ProtoConfig().max_headers = 1  # type: ignore[misc]  # on purpose
