"""When a worker has served long enough: pure, time, size and chance are arguments."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_supervisor.recycle_limits import RecycleLimits


def test_nothing_is_bounded_by_default() -> None:
    """However old and large it is."""
    limits = RecycleLimits()

    assert limits.reason(ready_at=0.0, now=1e9, rss_bytes=2**60) == ""
    assert limits.ends_at(5.0) is None


@pytest.mark.parametrize(
    ("now", "reason"), [(109.9, ""), (110.0, "it has served for 100 s"), (200.0, "it has served")]
)
def test_a_lifetime_counts_from_being_ready(now: float, reason: str) -> None:
    """Its end belongs to it no more."""
    limits = RecycleLimits(lifetime_s=100)

    found = limits.reason(ready_at=10.0, now=now, rss_bytes=None)

    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@given(st.floats(0, 1e6), st.floats(0.001, 1e6))
def test_at_its_end_a_lifetime_is_over(ready_at: float, lifetime_s: float) -> None:
    """Whatever rounding does: who waits until then does not wait in vain."""
    limits = RecycleLimits(lifetime_s=lifetime_s)
    ends_at = limits.ends_at(ready_at)

    assert ends_at is not None
    assert limits.reason(ready_at=ready_at, now=ends_at, rss_bytes=None)


@pytest.mark.parametrize(
    ("rss_bytes", "reason"),
    [(None, ""), (104_857_600, ""), (104_857_601, "it holds 100 MiB of memory")],
)
def test_memory_may_be_as_large_as_the_bound(rss_bytes: int | None, reason: str) -> None:
    """One byte more is too much; a size that is not known is not."""
    limits = RecycleLimits(rss_bytes=104_857_600)

    assert limits.reason(ready_at=0.0, now=0.0, rss_bytes=rss_bytes) == reason


@given(st.floats(0, 1), st.integers())
def test_bounds_are_raised_by_up_to_the_jitter(jitter: float, seed: int) -> None:
    """Never lowered, and never by more."""
    drawn = RecycleLimits(lifetime_s=100, rss_bytes=1000).drawn(jitter, random.Random(seed))

    assert 100 <= (drawn.lifetime_s or 0) <= 100 * (1 + jitter)
    assert 1000 <= drawn.rss_bytes <= 1000 * (1 + jitter)


def test_what_is_not_bounded_stays_so() -> None:
    """Chance does not invent a bound."""
    assert RecycleLimits().drawn(1.0, random.Random(1)) == RecycleLimits()
