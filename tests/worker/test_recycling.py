"""When a worker has served enough, and how often it says so."""

import random

import pytest

from serverkit_worker.recycling import RequestLimit


def test_it_asks_once() -> None:
    """At the limit, not before, and never again."""
    reasons: list[str] = []
    limit = RequestLimit(10, 0.0, reasons.append)

    for served in (0, 9, 12, 13, 1_000):
        limit.check(served)

    assert limit.requests == 10
    assert reasons == ["it has served 12 requests"]


@pytest.mark.parametrize(("drawn", "expected"), [(-1.0, 900), (0.0, 1_000), (1.0, 1_100)])
def test_the_limit_is_varied_once(
    monkeypatch: pytest.MonkeyPatch, drawn: float, expected: int
) -> None:
    """By the jitter at most, up or down, so that not all workers ask at once."""
    monkeypatch.setattr(random, "uniform", lambda low, high: (high - low) / 2 * drawn)
    assert RequestLimit(1_000, 0.1, lambda _: None).requests == expected


def test_one_request_is_always_served() -> None:
    """However large the jitter."""
    found = {RequestLimit(1, 1.0, lambda _: None).requests for _ in range(100)}
    assert found <= {1, 2}


def test_it_has_asked_even_if_that_fails() -> None:
    """A failure is not repeated in every tick."""
    calls: list[str] = []

    def fail(reason: str) -> None:
        calls.append(reason)
        raise RuntimeError("no supervisor")

    limit = RequestLimit(1, 0.0, fail)
    with pytest.raises(RuntimeError):
        limit.check(5)
    limit.check(6)

    assert len(calls) == 1
