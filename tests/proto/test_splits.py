"""How the network cuts the bytes changes nothing."""

from typing import Any

import pytest
from hypothesis import given

from serverkit_proto.config import Http1Engine, ProtoConfig
from tests.proto.driving import Outcome, drive, octets
from tests.proto.streams import ANY, GOOD, cuts

SMALL = {"max_header_size": 150, "max_headers": 4, "max_target_size": 20}
ENGINES = pytest.mark.parametrize("engine", ["fast", "h11"])


def same(outcome: Outcome, other: Outcome) -> None:
    """Check that two outcomes are the same as far as a peer could tell."""
    assert outcome.messages == other.messages
    assert outcome.sent == other.sent
    # Of two things wrong, the one is found that comes in the first piece.
    assert (outcome.error is None) is (other.error is None)


@ENGINES
@given(cut=cuts(GOOD))
def test_a_good_stream(engine: Http1Engine, cut: tuple[bytes, list[bytes]]) -> None:
    """Whole, in pieces, and one byte at a time: the same requests, and no error."""
    data, pieces = cut
    config = ProtoConfig(http1=engine)
    whole, _ = drive([data], config, eof=True)
    assert whole.error is None
    assert all(message.complete for message in whole.messages)
    same(whole, drive(pieces, config, eof=True)[0])
    same(whole, drive(octets(data), config, eof=True)[0])


@ENGINES
@pytest.mark.parametrize("limits", [{}, SMALL], ids=["usual", "small"])
@given(cut=cuts(ANY))
def test_any_stream(
    engine: Http1Engine, limits: dict[str, Any], cut: tuple[bytes, list[bytes]]
) -> None:
    """The same requests, then the same end, good or bad; also where limits are hit."""
    data, pieces = cut
    config = ProtoConfig(http1=engine, **limits)
    whole, _ = drive([data], config, eof=True)
    same(whole, drive(pieces, config, eof=True)[0])
    same(whole, drive(octets(data), config, eof=True)[0])


@given(cut=cuts(ANY))
def test_both_engines(cut: tuple[bytes, list[bytes]]) -> None:
    """The engines accept the same, refuse the same, and say the same of it."""
    _, pieces = cut
    fast, _ = drive(pieces, ProtoConfig(http1="fast"), eof=True)
    other, _ = drive(pieces, ProtoConfig(http1="h11"), eof=True)
    same(fast, other)
    assert fast.code == other.code
