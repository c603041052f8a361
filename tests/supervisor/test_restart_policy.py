"""Whether and when a worker is started again: pure, the time is an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_supervisor import RestartPolicy
from serverkit_supervisor.restart_policy import RestartHistory


def test_the_defaults_are_patient_but_not_for_ever() -> None:
    """0.5 s doubling to 30 s; five times within a minute."""
    policy = RestartPolicy()

    assert (policy.backoff_s, policy.backoff_max_s) == (0.5, 30.0)
    assert (policy.budget, policy.window_s) == (5, 60.0)


def test_the_delay_doubles_until_the_budget_is_spent() -> None:
    """And then there is none."""
    history = RestartHistory(RestartPolicy())

    assert [history.crashed(10.0) for _ in range(7)] == [0.5, 1, 2, 4, 8, None, None]


@pytest.mark.parametrize(("later", "delay"), [(59.9, 1.0), (60.0, 0.5), (60.1, 0.5)])
def test_a_crash_is_forgotten_after_the_window(later: float, delay: float) -> None:
    """At its very end, too."""
    history = RestartHistory(RestartPolicy(window_s=60))
    history.crashed(0.0)

    assert history.crashed(later) == delay


def test_a_budget_of_zero_is_spent_by_the_first_crash() -> None:
    """Nothing is started again."""
    assert RestartHistory(RestartPolicy(budget=0)).crashed(0.0) is None


def test_a_large_budget_does_not_overflow() -> None:
    """However many crashes there are, the delay is the largest."""
    history = RestartHistory(RestartPolicy(budget=5000, window_s=1e9))

    assert [history.crashed(float(at)) for at in range(3000)][-1] == 30.0


def test_a_history_can_be_forgotten() -> None:
    """Other code, other luck."""
    history = RestartHistory(RestartPolicy(budget=1))
    history.crashed(0.0)

    history.forget()

    assert history.count(0.0) == 0
    assert history.crashed(0.0) == 0.5


def test_crashes_within_the_window_are_counted() -> None:
    """At the time that is asked for."""
    history = RestartHistory(RestartPolicy(window_s=10))
    for at in (0.0, 5.0, 9.0):
        history.crashed(at)

    assert [history.count(now) for now in (9.0, 12.0, 16.0, 30.0)] == [3, 2, 1, 0]


@given(st.lists(st.floats(0, 1000), max_size=50), st.integers(0, 6), st.floats(1, 100))
def test_no_window_has_more_restarts_than_the_budget(
    gaps: list[float], budget: int, window_s: float
) -> None:
    """Wherever it begins."""
    history = RestartHistory(RestartPolicy(budget=budget, window_s=window_s))
    now, granted = 0.0, []
    for gap in gaps:
        now += gap
        if history.crashed(now) is not None:
            granted.append(now)

    for first in granted:
        assert sum(first - window_s < each <= first for each in granted) <= budget


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("backoff_s", -0.1, "backoff_s must be 0 seconds or more, not -0.1"),
        ("backoff_s", float("inf"), "backoff_s must be 0 seconds or more, not inf"),
        ("backoff_s", float("nan"), "backoff_s must be 0 seconds or more, not nan"),
        ("backoff_max_s", 0.4, "backoff_max_s must be backoff_s (0.5) or more, not 0.4"),
        ("backoff_max_s", float("inf"), "backoff_max_s must be backoff_s (0.5) or more, not inf"),
        ("budget", -1, "budget must be 0 restarts or more, not -1"),
        ("window_s", 0, "window_s must be above 0 seconds, not 0"),
        ("window_s", float("inf"), "window_s must be above 0 seconds, not inf"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(setting: str, value: float, message: str) -> None:
    """The message names the setting, the bound and the value."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        RestartPolicy(**{setting: value})  # type: ignore[arg-type]

    assert str(caught.value) == message


def test_bounds_themselves_are_allowed() -> None:
    """No delay, no budget, a delay that does not grow."""
    policy = RestartPolicy(backoff_s=0, backoff_max_s=0, budget=0, window_s=0.1)

    assert RestartHistory(RestartPolicy(backoff_s=0, backoff_max_s=0)).crashed(0.0) == 0
    assert policy.budget == 0
