"""The table of the life of a run."""

import itertools

import pytest

from serverkit_supervisor.states import (
    COMING_UP,
    OVER,
    TRANSITIONS,
    Event,
    State,
    follow,
)


def test_every_state_has_its_row() -> None:
    """Also the last one, which has nothing in it."""
    assert set(TRANSITIONS) == set(State)
    assert TRANSITIONS[State.GONE] == {}


@pytest.mark.parametrize("state", [each for each in State if each not in OVER])
def test_anything_may_be_asked_of_a_run_that_is_not_over(state: State) -> None:
    """Being ready, asked to end, aborted, ended, and late: whoever says so need not look first."""
    assert set(TRANSITIONS[state]) >= set(Event) - {Event.UNKILLABLE}


def test_a_run_that_is_gone_has_no_more_events() -> None:
    """Whatever it is, it is an error of the supervisor."""
    for event in Event:
        with pytest.raises(AssertionError, match=f"{event.name} cannot happen to a run that is go"):
            follow(State.GONE, event)


@pytest.mark.parametrize("state", [each for each in State if each not in OVER])
def test_who_is_late_again_and_again_is_over_in_the_end(state: State) -> None:
    """Each state but the last two has a way on when its time is over, and no way leads back."""
    seen = [state]
    while seen[-1] not in OVER:
        seen.append(follow(seen[-1], Event.OVERDUE))
        assert len(seen) == len(set(seen))

    assert seen[-1] is State.ABANDONED


def test_no_way_leads_back() -> None:
    """A state that was left is never entered again."""
    later = {
        state: {after for after in row.values() if after is not state}
        for state, row in TRANSITIONS.items()
    }

    def reachable(state: State) -> set[State]:
        found = set(later[state])
        for each in later[state]:
            found |= reachable(each)
        return found

    assert all(state not in reachable(state) for state in State)


def test_an_end_is_seen_from_everywhere() -> None:
    """Whatever a run is at, it may exit."""
    exits = {state: row.get(Event.EXITED) for state, row in TRANSITIONS.items()}

    assert exits == {**dict.fromkeys(State, State.GONE), State.GONE: None}


def test_only_one_that_has_not_been_told_to_end_begins_to_serve() -> None:
    """Being ready too late changes nothing."""
    serving = {
        state
        for state, event in itertools.product(State, Event)
        if TRANSITIONS[state].get(event) is State.SERVING
    }

    assert serving == {State.STARTING, State.SERVING}
    assert serving < COMING_UP


def test_the_table_cannot_be_changed() -> None:
    """It is the same for all."""
    with pytest.raises(TypeError):
        TRANSITIONS[State.GONE] = {}  # type: ignore[index]
