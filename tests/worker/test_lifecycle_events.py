"""The lifecycle events: their fields are a contract with whoever collects them."""

import dataclasses
import threading
import time
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import pytest

from serverkit_worker import lifecycle_events
from serverkit_worker.lifecycle_events import (
    ClientDisconnected,
    ConnectionCompleted,
    LifecycleEvent,
    StreamClosed,
    next_connection_id,
)

BOUND_S = 30
COMMON = ["connection_id", "worker_id", "timestamp_ns"]
EVENTS: list[type[LifecycleEvent]] = [
    value
    for value in vars(lifecycle_events).values()
    if isinstance(value, type) and issubclass(value, LifecycleEvent) and value != LifecycleEvent
]


def test_the_events_have_the_published_fields() -> None:
    """A collector relies on these names."""
    fields = {
        event.__name__: [field.name for field in dataclasses.fields(event)] for event in EVENTS
    }

    assert fields == {
        "ConnectionOpened": [
            *COMMON,
            *("client_addr", "client_port", "server_addr", "server_port", "protocol"),
        ],
        "RequestStarted": [*COMMON, "method", "path", "http_version"],
        "ResponseCompleted": [
            *COMMON,
            *("status", "bytes_sent", "duration_ms", "method", "path", "streaming"),
        ],
        "StreamOpened": [*COMMON, "method", "path"],
        "StreamClosed": [*COMMON, "duration_ms", "reason"],
        "ClientDisconnected": [*COMMON, "during_streaming"],
        "ConnectionCompleted": [
            *COMMON,
            *("requests_served", "total_bytes_sent", "duration_ms", "reason"),
        ],
    }


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_frozen_slotted_and_named(event: type[LifecycleEvent]) -> None:
    """It may be kept and shared among threads; it has no room for more."""
    fields = dataclasses.fields(event)
    values: dict[str, Any] = {field.name: 1 for field in fields}
    made = event(**values)

    assert isinstance(made, LifecycleEvent)
    assert all(field.kw_only for field in fields)
    assert not hasattr(made, "__dict__")
    for name in values:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 2)


def test_the_reasons_are_the_published_ones() -> None:
    """Metrics have them as labels."""
    assert set(get_args(get_type_hints(StreamClosed)["reason"])) == {
        *("complete", "client_disconnect", "drain", "error"),
    }
    assert set(get_args(get_type_hints(ConnectionCompleted)["reason"])) == {
        *("complete", "timeout", "client_disconnect", "error", "backpressure", "write_timeout"),
    }


def test_an_event_knows_when_it_was_made() -> None:
    """By the monotonic clock, unless the time is given."""
    before = time.monotonic_ns()
    event = ClientDisconnected(connection_id=1, worker_id=0, during_streaming=False)
    after = time.monotonic_ns()

    assert before <= event.timestamp_ns <= after
    assert dataclasses.replace(event, timestamp_ns=5).timestamp_ns == 5


def test_connection_ids_are_unique_and_increase_in_every_thread() -> None:
    """Two workers never give the same number, and each sees its own grow."""
    seen: list[list[int]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def take(numbers: list[int]) -> None:
        start.wait(BOUND_S)
        numbers.extend(next_connection_id() for _ in range(5000))

    threads = [threading.Thread(target=take, args=(numbers,)) for numbers in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)

    assert len({number for numbers in seen for number in numbers}) == 20_000
    assert all(a < b for numbers in seen for a, b in pairwise(numbers))
