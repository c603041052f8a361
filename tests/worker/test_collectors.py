"""Those who listen to lifecycle events."""

import json
import logging
import re
import threading
from collections.abc import Iterator, Sequence

import pytest

from serverkit_worker.collectors import (
    BufferedCollector,
    LifecycleCollector,
    LoggingCollector,
    NoopCollector,
)
from serverkit_worker.lifecycle_events import (
    ClientDisconnected,
    ConnectionOpened,
    LifecycleEvent,
    RequestStarted,
    ResponseCompleted,
)

BOUND_S = 30


def event(number: int = 0) -> ClientDisconnected:
    """An event that can be told from others by its number."""
    return ClientDisconnected(connection_id=number, worker_id=0, during_streaming=False)


def numbers(events: Sequence[LifecycleEvent]) -> list[int]:
    """The numbers of events."""
    return [each.connection_id for each in events]


def completed(
    *, duration_ms: float = 1.26, streaming: bool = False, path: str = "/a"
) -> ResponseCompleted:
    """A response that was completed."""
    return ResponseCompleted(
        connection_id=7,
        worker_id=2,
        status=200,
        bytes_sent=13,
        duration_ms=duration_ms,
        method="GET",
        path=path,
        streaming=streaming,
    )


def started(path: str) -> RequestStarted:
    """A request that was started."""
    return RequestStarted(connection_id=7, worker_id=2, method="GET", path=path, http_version="1.1")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, from INFO on."""
    with caplog.at_level(logging.INFO, logger="serverkit.lifecycle"):
        yield caplog


@pytest.mark.parametrize("collector", [NoopCollector(), BufferedCollector(), LoggingCollector()])
def test_a_collector_conforms_by_its_shape(collector: LifecycleCollector) -> None:
    """All that is asked of it is to record."""
    assert isinstance(collector, LifecycleCollector)
    collector.record(event())


def test_a_buffer_keeps_events_until_flush() -> None:
    """Flush returns them, oldest first, and empties the buffer."""
    collector = BufferedCollector()
    for number in range(3):
        collector.record(event(number))
    length = len(collector)

    flushed = collector.flush()

    assert length == 3
    assert numbers(flushed) == [0, 1, 2]
    assert len(collector) == 0
    assert list(collector.flush()) == []


def test_a_buffer_without_an_outlet_keeps_the_newest() -> None:
    """It is bounded also where nobody ever flushes."""
    collector = BufferedCollector(max_buffer_size=2)

    for number in range(5):
        collector.record(event(number))

    assert numbers(collector.flush()) == [3, 4]


def test_a_full_buffer_is_handed_on() -> None:
    """As soon as it is full, and what is left on flush."""
    batches: list[list[int]] = []
    collector = BufferedCollector(2, on_flush=lambda batch: batches.append(numbers(batch)))
    for number in range(5):
        collector.record(event(number))
    full = list(batches)

    flushed = collector.flush()
    collector.flush()

    assert full == [[0, 1], [2, 3]]
    assert batches == [[0, 1], [2, 3], [4]]
    assert numbers(flushed) == [4]


def test_on_flush_runs_without_the_lock() -> None:
    """It may use the collector itself, and other threads are not held up by it."""
    batches: list[list[int]] = []

    def on_flush(batch: Sequence[LifecycleEvent]) -> None:
        batches.append(numbers(batch))
        if len(batches) == 1:
            other = threading.Thread(target=collector.record, args=(event(10),))
            other.start()
            other.join(BOUND_S)
            assert not other.is_alive()
            collector.flush()

    collector = BufferedCollector(2, on_flush=on_flush)
    collector.record(event(0))
    collector.record(event(1))

    assert batches == [[0, 1], [10]]


def test_a_failing_on_flush_costs_its_batch(caplog: pytest.LogCaptureFixture) -> None:
    """It does not fail the request during which the buffer got full."""

    def fail(batch: Sequence[LifecycleEvent]) -> None:
        raise ZeroDivisionError

    collector = BufferedCollector(1, on_flush=fail)

    collector.record(event())

    [told] = caplog.records
    assert (told.name, told.levelname) == ("serverkit.error", "ERROR")
    assert "1 lifecycle events are lost" in told.message
    assert len(collector) == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_buffer_holds_something(size: int) -> None:
    """The message names the parameter and the value."""
    with pytest.raises(ValueError, match=f"max_buffer_size must be 1 or more, not {size}"):
        BufferedCollector(size)


def test_a_buffer_loses_and_doubles_nothing_among_threads() -> None:
    """Workers in threads share a collector."""
    seen: list[int] = []
    collector = BufferedCollector(7, on_flush=lambda batch: seen.extend(numbers(batch)))
    start = threading.Barrier(4)

    def work(first: int) -> None:
        start.wait(BOUND_S)
        for number in range(first, first + 1000):
            collector.record(event(number))

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    collector.flush()

    assert sorted(seen) == list(range(4000))


def test_text_names_the_event_and_its_fields(log: pytest.LogCaptureFixture) -> None:
    """One line, in the order of the fields."""
    LoggingCollector().record(completed())

    [message] = log.messages
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ResponseCompleted connection_id=7 worker_id=2 "
        r"status=200 bytes_sent=13 duration_ms=1\.3 method=GET path=/a streaming=False",
        message,
    )


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/\x1b[31m\n", r"path=/\x1b[31m\x0a"),
        ("/a b", 'path="/a b"'),
        ("", 'path=""'),
        ("/\xe9", r"path=/\xe9"),
    ],
)
def test_text_cannot_be_forged(log: pytest.LogCaptureFixture, path: str, shown: str) -> None:
    """A decoded path may have anything in it; the line stays one line of separate words."""
    LoggingCollector().record(completed(path=path))

    assert shown in log.messages[0]


def test_json_is_one_object(log: pytest.LogCaptureFixture) -> None:
    """With the time, the level and the name in words that do not depend on Python."""
    LoggingCollector(log_format="json").record(completed(path='/"\n\x1b\ud800'))

    [message] = log.messages
    fields = json.loads(message)
    assert message.isascii()
    assert "\n" not in message
    assert re.fullmatch(r"20\d\d-.*\.\d{3}Z", fields.pop("ts"))
    assert fields == {
        "level": "info",
        "event": "response_completed",
        "connection_id": 7,
        "worker_id": 2,
        "status": 200,
        "bytes_sent": 13,
        "duration_ms": 1.3,
        "method": "GET",
        "path": '/"\n\x1b\ud800',
        "streaming": False,
    }


def test_times_are_dates_of_today(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monotonic time of an event is shown in UTC, also when the clock is set meanwhile."""
    monkeypatch.setattr("time.time_ns", lambda: 1_795_157_456_000_000_000)
    monkeypatch.setattr("time.monotonic_ns", lambda: 5_000_000_000)
    collector = LoggingCollector(log_format="json")
    monkeypatch.setattr("time.time_ns", lambda: 0)

    collector.record(
        ClientDisconnected(
            connection_id=1, worker_id=0, timestamp_ns=6_250_999_999, during_streaming=True
        )
    )

    assert json.loads(log.messages[0])["ts"] == "2026-11-20T06:50:57.250Z"


@pytest.mark.parametrize(
    ("duration_ms", "streaming", "slow"),
    [(499.9, False, False), (500.0, False, True), (500.0, True, False), (1e9, True, False)],
)
def test_a_slow_request_is_a_warning_but_a_stream_is_none(
    log: pytest.LogCaptureFixture, *, duration_ms: float, streaming: bool, slow: bool
) -> None:
    """From the threshold on; a stream may last for hours."""
    for log_format in ("text", "json"):
        collector = LoggingCollector(
            slow_threshold_s=0.5,
            log_format=log_format,
        )
        collector.record(completed(duration_ms=duration_ms, streaming=streaming))

    text, as_json = log.messages
    assert [each.levelname for each in log.records] == ["WARNING" if slow else "INFO"] * 2
    assert (" SLOW ResponseCompleted " in text) is slow
    assert json.loads(as_json).get("slow", False) is slow
    assert json.loads(as_json)["level"] == ("warn" if slow else "info")


def test_health_checks_are_not_logged(log: pytest.LogCaptureFixture) -> None:
    """Neither the request nor its response; everything else is."""
    collector = LoggingCollector(health_path="/health")

    for path in ("/health", "/healthy"):
        collector.record(started(path))
        collector.record(completed(path=path))
    collector.record(event())

    assert [re.findall(r"path=(\S+)", message) for message in log.messages] == [
        ["/healthy"],
        ["/healthy"],
        [],
    ]


def test_a_logger_that_is_off_costs_no_message(caplog: pytest.LogCaptureFixture) -> None:
    """Below its level nothing is written; a logger of one's own may be given."""
    logger = logging.getLogger("tests.collectors")
    logger.setLevel(logging.WARNING)
    collector = LoggingCollector(slow_threshold_s=1, logger=logger)

    collector.record(completed(duration_ms=999))
    collector.record(completed(duration_ms=1000))

    assert [each.name for each in caplog.records] == ["tests.collectors"]


def test_an_address_without_a_name_is_shown_as_empty(log: pytest.LogCaptureFixture) -> None:
    """Over a unix socket the client often has none."""
    opened = ConnectionOpened(
        connection_id=1,
        worker_id=0,
        client_addr="",
        client_port=0,
        server_addr="/run/my app.sock",
        server_port=0,
        protocol="http/1.1",
    )

    LoggingCollector().record(opened)

    assert log.messages[0].endswith(
        'client_addr="" client_port=0 server_addr="/run/my app.sock" server_port=0 '
        "protocol=http/1.1"
    )
