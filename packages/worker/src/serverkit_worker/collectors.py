"""Those who listen to lifecycle events: nobody, a buffer, a log."""

import dataclasses
import json
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol, runtime_checkable

from serverkit_worker.lifecycle_events import LifecycleEvent, RequestStarted, ResponseCompleted
from serverkit_worker.log_text import escape, utc_second

_ERROR_LOGGER: Final = logging.getLogger("serverkit.error")
_WORD_START: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@runtime_checkable
class LifecycleCollector(Protocol):
    """Listens to what happens to connections."""

    def record(self, event: LifecycleEvent) -> None:
        """Take note of an event. Returns soon and does not raise: a request is waiting.

        Threads: any; workers in threads call it at the same time.
        """
        ...


class NoopCollector:
    """Listens to nothing. A worker that has it, or none, builds no events at all."""

    def record(self, event: LifecycleEvent) -> None:
        """Forget the event."""


class BufferedCollector:
    """Keeps events, and hands them on in batches.

    Args:
        max_buffer_size: 1 and up; how many events are kept. With `on_flush`, the buffer is
            flushed when it holds as many; without, the oldest event makes room for the next.
        on_flush: is given each batch, oldest event first. It runs in whatever thread filled the
            buffer, with no lock held, and so perhaps in several at once. What it raises is
            reported to the logger `serverkit.error`, and its batch is gone.

    Raises:
        ValueError: max_buffer_size is below 1.

    Threads: any, for all methods.
    """

    def __init__(
        self,
        max_buffer_size: int = 1000,
        on_flush: Callable[[Sequence[LifecycleEvent]], None] | None = None,
    ) -> None:
        if max_buffer_size < 1:
            raise ValueError(f"max_buffer_size must be 1 or more, not {max_buffer_size}")
        self._max_buffer_size = max_buffer_size
        self._on_flush = on_flush
        self._lock = threading.Lock()
        self._events: deque[LifecycleEvent] = deque(maxlen=max_buffer_size)

    def __len__(self) -> int:
        return len(self._events)

    def record(self, event: LifecycleEvent) -> None:
        """Keep an event, see `LifecycleCollector.record`."""
        with self._lock:
            self._events.append(event)
            is_due = self._on_flush is not None and len(self._events) == self._max_buffer_size
            batch = self._take() if is_due else ()
        self._hand_on(batch)

    def flush(self) -> Sequence[LifecycleEvent]:
        """Empty the buffer: give what it held to `on_flush`, if there is one, and return it."""
        with self._lock:
            batch = self._take()
        self._hand_on(batch)
        return batch

    def _take(self) -> Sequence[LifecycleEvent]:
        """Return what is kept and forget it. With the lock held."""
        batch = tuple(self._events)
        self._events.clear()
        return batch

    def _hand_on(self, batch: Sequence[LifecycleEvent]) -> None:
        if not batch or self._on_flush is None:
            return
        try:
            self._on_flush(batch)
        except Exception:
            _ERROR_LOGGER.exception("on_flush failed; %d lifecycle events are lost.", len(batch))


class LoggingCollector:
    """Writes events to a logger, one message each.

    A request that takes long is a warning, a stream never: to last is its nature. Text looks like
    `2026-11-20T06:50:56.123Z ResponseCompleted connection_id=7 worker_id=0 status=200 ...`, JSON
    is one object with `ts`, `level`, `event` (such as "response_completed") and the event's
    fields.

    Args:
        slow_threshold_s: seconds from which a request is slow; "slow": true, or the word SLOW,
            marks it.
        log_format: "text" for people, "json" for machines.
        health_path: requests for this path are not logged.
        logger: which; `serverkit.lifecycle` when left out. Messages have their own time, and a
            handler need not add one.

    Threads: any.
    """

    def __init__(
        self,
        *,
        slow_threshold_s: float = 5.0,
        log_format: Literal["text", "json"] = "text",
        health_path: str | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self._slow_threshold_ms = slow_threshold_s * 1000
        self._message = _json_message if log_format == "json" else _text_message
        self._health_path = health_path
        self._logger = logging.getLogger("serverkit.lifecycle") if logger is None else logger
        # Events have monotonic times. The clock may be set meanwhile; the order stays right.
        self._utc_offset_ns = time.time_ns() - time.monotonic_ns()

    def record(self, event: LifecycleEvent) -> None:
        """Log an event, see `LifecycleCollector.record`."""
        is_slow = (
            isinstance(event, ResponseCompleted)
            and not event.streaming
            and event.duration_ms >= self._slow_threshold_ms
        )
        level = logging.WARNING if is_slow else logging.INFO
        if not self._logger.isEnabledFor(level) or self._is_health_check(event):
            return
        time_ns = event.timestamp_ns + self._utc_offset_ns
        self._logger.log(level, "%s", self._message(event, time_ns, is_slow=is_slow))

    def _is_health_check(self, event: LifecycleEvent) -> bool:
        return (
            self._health_path is not None
            and isinstance(event, (RequestStarted, ResponseCompleted))
            and event.path == self._health_path
        )


def _stamp(time_ns: int) -> str:
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{utc_second(seconds)}.{rest_ns // 1_000_000:03d}Z"


def _fields(event: LifecycleEvent) -> dict[str, object]:
    fields = {each.name: getattr(event, each.name) for each in dataclasses.fields(event)}
    del fields["timestamp_ns"]
    if "duration_ms" in fields:
        fields["duration_ms"] = round(fields["duration_ms"], 1)
    return fields


def _text_message(event: LifecycleEvent, time_ns: int, *, is_slow: bool) -> str:
    words = [_stamp(time_ns), "SLOW " * is_slow + type(event).__name__]
    words += [f"{name}={_word(value)}" for name, value in _fields(event).items()]
    return " ".join(words)


def _word(value: object) -> str:
    text = escape(str(value))
    return text if text and " " not in text else f'"{text}"'


def _json_message(event: LifecycleEvent, time_ns: int, *, is_slow: bool) -> str:
    fields: dict[str, object] = {
        "ts": _stamp(time_ns),
        "level": "warn" if is_slow else "info",
        "event": _WORD_START.sub("_", type(event).__name__).lower(),
        **_fields(event),
    }
    if is_slow:
        fields["slow"] = True
    return json.dumps(fields)
