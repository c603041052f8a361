"""Every test here runs on both engines, with the bytes whole and one at a time."""

from collections.abc import Callable

import pytest

from serverkit_proto.config import Http1Engine, ProtoConfig
from tests.proto.driving import Outcome, drive, octets

type Read = Callable[..., Outcome]


@pytest.fixture(params=["fast", "h11"])
def engine(request: pytest.FixtureRequest) -> Http1Engine:
    """Name the engine under test."""
    name: Http1Engine = request.param
    return name


@pytest.fixture(params=["whole", "octets"])
def read(request: pytest.FixtureRequest, engine: Http1Engine) -> Read:
    """Return a function that reads bytes, with limits as keywords, and says what came of it."""
    whole = request.param == "whole"

    def read(data: bytes, *, eof: bool = False, **limits: int) -> Outcome:
        make: Callable[..., ProtoConfig] = ProtoConfig  # which judges the limits itself
        config = make(http1=engine, **limits)
        outcome, _ = drive([data] if whole else octets(data), config, eof=eof)
        return outcome

    return read
