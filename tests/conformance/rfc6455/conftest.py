"""Every test here reads the bytes whole and one at a time, with the fast path and without it."""

from collections.abc import Callable

import pytest

from serverkit_proto.config import ProtoConfig
from serverkit_proto.websocket_deflate import DeflateParameters
from tests.proto.driving import octets
from tests.proto.framing import CONFIG, Heard, hear

type Read = Callable[..., Heard]


@pytest.fixture(params=["whole", "octets"])
def is_whole(request: pytest.FixtureRequest) -> bool:
    """Whether all comes at once."""
    return bool(request.param == "whole")


@pytest.fixture(params=["fast", "wsproto"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether plain frames are read without wsproto."""
    return bool(request.param == "fast")


@pytest.fixture
def read(*, is_whole: bool, fast: bool) -> Read:
    """Return a function that reads what a client sends and says what came of it."""

    def read(
        data: bytes, deflate: DeflateParameters | None = None, config: ProtoConfig = CONFIG
    ) -> Heard:
        heard, _ = hear([data] if is_whole else octets(data), deflate, config, fast=fast)
        return heard

    return read
